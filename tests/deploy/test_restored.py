"""The stack on tables that `hardlink restore` made."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.stages import Stage
from tests.deploy.template import Template, describe_reference, synthesize

TABLES = "arn:aws:dynamodb:eu-central-1:123456789012:table"
STREAMS = {
    name: f"{TABLES}/{name}-at-noon/stream/2026-11-30T12:30:00.000"
    for name in ("sessions", "customers")
}


@pytest.fixture(scope="module")
def restored(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A production stack whose events stayed as they are."""
    stage = Stage.model_validate(
        {"restored": STREAMS, "events": {"backups": "weekly"}, "alarms": True}
    )
    return synthesize(tmp_path_factory.mktemp("restored"), "prod", stage)


def test_functions_use_the_restored_tables_and_may_use_no_other(
    restored: Template,
) -> None:
    function = restored.properties("Lambda::Function")["FunctionsTrackFunction"]
    variables = function["Environment"]["Variables"]
    assert variables["HARDLINK_SESSIONS_TABLE"] == "sessions-at-noon"
    assert variables["HARDLINK_CUSTOMERS_TABLE"] == "customers-at-noon"
    assert describe_reference(variables["HARDLINK_EVENTS_TABLE"]) == "TablesEvents"
    permissions = restored.permissions("track")
    tables = {where for what, where in permissions if what.startswith("dynamodb:")}
    assert tables == {
        f"{TABLES}/sessions-at-noon",
        f"{TABLES}/customers-at-noon",
        "TablesEvents.Arn",
    }


def test_associate_reads_the_restored_streams(restored: Template) -> None:
    mappings = restored.properties("Lambda::EventSourceMapping").values()
    read = [mapping["EventSourceArn"] for mapping in mappings]
    for stream in STREAMS.values():
        assert stream in read


def test_the_stacks_own_tables_stay(restored: Template) -> None:
    tables = restored.resources("DynamoDB::Table")
    assert tables.keys() == {"TablesSessions", "TablesCustomers", "TablesEvents"}
    assert {table["DeletionPolicy"] for table in tables.values()} == {
        "RetainExceptOnCreate"
    }
