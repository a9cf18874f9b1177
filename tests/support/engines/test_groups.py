"""A group of tests that can't run is named at the end, and is a failure where CI is set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.groups import in_ci

ROOT = Path(__file__).resolve().parent.parent.parent.parent


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Three groups: one that runs, one of which a part can't, one that can't be loaded."""
    _write(tmp_path / "tests/pure/test_a.py", "def test_a(): pass")
    _write(
        tmp_path / "tests/browser/test_b.py",
        "import pytest\n@pytest.fixture\ndef chromium(): pytest.skip('no Chromium')\n"
        "def test_b(chromium): pass\ndef test_c(chromium): pass\ndef test_d(): pass",
    )
    _write(
        tmp_path / "tests/deploy/test_e.py",
        "import pytest\npytest.skip('no CDK', allow_module_level=True)",
    )
    _write(
        tmp_path / "tests/store/test_f.py",
        "import pytest\n@pytest.mark.xfail\ndef test_f(): raise OSError",
    )
    return tmp_path


def test_every_group_that_did_not_run_is_named_with_its_reason(suite: Path) -> None:
    done = _run(suite, {})
    assert done.returncode == 0, done.stdout
    assert "groups run: browser (1), pure (1)" in done.stdout
    assert "groups not run:\n" in done.stdout
    assert "  browser (2 of its tests): no Chromium" in done.stdout
    assert "  deploy (1 of its tests): no CDK" in done.stdout
    assert "store" not in done.stdout.split("groups not run:")[1].split("====")[0]


@pytest.mark.parametrize("value", ["true", "1", "yes"])
def test_where_ci_is_set_it_is_a_failure(suite: Path, value: str) -> None:
    done = _run(suite, {"CI": value})
    assert done.returncode == 1
    assert "CI is set: that is a failure" in done.stdout


def test_where_everything_ran_it_says_so(suite: Path) -> None:
    done = _run(suite, {"CI": "true"}, "tests/pure")
    assert done.returncode == 0
    assert "groups not run: none" in done.stdout


def test_a_failure_stays_one(suite: Path) -> None:
    _write(suite / "tests/pure/test_z.py", "def test_z(): assert False")
    assert _run(suite, {}).returncode == 1


@pytest.mark.parametrize("value", ["", "0", "false", "False"])
def test_ci_may_be_set_to_no(value: str) -> None:
    assert not in_ci({"CI": value})
    assert not in_ci({})


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _run(
    suite: Path, ci: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment |= {"PYTHONPATH": str(ROOT), **ci}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.support.groups",
        "-p",
        "no:cacheprovider",
    ]
    return subprocess.run(
        [*command, "--import-mode=importlib", "--rootdir", str(suite), *arguments],
        cwd=suite,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
