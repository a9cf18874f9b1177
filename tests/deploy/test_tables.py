"""The tables as they are deployed."""

from __future__ import annotations

import pytest

from infra import topology
from tests.deploy.template import Template

KEYS = {
    "TablesSessions": "session",
    "TablesCustomers": "customer",
    "TablesEvents": "s",
}
STREAMED = ("TablesSessions", "TablesCustomers")


def test_the_tables_are_those_of_the_plan(dev: Template) -> None:
    assert dev.properties("DynamoDB::Table").keys() == KEYS.keys()


@pytest.mark.parametrize("name", KEYS)
def test_a_table_has_its_keys_on_demand(dev: Template, name: str) -> None:
    table = dev.properties("DynamoDB::Table")[name]
    assert table["KeySchema"] == [
        {"AttributeName": KEYS[name], "KeyType": "HASH"},
        {"AttributeName": "item", "KeyType": "RANGE"},
    ]
    assert {a["AttributeType"] for a in table["AttributeDefinitions"]} == {"S"}
    assert table["BillingMode"] == "PAY_PER_REQUEST"


@pytest.mark.parametrize("name", STREAMED)
def test_its_stream_tells_keys(dev: Template, name: str) -> None:
    table = dev.properties("DynamoDB::Table")[name]
    assert table["StreamSpecification"] == {"StreamViewType": "KEYS_ONLY"}


def test_events_have_a_stream_only_where_a_stage_forwards_them(
    dev: Template, prod: Template, onward: Template
) -> None:
    for template in (dev, prod):
        table = template.properties("DynamoDB::Table")["TablesEvents"]
        assert "StreamSpecification" not in table
    table = onward.properties("DynamoDB::Table")["TablesEvents"]
    assert table["StreamSpecification"] == {"StreamViewType": "KEYS_ONLY"}


@pytest.mark.parametrize("name", KEYS)
def test_its_items_expire_it_can_be_restored_and_is_encrypted(
    dev: Template, name: str
) -> None:
    table = dev.properties("DynamoDB::Table")[name]
    assert table["TimeToLiveSpecification"] == {
        "AttributeName": "expires",
        "Enabled": True,
    }
    assert table["PointInTimeRecoverySpecification"] == {
        "PointInTimeRecoveryEnabled": True,
        "RecoveryPeriodInDays": 35,
    }
    assert table["SSESpecification"] == {"SSEEnabled": True}


def test_events_of_production_are_infrequent_access_with_a_weekly_copy(
    dev: Template, prod: Template
) -> None:
    table = prod.properties("DynamoDB::Table")["TablesEvents"]
    assert table["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    recovery = table["PointInTimeRecoverySpecification"]
    assert recovery == {"PointInTimeRecoveryEnabled": False}
    (plan,) = prod.properties("Backup::BackupPlan").values()
    (rule,) = plan["BackupPlan"]["BackupPlanRule"]
    assert rule["ScheduleExpression"] == "cron(0 3 ? * SUN *)"
    assert rule["Lifecycle"] == {"DeleteAfterDays": topology.EVENT_COPY_DAYS}
    assert topology.EVENT_COPY_DAYS > 7  # there is a copy until the next one is whole
    (selection,) = prod.properties("Backup::BackupSelection").values()
    assert "Events" in str(selection["BackupSelection"]["Resources"])
    (vault,) = prod.resources("Backup::BackupVault").values()
    assert vault["DeletionPolicy"] in ("Retain", "RetainExceptOnCreate")
    for name in STREAMED:
        other = prod.properties("DynamoDB::Table")[name]
        assert other["TableClass"] == "STANDARD"
        recovery = other["PointInTimeRecoverySpecification"]
        assert recovery["PointInTimeRecoveryEnabled"] is True
    assert dev.properties("Backup::BackupPlan") == {}


@pytest.mark.parametrize("name", KEYS)
def test_in_production_it_outlives_mistakes_and_the_stack(
    prod: Template, name: str
) -> None:
    table = prod.resources("DynamoDB::Table")[name]
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    # But for a first deploy that failed: what it left would be in the way of the next one.
    assert table["DeletionPolicy"] == "RetainExceptOnCreate"
    assert table["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("name", KEYS)
def test_in_development_it_goes_with_the_stack(dev: Template, name: str) -> None:
    table = dev.resources("DynamoDB::Table")[name]
    assert table["Properties"]["DeletionProtectionEnabled"] is False
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Delete"


def test_the_stack_itself_is_protected_in_production_only(
    dev: Template, prod: Template
) -> None:
    def protected(template: Template) -> object:
        properties = template.read("manifest.json")["artifacts"][template.stack][
            "properties"
        ]
        return properties.get("terminationProtection", False)

    assert protected(prod) is True
    assert protected(dev) is False
