"""Careful deploys: versions, aliases, and alarms that judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra import topology
from infra.stack import assets
from infra.stages import Stage
from tests.deploy.template import Template, describe_reference, synthesize

JUDGES = {
    *("FailedCalls", "CanaryErrors"),
    *("CanaryTrackLatency", "CanaryIdentifyLatency"),
}
CANARY_MINUTES = 5


def test_every_function_has_a_version_and_an_alias(onward: Template) -> None:
    aliases = onward.properties("Lambda::Alias")
    functions = {describe_reference(a["FunctionName"]) for a in aliases.values()}
    assert {alias["Name"] for alias in aliases.values()} == {"live"}
    assert functions == {
        f"Functions{name.capitalize()}Function" for name in topology.FUNCTIONS_BY_NAME
    }
    versions = onward.resources("Lambda::Version")
    assert len(versions) == len(aliases)


def test_new_dependencies_are_new_versions(
    layer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(alarms=True, canary=True)
    before = version_ids(synthesize(tmp_path / "before", "prod", stage))
    changed = tmp_path / "layer-changed"
    (changed / "python").mkdir(parents=True)
    monkeypatch.setattr(assets, "build_layer", lambda: changed)
    after = version_ids(synthesize(tmp_path / "after", "prod", stage))
    assert len(before) == len(after) == len(topology.FUNCTIONS_BY_NAME)
    assert not before & after


def version_ids(template: Template) -> set[str]:
    """The logical IDs of all versions: a new one makes CloudFormation publish a version."""
    resources = template.body["Resources"].items()
    return {id_ for id_, r in resources if r["Type"] == "AWS::Lambda::Version"}


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
        # None is about 4xx: a stranger could keep every deploy from ending well.
        assert judges == JUDGES
    for name in ("Track", "Identify"):
        alias = onward.resources("Lambda::Alias")[f"Functions{name}Alias"]
        update = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        named = describe_reference(update["DeploymentGroupName"])
        assert named == f"Canary{name}"


@pytest.mark.parametrize("name", sorted(JUDGES))
def test_a_judge_can_ring_while_few_calls_reach_the_new_version(
    onward: Template, name: str
) -> None:
    found = onward.properties("CloudWatch::Alarm")[f"Monitoring{name}"]
    stats = [m["MetricStat"] for m in found.get("Metrics", ()) if "MetricStat" in m]
    periods = {stat["Period"] for stat in stats} or {found["Period"]}
    assert periods == {60}
    # A minute may be under way at the start, and metrics are a minute late.
    assert found["DatapointsToAlarm"] <= CANARY_MINUTES - 3
    assert found["EvaluationPeriods"] <= CANARY_MINUTES


def test_the_judges_look_at_the_functions_that_get_few_calls(onward: Template) -> None:
    alarms = onward.properties("CloudWatch::Alarm")
    errors = alarms["MonitoringCanaryErrors"]["Metrics"]
    read = {
        describe_reference(metric["MetricStat"]["Metric"]["Dimensions"][0]["Value"])
        for metric in errors
        if "MetricStat" in metric
    }
    assert read == {"FunctionsTrackFunction", "FunctionsIdentifyFunction"}
    slow = alarms["MonitoringCanaryTrackLatency"]["Metrics"]
    (expression,) = [m["Expression"] for m in slow if "Expression" in m]
    # The new version's tenth of the calls is more than one in twenty.
    assert expression == "IF(FILL(calls, 0) >= 40, FILL(p95, 0), 0)"


def test_a_stage_without_it_has_no_versions(dev: Template, prod: Template) -> None:
    for template in (dev, prod):
        assert template.properties("Lambda::Alias") == {}
        assert template.properties("CodeDeploy::DeploymentGroup") == {}
        alarms = template.properties("CloudWatch::Alarm")
        assert not [name for name in alarms if name.startswith("MonitoringCanary")]


def test_cdk_nag_finds_nothing(onward: Template) -> None:
    assert onward.findings() == set()
