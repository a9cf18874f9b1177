"""Settings of `stages.toml` as they reach the template."""

from __future__ import annotations

from pathlib import Path

import pytest
from aws_cdk import App

from infra.stack.stack import UnknownStage, compose_app
from infra.stages import Stage
from tests.deploy.template import Template, describe_reference, synthesize

KEY = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-1111-2222-3333-444455556666"


@pytest.fixture(scope="module")
def tuned(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A stage that sets all that can be set."""
    stage = Stage.model_validate(
        {
            "alarms": True,
            "alarm_email": "ops@shop.example",
            "monthly_budget": 50,
            "log_days": 90,
            "rates": {"writes": 300, "reads": 10, "feeds": 2},
            "memory": {"track": 512},
            "concurrency": {"shares": {"track": 30, "associate": 10, "erase": 1}},
            "recovery_days": 7,
            "table_class": "infrequent_access",
            "max_units": {"read": 4000, "write": 1000},
            "kms_key": KEY,
        }
    )
    folder = tmp_path_factory.mktemp("tuned")
    return synthesize(folder, "prod", stage, name="shop")


def test_a_second_stack_stands_beside_the_first(tuned: Template) -> None:
    assert tuned.stack == "shop-prod"
    assert "hardlink-prod" not in tuned.text


@pytest.mark.parametrize("name", ["Shop", "1st", "a" * 25, "a_b"])
def test_a_name_that_no_bucket_could_have_is_refused(name: str, tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path), context={"name": name})
    with pytest.raises(UnknownStage, match="cannot name a stack"):
        compose_app(app, Stage())


def test_logs_are_kept_as_long_as_it_says(tuned: Template) -> None:
    groups = tuned.properties("Logs::LogGroup").values()
    assert {group["RetentionInDays"] for group in groups} == {90}


def test_routes_are_throttled_as_it_says(tuned: Template) -> None:
    (stage,) = tuned.properties("ApiGatewayV2::Stage").values()
    default = stage["DefaultRouteSettings"]
    assert default["ThrottlingRateLimit"] == 300
    assert default["ThrottlingBurstLimit"] == 600
    routes = stage["RouteSettings"]
    assert routes["GET /customers"]["ThrottlingRateLimit"] == 10
    assert routes["POST /orders"]["ThrottlingBurstLimit"] == 4
    assert routes["POST /bulk"]["ThrottlingRateLimit"] == 10_000


def test_functions_have_the_memory_and_the_concurrency_that_it_says(
    tuned: Template, dev: Template
) -> None:
    functions = tuned.properties("Lambda::Function")
    reserved = {
        name.removeprefix("Functions").removesuffix("Function"): runs
        for name, found in functions.items()
        if (runs := found.get("ReservedConcurrentExecutions"))
    }
    assert reserved == {"Track": 300, "Associate": 100, "Erase": 10}
    assert functions["FunctionsTrackFunction"]["MemorySize"] == 512
    assert functions["FunctionsXoFunction"]["MemorySize"] == 256
    assert "ReservedConcurrentExecutions" not in str(dev.body)


def test_tables_are_as_it_says(tuned: Template) -> None:
    for table in tuned.properties("DynamoDB::Table").values():
        assert table["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
        assert table["OnDemandThroughput"] == {
            "MaxReadRequestUnits": 4000,
            "MaxWriteRequestUnits": 1000,
        }
        assert table["PointInTimeRecoverySpecification"] == {
            "PointInTimeRecoveryEnabled": True,
            "RecoveryPeriodInDays": 7,
        }
        assert table["SSESpecification"] == {
            "SSEEnabled": True,
            "SSEType": "KMS",
            "KMSMasterKeyId": KEY,
        }


def test_a_function_with_a_table_may_use_the_tables_key_and_no_other_function(
    tuned: Template,
) -> None:
    actions = ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey")
    allowed = {(f"kms:{action}", KEY) for action in actions}
    assert allowed <= tuned.permissions("identify")
    assert not allowed & tuned.permissions("sdk")


def test_a_budget_tells_the_address_of_alarms(tuned: Template, prod: Template) -> None:
    (found,) = tuned.properties("Budgets::Budget").values()
    budget = found["Budget"]
    assert budget["BudgetLimit"] == {"Amount": 50, "Unit": "USD"}
    assert budget["CostFilters"] == {"TagKeyValue": ["user:deployment$shop-prod"]}
    told = found["NotificationsWithSubscribers"]
    assert [
        (n["Notification"]["NotificationType"], n["Notification"]["Threshold"])
        for n in told
    ] == [("ACTUAL", 80), ("FORECASTED", 100)]
    assert {s["Address"] for n in told for s in n["Subscribers"]} == {
        "ops@shop.example"
    }
    assert describe_reference(budget["BudgetName"]) == "shop-prod-AWS::Region"
    assert prod.properties("Budgets::Budget") == {}


def test_without_recovery_there_are_no_backups(layer: Path, tmp_path: Path) -> None:
    template = synthesize(tmp_path, "dev", Stage(recovery_days=0))
    for table in template.properties("DynamoDB::Table").values():
        assert table["PointInTimeRecoverySpecification"] == {
            "PointInTimeRecoveryEnabled": False
        }
