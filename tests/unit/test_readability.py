"""`make measure` counts what it says, and the code meets its goals."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra import topology
from tests.support import readability
from tests.support.readability import GOALS, Goal

SAMPLE = '''"""What this module is, as a riddle."""


def read_session(ids):
    """Read sessions."""
    # DynamoDB answers in no order.
    return [id for id in ids if id and id != "a"]


class Sessions:
    def read(self, key=lambda x: x):
        if key:
            return 1
        return 2
'''


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with one file of known figures."""
    (tmp_path / "sample.py").write_text(SAMPLE)
    return tmp_path


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("function names of one word, %", 50),
        ("docstrings that open with a relative word, %", 50),
        ("comprehensions per 1000 lines", round(1000 / 14, 1)),
        ("lambdas per 1000 lines", round(1000 / 14, 1)),
        ("comments per 1000 lines", round(1000 / 14, 1)),
        ("most complex function", 4),
        ("files in the fullest folder", 1),
        ("lines over 100 characters", 0),
        ("function lines, median", 4),
        ("branches per 100 function lines", 75),
    ],
)
def test_a_figure_is_counted(tree: Path, figure: str, value: float) -> None:
    figures, _ = readability.measure(tree)
    assert figures[figure] == value


def test_the_most_complex_function_is_named_by_its_place(tree: Path) -> None:
    assert readability.measure(tree)[1] == "sample.py:4"


def test_a_long_line_is_counted(tree: Path) -> None:
    (tree / "long.py").write_text(f"X = '{'x' * 100}'\n")
    assert readability.measure(tree)[0]["lines over 100 characters"] == 1


@pytest.mark.parametrize(
    ("value", "is_met"), [(14, False), (15, True), (40, True), (41, False)]
)
def test_a_goal_is_a_range(value: float, *, is_met: bool) -> None:
    assert Goal("comments", 40, 15).is_met(value) == is_met


def test_floors_and_arrows_are_counted_between_packages(tmp_path: Path) -> None:
    for package, imports in {
        "web": "from lib.domain import times",
        "domain": "import os",
    }.items():
        folder = tmp_path / "lib" / package
        folder.mkdir(parents=True)
        (folder / "times.py").write_text(f"{imports}\n")
    assert readability.count_floors(tmp_path, "lib") == 2
    assert readability.count_arrows(tmp_path, "lib") == 0.5


def test_the_packages_of_the_library_are_at_most_four_floors_high() -> None:
    assert readability.PACKAGE_FLOORS.is_met(
        readability.count_floors(topology.FUNCTIONS, "hardlink")
    )


def test_every_figure_has_a_goal() -> None:
    figures, _ = readability.measure(topology.FUNCTIONS / "hardlink" / "domain")
    assert figures.keys() == {goal.name for goal in GOALS}


@pytest.mark.parametrize("root", [topology.FUNCTIONS, topology.ROOT / "infra"])
def test_the_code_meets_the_goals(root: Path) -> None:
    figures, _ = readability.measure(root)
    missed = {
        goal.name: figures[goal.name]
        for goal in GOALS
        if not goal.is_met(figures[goal.name])
    }
    assert missed == {}
