"""Arrows point one way: who may import what, seen in the source and in a fresh interpreter."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from infra import plan

LIBRARY = plan.FUNCTIONS / "hardlink"
SDK = {"boto3", "botocore", "aws_lambda_powertools"}
KNOW_THE_SDK = {"store.py", "keys.py", "queue.py"}
PURE = ("identity", "nodes", "values", "instants", "clock", "layout", "port")


def imported(path: Path) -> set[str]:
    """The top-level packages that a module names in its imports, wherever they stand."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def loaded_by(statement: str) -> set[str]:
    """The top-level packages that a fresh interpreter has after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    environment = {
        "PYTHONPATH": str(plan.FUNCTIONS),
        "HARDLINK_HARD_TYPES": "{}",
        "HARDLINK_SESSIONS_TABLE": "sessions",
        "HARDLINK_CUSTOMERS_TABLE": "customers",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()}


def test_only_the_store_the_queue_and_the_server_keys_know_the_sdk() -> None:
    knowing = {p.name for p in LIBRARY.glob("*.py") if imported(p) & {"boto3", "botocore"}}
    assert knowing == KNOW_THE_SDK


def test_no_handler_knows_the_sdk() -> None:
    handlers = list(plan.FUNCTIONS.glob("*/handler.py"))
    assert handlers
    assert [p for p in handlers if imported(p) & {"boto3", "botocore"}] == []


@pytest.mark.parametrize("module", PURE)
def test_decisions_load_nothing_of_aws_and_no_validation(module: str) -> None:
    assert not loaded_by(f"import hardlink.{module}") & {*SDK, "pydantic", "infra"}


@pytest.mark.parametrize("module", ["service", "association", "reading"])
def test_what_carries_out_commands_loads_nothing_of_aws(module: str) -> None:
    assert not loaded_by(f"import hardlink.{module}") & SDK


def test_associate_starts_without_validation_and_without_boto3() -> None:
    assert not loaded_by("import associate.handler") & {"pydantic", "boto3"}


def test_the_library_imports_nothing_of_its_functions() -> None:
    functions = {p.parent.name for p in plan.FUNCTIONS.glob("*/handler.py")} | {"infra", "tests"}
    assert [p.name for p in LIBRARY.glob("*.py") if imported(p) & functions] == []
