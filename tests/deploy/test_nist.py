"""The rules of NIST 800-53 r5 about backups and concurrency: what they find, and why it is accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

import infra.stack.node  # noqa: F401 - settles which Node.js runs the CDK, so it comes first

# isort: split
from aws_cdk import App, Validations
from cdk_nag import NIST80053R5Checks

from infra import topology
from infra.stack.stack import compose_app
from infra.stages import Stage
from tests.deploy.template import Template

RULES = ("DynamoDBInBackupPlan", "DynamoDBPITREnabled", "LambdaConcurrency")
SHARES = {"track": 30, "associate": 10, "erase": 1}
ACCEPTED = {
    ("DynamoDBInBackupPlan", "Tables/Sessions"): "recovers to any second of 35 days",
    ("DynamoDBInBackupPlan", "Tables/Customers"): "recovers to any second of 35 days",
    ("DynamoDBPITREnabled", "Tables/Events"): "has a weekly copy, at half the price",
    **{
        ("LambdaConcurrency", f"Functions/{name.capitalize()}/Function"): (
            "a share takes runs from all others: a stage names those that it wants"
        )
        for name in topology.FUNCTIONS_BY_NAME
        if name not in SHARES
    },
}
"""Accepted findings, by rule and construct, with the reason of each."""


@pytest.fixture(scope="module")
def template(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A production stack with shares of concurrency, and the report of all rules."""
    stage = Stage.model_validate(
        {"events": {"backups": "weekly"}, "concurrency": {"shares": SHARES}}
    )
    folder = tmp_path_factory.mktemp("nist")
    app = App(outdir=str(folder), context={"stage": "prod"})
    compose_app(app, stage)
    Validations.of(app).add_plugins(NIST80053R5Checks(app))
    with pytest.raises(RuntimeError):  # for rules that are not about these two
        app.synth()
    return Template(folder, "hardlink-prod")


def test_every_finding_about_backups_and_concurrency_has_a_reason(
    template: Template,
) -> None:
    found = set()
    for rule, construct in template.findings():
        name = rule.rpartition("-")[2]
        if name in RULES:
            path = construct.removeprefix("hardlink-prod/").removesuffix("/Resource")
            found.add((name, path))
    assert found == ACCEPTED.keys()
