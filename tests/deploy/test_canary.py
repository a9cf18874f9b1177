"""Careful deploys: versions, aliases, and alarms that judge."""

from __future__ import annotations

from infra import topology
from tests.deploy.template import Template, describe_reference

JUDGES = {"Faults", "ClientErrors", "TrackLatency", "Errors1", "Errors2", "Errors3"}


def test_every_function_has_a_version_and_an_alias(onward: Template) -> None:
    aliases = onward.properties("Lambda::Alias")
    functions = {describe_reference(a["FunctionName"]) for a in aliases.values()}
    assert {alias["Name"] for alias in aliases.values()} == {"live"}
    assert functions == {
        f"Functions{name.capitalize()}Function" for name in topology.FUNCTIONS_BY_NAME
    }
    versions = onward.resources("Lambda::Version")
    assert len(versions) == len(aliases)


def test_calls_reach_the_alias(onward: Template) -> None:
    integrations = onward.properties("ApiGatewayV2::Integration").values()
    for integration in integrations:
        assert describe_reference(integration["IntegrationUri"]).endswith("Alias")


def test_what_every_page_waits_for_changes_for_a_tenth_at_first(
    onward: Template,
) -> None:
    groups = onward.properties("CodeDeploy::DeploymentGroup")
    assert groups.keys() == {"CanaryTrack", "CanaryIdentify"}
    for group in groups.values():
        config = group["DeploymentConfigName"]
        assert config == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
        assert group["AutoRollbackConfiguration"]["Enabled"] is True
        judges = {
            describe_reference(alarm["Name"]).removeprefix("Monitoring")
            for alarm in group["AlarmConfiguration"]["Alarms"]
        }
        assert judges <= JUDGES
        assert {"Faults", "Errors1", "TrackLatency"} <= judges
    for name in ("Track", "Identify"):
        alias = onward.resources("Lambda::Alias")[f"Functions{name}Alias"]
        update = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        named = describe_reference(update["DeploymentGroupName"])
        assert named == f"Canary{name}"


def test_a_stage_without_it_has_no_versions(dev: Template, prod: Template) -> None:
    for template in (dev, prod):
        assert template.properties("Lambda::Alias") == {}
        assert template.properties("CodeDeploy::DeploymentGroup") == {}


def test_cdk_nag_finds_nothing(onward: Template) -> None:
    assert onward.findings() == set()
