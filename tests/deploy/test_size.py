"""A deployment of five hundred projects stays within what AWS allows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra import topology
from infra.stages import Stage
from tests.deploy.template import Template, synthesize

PROJECTS = 500
MAX_RESOURCES = 500
MAX_ENVIRONMENT = 4096
MAX_POLICY = 10_240
MAX_OUTPUT = 1024
MAX_TEMPLATE = 1_000_000
"""Quotas of CloudFormation (resources, bytes of a template and of an output), Lambda, IAM."""

_PROJECT = """
[projects.{name}.identifiers]
registered = {{ kind = "hard" }}
email = {{ kind = "soft", email = true }}

[sources.{name}]
write_key = "{name}-key"
project = "{name}"
origins = ["https://{name}.example"]
signed = "optional"
"""


@pytest.fixture
def large(
    layer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Template, list[dict[str, object]]]:
    """The main template, and those of the nested stacks."""
    names = [f"a-shop-with-a-long-name-{number:03}" for number in range(PROJECTS)]
    sources = tmp_path / "sources.toml"
    sources.write_text("".join(_PROJECT.format(name=n) for n in names), "utf-8")
    monkeypatch.setattr(topology, "SOURCES", sources)
    stage = Stage(key_stacks=8, alarms=True, dashboard=True, forward=True)
    template = synthesize(tmp_path / "out", "prod", stage)
    nested = [
        json.loads(path.read_text("utf-8"))
        for path in template.folder.glob("*.nested.template.json")
    ]
    return template, nested


def test_five_hundred_projects_fit_into_every_quota(
    large: tuple[Template, list[dict[str, object]]],
) -> None:
    template, nested = large
    bodies = [template.body, *nested]
    assert len(nested) == 2 * 8
    for body in bodies:
        assert len(body["Resources"]) <= MAX_RESOURCES
        assert len(json.dumps(body)) <= MAX_TEMPLATE
    for function in template.properties("Lambda::Function").values():
        variables = function["Environment"]["Variables"]
        # A reference becomes an ARN or a URL, of 256 characters at most.
        values = [v if isinstance(v, str) else "x" * 256 for v in variables.values()]
        assert len("".join([*variables, *values])) < MAX_ENVIRONMENT
    for policy in template.properties("IAM::Policy").values():
        assert len(json.dumps(policy["PolicyDocument"])) < MAX_POLICY
    for value in template.outputs.values():
        assert len(json.dumps(value)) < MAX_OUTPUT + 256


def test_every_project_has_its_keys_in_one_of_the_nested_stacks(
    large: tuple[Template, list[dict[str, object]]],
) -> None:
    template, nested = large
    names = [
        resource["Properties"]["Name"]
        for body in nested
        for resource in body["Resources"].values()  # type: ignore[attr-defined]
        if resource["Type"] == "AWS::SecretsManager::Secret"
    ]
    assert len(names) == len(set(names)) == 2 * PROJECTS
    assert template.properties("SecretsManager::Secret") == {}
