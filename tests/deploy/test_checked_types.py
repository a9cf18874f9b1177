"""The type checker reads all of the CDK and of moto that our code uses: `pyproject.toml` lets it skip the rest."""

from __future__ import annotations

import ast
import inspect
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import infra.stack.node  # noqa: F401 - settles which Node.js runs the CDK, so it comes first

# isort: split
from infra import topology

_FOLDERS = ("functions", "infra", "tests")
_LIBRARIES = ("aws_cdk", "moto")


def overrides() -> list[dict[str, Any]]:
    """The sections for single modules of the type checker's configuration."""
    text = (topology.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = tomllib.loads(text)["tool"]["mypy"]["overrides"]
    return found


def patterns(follow_imports: str) -> list[str]:
    """The modules that are treated so."""
    return [
        module
        for section in overrides()
        if section.get("follow_imports") == follow_imports
        for module in section["module"]
    ]


def is_read(module: str) -> bool:
    """True if the type checker reads a module of these libraries."""
    return any(
        fnmatchcase(module, pattern) or module == pattern.removesuffix(".*")
        for pattern in patterns("normal")
    )


def imported(path: Path) -> Iterator[str]:
    """The modules of these libraries that a file imports."""
    for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            members = [f"{statement.module}.{alias.name}" for alias in statement.names]
            names = [statement.module, *members]
        else:
            continue
        yield from (
            name
            for name in names
            if name.partition(".")[0] in _LIBRARIES and exists(name)
        )


def exists(module: str) -> bool:
    """True for a module, false for a name inside one."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its parent is no package
        return False


def used() -> list[str]:
    """All modules of these libraries that our code imports."""
    files = (
        file for folder in _FOLDERS for file in (topology.ROOT / folder).rglob("*.py")
    )
    return sorted({module for file in files for module in imported(file)})


def ancestors(module: ModuleType) -> set[str]:
    """Modules that define the base classes of a module's classes."""
    classes = (member for member in vars(module).values() if inspect.isclass(member))
    own = (member for member in classes if member.__module__ == module.__name__)
    return {base.__module__ for member in own for base in member.__mro__}


def test_what_is_skipped_are_these_libraries() -> None:
    assert patterns("skip") == [f"{library}.*" for library in _LIBRARIES]


def test_what_we_import_is_read_and_so_are_its_base_classes() -> None:
    modules = used()
    needed = {
        *modules,
        *(name for module in modules for name in ancestors(import_module(module))),
    }
    ours = {name for name in needed if name.partition(".")[0] in _LIBRARIES}
    assert {"aws_cdk.aws_lambda", "aws_cdk.aws_ec2", "moto.dynamodb.models"} <= ours
    assert sorted(name for name in ours if not is_read(name)) == []


def test_a_service_that_nobody_uses_is_not_read() -> None:
    assert is_read("aws_cdk.aws_lambda")
    assert is_read("moto.dynamodb.models.table")
    assert not is_read("aws_cdk.aws_quicksight")
    assert not is_read("moto.sagemaker.models")
