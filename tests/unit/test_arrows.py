"""Imports point one way: read from the source, and tried in a fresh interpreter."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import topology

LIBRARY = topology.FUNCTIONS / "hardlink"
DIALECTS = topology.FUNCTIONS / "dialects"
ROOT_MODULES = {"log", "metrics"}
"""Modules of `hardlink` itself that every package but the domain may import."""
MAY_IMPORT = {
    "domain": set[str](),
    "storage": {"domain"},
    "services": {"storage", "domain"},
    "queries": {"storage", "domain"},
    "web": {"services", "queries", "storage", "domain"},
}
"""Packages of the library and the packages below them: imports point down."""
SDK = {"boto3", "botocore", "aws_lambda_powertools"}
KNOW_THE_SDK = {"storage/aws.py", "storage/dynamodb.py", "web/api_keys.py"}
PURE = (
    "identity",
    "graph",
    "values",
    "times",
    "clock_skew",
    "records",
    "orders.matching",
)


def imported_modules(path: Path) -> Iterator[str]:
    """List the modules that a file imports, dotted, wherever the statements stand."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_roots(path: Path) -> set[str]:
    """List the top-level packages that a file imports."""
    return {module.split(".")[0] for module in imported_modules(path)}


def imported_packages(path: Path) -> set[str]:
    """List the packages of `hardlink` that a file imports."""
    names = (module.split(".") for module in imported_modules(path))
    return {parts[1] for parts in names if parts[0] == "hardlink" and len(parts) > 1}


def modules_loaded_by(statement: str) -> set[str]:
    """List the top-level packages that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    environment = {
        "PYTHONPATH": str(topology.FUNCTIONS),
        "HARDLINK_SOURCES": str(topology.SOURCES),
        "HARDLINK_SESSIONS_TABLE": "sessions",
        "HARDLINK_CUSTOMERS_TABLE": "customers",
        "HARDLINK_EVENTS_TABLE": "events",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()}


def test_the_library_has_these_packages_and_no_others() -> None:
    folders = {path.parent.name for path in LIBRARY.glob("*/*.py")}
    assert folders == MAY_IMPORT.keys()
    assert {path.stem for path in LIBRARY.glob("*.py")} == {"__init__", *ROOT_MODULES}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_packages_below_it(package: str) -> None:
    files = list((LIBRARY / package).rglob("*.py"))
    assert len(files) > 1, f"hardlink/{package} is empty"
    allowed = {
        package,
        *MAY_IMPORT[package],
        *(ROOT_MODULES if package != "domain" else ()),
    }
    assert {
        path.name: over for path in files if (over := imported_packages(path) - allowed)
    } == {}


def test_dialects_import_the_library_and_not_the_functions() -> None:
    files = list(DIALECTS.rglob("*.py"))
    assert len(files) > 1
    functions = {p.parent.name for p in topology.FUNCTIONS.glob("*/handler.py")}
    assert [
        p.name for p in files if imported_roots(p) & {*functions, "infra", "tests"}
    ] == []


def test_the_library_imports_neither_functions_nor_dialects() -> None:
    functions = {p.parent.name for p in topology.FUNCTIONS.glob("*/handler.py")}
    above = {*functions, "dialects", "infra", "tests"}
    assert [p.name for p in LIBRARY.rglob("*.py") if imported_roots(p) & above] == []


def test_only_the_clients_the_store_and_the_keys_know_the_sdk() -> None:
    knowing = {
        p for p in LIBRARY.rglob("*.py") if imported_roots(p) & {"boto3", "botocore"}
    }
    assert {p.relative_to(LIBRARY).as_posix() for p in knowing} == KNOW_THE_SDK


def test_no_handler_knows_the_sdk() -> None:
    handlers = list(topology.FUNCTIONS.glob("*/handler.py"))
    assert handlers
    assert [p for p in handlers if imported_roots(p) & {"boto3", "botocore"}] == []


@pytest.mark.parametrize("module", PURE)
def test_decisions_load_nothing_of_aws_and_no_validation(module: str) -> None:
    loaded = modules_loaded_by(f"import hardlink.domain.{module}")
    assert not loaded & {*SDK, "pydantic", "infra"}


@pytest.mark.parametrize(
    "module", ["services.service", "services.association", "queries.api"]
)
def test_services_and_queries_load_nothing_of_aws(module: str) -> None:
    assert not modules_loaded_by(f"import hardlink.{module}") & SDK


def test_associate_starts_without_validation_and_without_boto3() -> None:
    assert not modules_loaded_by("import associate.handler") & {"pydantic", "boto3"}
