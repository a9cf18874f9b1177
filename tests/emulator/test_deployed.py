"""The emulator runs the uploaded code, with the template's permissions and variables."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from infra import topology
from infra.stack import assets
from tests.bench.imports import PLATFORM
from tests.deploy.template import Template
from tests.emulator.deployment import Deployment
from tests.emulator.substitutions import BATCH, DOCUMENTED, Change, substitute_resources


def files(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def content(folder: Path) -> dict[str, bytes]:
    """A folder's files."""
    found = [f for f in folder.rglob("*") if f.is_file()]
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in found}


def uploaded(stack: Deployment, asset: Path) -> bytes:
    return stack.uploaded[f"{asset.suffix.removeprefix('.')}.zip"]


def test_every_resource_of_the_template_was_made(stack: Deployment) -> None:
    assert stack.names.keys() == stack.template.body["Resources"].keys()


def test_the_code_is_the_asset_byte_for_byte(stack: Deployment) -> None:
    asset = stack.template.asset("sources.toml")
    assert files(uploaded(stack, asset)) == content(asset)


@pytest.mark.parametrize("name", topology.FUNCTIONS_BY_NAME)
def test_a_function_runs_that_code_as_the_template_says(
    stack: Deployment, name: str
) -> None:
    archive = uploaded(stack, stack.template.asset("sources.toml"))
    runs = stack.emulator.client("lambda").get_function_configuration(
        FunctionName=stack.function(name)
    )
    said = stack.template.properties("Lambda::Function")[
        f"Functions{name.capitalize()}Function"
    ]
    assert (
        runs["CodeSha256"]
        == base64.b64encode(hashlib.sha256(archive).digest()).decode()
    )
    assert runs["Role"].endswith(f"/{stack.name(f'Functions{name.capitalize()}Role')}")
    assert (
        runs["Environment"]["Variables"].keys()
        == said["Environment"]["Variables"].keys()
    )
    for setting in ("Handler", "Timeout", "MemorySize"):
        assert runs[setting] == said[setting]
    assert [layer["Arn"] for layer in runs["Layers"]] == [
        stack.name("FunctionsDependencies")
    ]


def test_the_layer_is_lambdas_but_for_what_is_compiled_for_the_machine(
    stack: Deployment,
) -> None:
    asset = stack.template.asset("python")
    here, there = files(uploaded(stack, asset)), content(asset)
    assert here == content(assets.build_layer(platform=PLATFORM))
    changed = {name for name, _ in here.items() ^ there.items()}
    # Byte code of the same source may differ from one run of the compiler to the next.
    others = {name for name in changed if not name.endswith(".pyc")}
    compiled = {name for name in others if Path(name).suffix in (".so", ".pyd")}
    assert {name.split("/")[1] for name in compiled} <= {"pydantic_core"}
    for name in others - compiled:  # what its wheel says of itself
        assert name.startswith("python/pydantic_core-")
        assert ".dist-info/" in name


def test_the_template_differs_in_what_is_documented_and_in_nothing_else(
    stack: Deployment,
) -> None:
    functions = topology.FUNCTIONS_BY_NAME.values()
    _, changes = substitute_resources(stack.template.body)
    inserting = [f for f in functions if "PartiQLInsert" in f.access.get("events", ())]
    assert Counter(change.kind for change in changes) == {
        "path": len(functions),
        "partiql": len(inserting),
    }
    assert {change.kind for change in changes} == DOCUMENTED.keys()
    assert all(_expected(stack.template, change) for change in changes)


def _expected(template: Template, change: Change) -> bool:
    """True for a substitution in a variable or in a policy of a function's role."""
    _, name, *within = change.where
    type_ = template.body["Resources"][name]["Type"]
    match change.kind, type_, within[1:]:
        case "path", "AWS::Lambda::Function", [
            "Environment",
            "Variables",
            "HARDLINK_SOURCES",
        ]:
            return True
        case "partiql", "AWS::IAM::Policy", ["PolicyDocument", "Statement"]:
            return True
    return False


def test_what_is_not_substituted_stays_as_it_is() -> None:
    body: dict[str, Any] = {
        "Resources": {
            "Other": {"Type": "AWS::SQS::Queue", "Keys": [{"Ref": "Other"}]},
            "Policy": {
                "Type": "AWS::IAM::Policy",
                "Statement": [{"Action": "dynamodb:PutItem"}],
            },
            "Inserts": {
                "Type": "x",
                "Statement": [{"Action": ["dynamodb:PartiQLInsert"]}],
            },
            "Path": {"Type": "x", "Paths": ["/var/task/a", "/opt/a"]},
        }
    }
    before = repr(body)
    after, changes = substitute_resources(body)
    assert repr(body) == before
    assert after["Resources"] == {
        "Other": body["Resources"]["Other"],
        "Policy": body["Resources"]["Policy"],
        "Inserts": {
            "Type": "x",
            "Statement": [{"Action": ["dynamodb:PartiQLInsert"]}, BATCH],
        },
        "Path": {"Type": "x", "Paths": ["a", "/opt/a"]},
    }
    assert [change.kind for change in changes] == ["partiql", "path"]
