"""Measure how the code reads, and compare it with the goals: `make measure`.

A row per figure, a column per folder. Complexity is counted by radon; all else is counted here from the
syntax tree. Ends with 1 where a goal is missed.
"""

from __future__ import annotations

import ast
import io
import re
import statistics
import sys
import tokenize
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from radon.complexity import cc_visit
from radon.visitors import Function

from infra import topology

LONGEST_LINE = 100
_GENERATED = {".venv", "node_modules", "cdk.out", "__pycache__", ".cache"}
_RELATIVE_WORD = re.compile(
    r"(what(ever)?|whether|whose|who(ever|m)?|that|how|when|where|which|why)\b",
    re.IGNORECASE,
)
"""A docstring that opens with one of these is a riddle: a clause without its sentence."""
Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure's name and the range that it has to be in."""

    name: str
    at_most: float
    at_least: float = 0

    def is_met(self, value: float) -> bool:
        """Say whether a value is in the range."""
        return self.at_least <= value <= self.at_most

    def __str__(self) -> str:
        """`<= 28`, or `15 to 40`."""
        low = f"{self.at_least:g} to " if self.at_least else "<= "
        return f"{low}{self.at_most:g}"


GOALS = (
    Goal("function names of one word, %", 45),
    Goal("docstrings that open with a relative word, %", 1),
    Goal("branches per 100 function lines", 28),
    Goal("comprehensions per 1000 lines", 15),
    Goal("lambdas per 1000 lines", 1),
    Goal("most complex function", 12),
    Goal("files in the fullest folder", 20),
    Goal("comments per 1000 lines", 40, 15),
    Goal(f"lines over {LONGEST_LINE} characters", 0),
    Goal("function lines, median", 9),
)
PACKAGE_FLOORS = Goal("floors of packages", 4)


@dataclass(slots=True)
class Counts:
    """What was counted in the files of a folder."""

    lines: int = 0
    long_lines: int = 0
    comments: int = 0
    comprehensions: int = 0
    lambdas: int = 0
    docstrings: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    function_lengths: list[int] = field(default_factory=list)
    complexities: dict[str, int] = field(default_factory=dict)
    branches: int = 0
    files_by_folder: Counter[Path] = field(default_factory=Counter)


def measure(root: Path) -> tuple[dict[str, float], str]:
    """Measure the Python files below a folder.

    Returns the figures by the names of `GOALS`, and where the most complex function is.
    """
    counts = Counts()
    for path in _python_files(root):
        _count_file(counts, root, path)
    return _figures(counts), _most_complex(counts)


def count_floors(root: Path, package: str) -> int:
    """Count the longest chain of packages that import each other below `root/package`."""
    arrows = _package_arrows(root, package)
    depths: dict[str, int] = {}

    def depth(name: str) -> int:
        if name not in depths:
            depths[name] = 0  # a cycle ends here
            below = [depth(other) for other in arrows[name]]
            depths[name] = 1 + max(below, default=0)
        return depths[name]

    return max(depth(name) for name in arrows)


def count_arrows(root: Path, package: str) -> float:
    """Count the modules of the package that a module of it imports, on average."""
    modules = _modules(root, package)
    arrows = 0
    for name, path in modules.items():
        targets = {_module_of(imported, modules) for imported in _imports(path)}
        arrows += len(targets - {None, name})
    return round(arrows / max(1, len(modules)), 1)


