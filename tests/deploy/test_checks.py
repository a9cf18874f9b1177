"""The checks that the stack must pass, and that they can fail: cdk-nag and cfn-lint."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from aws_cdk import App
from cfnlint.api import ManualArgs, lint

from infra.stack.stack import UnknownStage, compose_app
from tests.deploy.template import Template

REGIONS = ["eu-central-1"]
NOISE = ["W3005"]
"""The CDK states dependencies that CloudFormation could find itself."""
MOST_BYTES, MOST_RESOURCES = 1_000_000, 500
"""CloudFormation's limits of one stack."""


def faults(text: str) -> list[str]:
    """Findings of cfn-lint in a template."""
    config = ManualArgs(regions=REGIONS, ignore_checks=NOISE)
    return [str(match) for match in lint(text, config=config)]


def test_cdk_nag_finds_nothing(dev: Template, prod: Template) -> None:
    assert dev.findings() == set()
    assert prod.findings() == set()


def test_every_accepted_finding_is_one_on_one_resource_with_a_reason(
    dev: Template,
) -> None:
    rules = {
        (
            path.split("/")[0],
            path.rsplit("/", 1)[-1].split("--")[0],
            rule.split("::", 1)[1],
        )
        for path, accepted in dev.accepted().items()
        for rule in accepted
    }
    assert rules == {
        ("ServerKeys", "demo", "AwsSolutions-SMG4"),
        ("SigningKeys", "demo", "AwsSolutions-SMG4"),
        ("Functions", "Role", "AwsSolutions-IAM5[Resource::*]"),
        ("Functions", "Function", "AwsSolutions-L1"),
        ("Api", "DefaultRoute", "AwsSolutions-APIG4"),
        ("Api", "GET", "AwsSolutions-APIG4"),
        ("Api", "OPTIONS", "AwsSolutions-APIG4"),
        ("Api", "POST", "AwsSolutions-APIG4"),
        ("Api", "PUT", "AwsSolutions-APIG4"),
        ("Association", "Failed", "AwsSolutions-SQS3"),
        ("Erasure", "Failed", "AwsSolutions-SQS3"),
        ("Feeds", "Failed", "AwsSolutions-SQS3"),
        ("Feeds", "Bucket", "AwsSolutions-S1"),
        *(
            (
                "Feeds",
                "Permission",
                f"AwsSolutions-IAM5[Resource::<{bucket}.Arn>/{prefix}/*]",
            )
            for bucket in _ids(dev, "S3::Bucket", "Feeds")
            for prefix in ("feeds", "results")
        ),
        ("Association", "Bucket", "AwsSolutions-S1"),
        *(
            (
                "Association",
                "Permission",
                f"AwsSolutions-IAM5[Resource::<{bucket}.Arn>/*]",
            )
            for bucket in _ids(dev, "S3::Bucket", "Association")
        ),
        ("Association", "Permission", "AwsSolutions-IAM5[Resource::*]"),
        *(
            (
                "Functions",
                "Role",
                "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:secretsmanager:"
                "<AWS::Region>:<AWS::AccountId>:"
                f"secret:hardlink-dev/*/{kind}-??????]",
            )
            for kind in ("server-key", "signing-key")
        ),
    }
    assert all(
        len(r) > 20 for accepted in dev.accepted().values() for r in accepted.values()
    )


def _ids(template: Template, type_: str, prefix: str) -> list[str]:
    """Logical IDs that begin so, hash and all."""
    return [
        name
        for name, resource in template.body["Resources"].items()
        if resource["Type"] == f"AWS::{type_}" and name.startswith(prefix)
    ]


def test_cfn_lint_accepts_the_templates(dev: Template, prod: Template) -> None:
    assert faults(dev.text) == []
    assert faults(prod.text) == []


def test_cfn_lint_catches_a_template_that_is_wrong(dev: Template) -> None:
    assert faults(re.sub(r'"python3\.\d+"', '"python9.9"', dev.text))


def test_the_template_leaves_room_below_cloudformations_limits(prod: Template) -> None:
    assert len(prod.text.encode()) < MOST_BYTES / 2
    assert 50 < len(json.loads(prod.text)["Resources"]) < MOST_RESOURCES * 0.8


def test_a_stage_that_there_is_none_of_is_an_error_that_says_which_there_are(
    tmp_path: Path,
) -> None:
    with pytest.raises(UnknownStage, match="'staging': use one of dev, prod"):
        compose_app(App(outdir=str(tmp_path), context={"stage": "staging"}))


def test_without_a_stage_it_is_development(dev: Template) -> None:
    assert dev.stack == "hardlink-dev"