def _count_file(counts: Counts, root: Path, path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    if not source.strip():
        return
    rows = source.splitlines()
    counts.files_by_folder[path.parent] += 1
    counts.lines += len(rows)
    counts.long_lines += sum(len(row) > LONGEST_LINE for row in rows)
    counts.comments += _count_comments(source)
    for node in ast.walk(ast.parse(source)):
        _count_node(counts, node)
    for block in cc_visit(source):
        for function in _functions_of(block):
            counts.branches += function.complexity
            counts.complexities[f"{path.relative_to(root)}:{function.lineno}"] = (
                function.complexity
            )


def _count_node(counts: Counts, node: ast.AST) -> None:
    counts.comprehensions += isinstance(node, Comprehension)
    counts.lambdas += isinstance(node, ast.Lambda)
    if isinstance(node, Definition):
        counts.function_lengths.append(
            (node.end_lineno or node.lineno) - node.lineno + 1
        )
        if not node.name.startswith("__"):
            counts.names.append(node.name)
    if isinstance(node, Definition | ast.ClassDef | ast.Module):
        text = ast.get_docstring(node)
        if text:
            counts.docstrings.append(text)


def _functions_of(block: object) -> Iterator[Function]:
    """List the functions of a block of radon's: methods are listed by themselves, closures below their function."""
    if isinstance(block, Function):
        yield block
        for closure in block.closures:
            yield from _functions_of(closure)


def _count_comments(source: str) -> int:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return sum(token.type == tokenize.COMMENT for token in tokens)


def _figures(counts: Counts) -> dict[str, float]:
    one_word = [name for name in counts.names if "_" not in name.strip("_")]
    relative = [
        text for text in counts.docstrings if _RELATIVE_WORD.match(text.strip())
    ]
    thousand_lines = max(1, counts.lines) / 1000
    hundred_function_lines = max(1, sum(counts.function_lengths)) / 100
    values = (
        round(100 * len(one_word) / max(1, len(counts.names))),
        round(100 * len(relative) / max(1, len(counts.docstrings)), 1),
        round(counts.branches / hundred_function_lines, 1),
        round(counts.comprehensions / thousand_lines, 1),
        round(counts.lambdas / thousand_lines, 1),
        max(counts.complexities.values(), default=0),
        max(counts.files_by_folder.values(), default=0),
        round(counts.comments / thousand_lines, 1),
        counts.long_lines,
        statistics.median(counts.function_lengths or [0]),
    )
    return {goal.name: value for goal, value in zip(GOALS, values, strict=True)}


def _most_complex(counts: Counts) -> str:
    return max(
        counts.complexities, key=lambda place: counts.complexities[place], default=""
    )


def _python_files(root: Path) -> list[Path]:
    paths = sorted(root.rglob("*.py"))
    return [path for path in paths if not _GENERATED.intersection(path.parts)]


def _modules(root: Path, package: str) -> dict[str, Path]:
    paths = [path for path in _python_files(root / package) if path.stem != "__init__"]
    return {
        ".".join(path.relative_to(root).with_suffix("").parts): path for path in paths
    }


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module_of(imported: str, modules: Iterable[str]) -> str | None:
    parent = imported.rpartition(".")[0]
    return next((name for name in (imported, parent) if name in modules), None)


def _package_arrows(root: Path, package: str) -> dict[str, set[str]]:
    arrows: dict[str, set[str]] = {}
    for path in _modules(root, package).values():
        own = path.parent.name
        if own == package:
            continue
        imported = [name.split(".") for name in _imports(path)]
        packages = {
            parts[1] for parts in imported if parts[0] == package and len(parts) > 1
        }
        arrows.setdefault(own, set()).update(packages - {own})
    return {name: targets & arrows.keys() for name, targets in arrows.items()}


def _print_table(columns: Sequence[tuple[str, dict[str, float]]]) -> bool:
    """Print a row per figure with its goal; returns whether all goals are met."""
    all_met = True
    print("".ljust(48), "goal".ljust(10), *(name.ljust(12) for name, _ in columns))
    for goal in GOALS:
        cells = []
        for _, figures in columns:
            value = figures[goal.name]
            met = goal.is_met(value)
            all_met &= met
            cells.append(f"{value:g}{'' if met else ' !'}".ljust(12))
        print(goal.name.ljust(48), str(goal).ljust(10), *cells)
    return all_met


def main(arguments: Sequence[str], show: Callable[[str], None] = print) -> int:
    """Measure the folders given, else `functions` and `infra`; returns the exit code."""
    roots = [topology.ROOT / name for name in arguments or ("functions", "infra")]
    columns = []
    for root in roots:
        figures, place = measure(root)
        columns.append((root.name, figures))
        show(f"most complex in {root.name}: {place}")
    all_met = _print_table(columns)
    floors = count_floors(topology.FUNCTIONS, "hardlink")
    arrows = count_arrows(topology.FUNCTIONS, "hardlink")
    show(f"{PACKAGE_FLOORS.name} in the library: {floors} (goal {PACKAGE_FLOORS})")
    show(f"modules that a module of the library imports, on average: {arrows}")
    return 0 if all_met and PACKAGE_FLOORS.is_met(floors) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
