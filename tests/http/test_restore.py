"""The way back: tables restored beside those in use, erasures carried out again, and the swap; on moto."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import boto3
import pytest

from hardlink.services.erasure import sweep as erasure_sweep
from infra import routes, topology
from infra.command import restoring
from infra.command.main import main
from infra.local import lambda_runtime
from infra.local.api_gateway import Gateway, HttpRequest
from infra.local.dynamodb_streams import Shard
from infra.local.lambda_runtime import Deployment
from infra.local.sqs import QueuePoller
from tests.support.engines import tables

KEY = "server-key-of-this-test"


class Shop:
    """A service whose streams and queue are delivered when tests say so."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._gateway = Gateway(routes.ROUTES, deployment.invoke)
        self._messages = QueuePoller(
            deployment.erasures, lambda e: deployment.invoke("erase", e)
        )
        self._shards = [
            Shard(real, self._associate, first_pause=0, declared=table)
            for table, real in deployment.tables.items()
        ]

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """A call with the server key: status and answer."""
        headers = [("authorization", f"Bearer {KEY}")]
        sent = b"" if body is None else json.dumps(body).encode()
        answer = self._gateway.answer(HttpRequest(method, path, headers, sent))
        return answer.status, json.loads(answer.body)

    def visit(self, session: str, customer: str) -> None:
        """One event of a customer."""
        sent = {"source": {"id": "demo"}, "session": {"id": session}}
        ids = {"registered": customer}
        status, _ = self.call(
            "POST", "/track", {**sent, "ids": ids, "events": [{"type": "view"}]}
        )
        assert status == 200
        self.settle()

    def settle(self) -> None:
        """Deliver whatever streams and queue have."""
        for shard in self._shards:
            while not shard.idle:
                shard.deliver()
        while self._messages.deliver():
            pass

    def _associate(self, event: dict[str, Any]) -> Any:
        return self.deployment.invoke("associate", event)

    def is_known(self, customer: str) -> bool:
        """Tell whether a customer is found."""
        return self.call("GET", f"/customers/registered/{customer}")[0] == 200

    def has_events(self, session: str) -> bool:
        """Tell whether the table of events has any of a session, erased or not."""
        client = boto3.client("dynamodb")
        items: Any = client.scan(TableName=self.deployment.tables["events"])["Items"]
        found = [tables.read_key({n: item[n] for n in ("s", "item")}) for item in items]
        return any(key.partition == f"demo/{session}" for key in found)

    def swap(self, restored: dict[str, str]) -> Shop:
        """Deploy the functions on other tables."""
        names = {**self.deployment.tables, **restored}
        handlers = lambda_runtime.load_handlers(names)
        return Shop(replace(self.deployment, tables=names, handlers=handlers))


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(erasure_sweep, "UNDER_WAY", -1)
    with lambda_runtime.run_deployment(topology.SOURCES, {"demo": KEY}) as deployment:
        for name in deployment.tables.values():
            recover(name)
        monkeypatch.setattr(restoring, "_find_tables", lambda _: deployment.tables)
        yield Shop(deployment)


def recover(name: str, *, enabled: bool = True) -> None:
    """Switch point-in-time recovery of a table on or off."""
    boto3.client("dynamodb").update_continuous_backups(
        TableName=name,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled},
    )


def restore(capsys: pytest.CaptureFixture[str], at: str, *more: str) -> dict[str, Any]:
    """Run the command, and return what it prints."""
    capsys.readouterr()
    assert main(["restore", "--at", at, "--json", *more]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def table_of(arn: str) -> str:
    """The name of the table of an ARN, or of that of its stream."""
    return arn.partition("table/")[2].partition("/")[0]


def test_the_runbook_from_a_bad_day_back_to_the_time_before_it(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.visit("s1", "gordon")
    shop.visit("s2", "alyx")
    at = datetime.now(UTC).isoformat()
    first = restore(capsys, at)  # moto restores what there is now
    assert first["erased_again"] == 0
    # Then the bad day, on which the law still holds.
    shop.visit("s3", "wallace")
    shop.call("POST", "/customers/registered/gordon/erase")
    shop.settle()
    assert not shop.has_events("s1")

    second = restore(capsys, at)  # before anybody is sent to the restored tables
    assert second["restored"] == first["restored"]
    assert second["erased_again"] > 0
    names = {table: table_of(arn) for table, arn in second["restored"].items()}
    after = shop.swap(names)
    assert not after.is_known("gordon")
    assert after.has_events("s1")  # until the stream has brought it to `erase`
    after.settle()
    assert not after.has_events("s1")
    assert after.is_known("alyx")
    assert after.has_events("s2")
    assert not after.is_known("wallace")
    assert restore(capsys, at)["erased_again"] == 0


def test_who_comes_after_the_erasure_is_not_erased_again(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.visit("s1", "gordon")
    at = datetime.now(UTC).isoformat()
    names = {
        table: table_of(arn) for table, arn in restore(capsys, at)["restored"].items()
    }
    for session, customer in (("s2", "gordon"), ("s3", "wallace")):
        shop.visit(session, customer)
        shop.call("POST", f"/customers/registered/{customer}/erase")
    shop.settle()
    after = shop.swap(names)
    assert restore(capsys, at)["erased_again"] > 0
    after.settle()
    after.visit("s4", "gordon")  # erased again by the run before
    after.visit("s5", "wallace")  # was never in the restored tables
    assert restore(capsys, at)["erased_again"] == 0
    assert after.is_known("gordon")
    assert after.is_known("wallace")


def test_a_restored_table_has_the_settings_that_a_restore_leaves_out(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    client = boto3.client("dynamodb")
    before = client.describe_table(TableName=shop.deployment.tables["customers"])
    tags = [{"Key": "deployment", "Value": "hardlink-prod"}]
    client.tag_resource(ResourceArn=before["Table"]["TableArn"], Tags=cast("Any", tags))
    client.update_table(
        TableName=before["Table"]["TableName"], DeletionProtectionEnabled=True
    )
    arn = restore(capsys, datetime.now(UTC).isoformat())["restored"]["customers"]
    name = table_of(arn)
    table = client.describe_table(TableName=name)["Table"]
    assert table["LatestStreamArn"] == arn
    assert table["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"
    assert table["DeletionProtectionEnabled"]
    assert client.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"] == tags
    expiry = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert expiry["AttributeName"] == topology.TABLES[0].expires
    backups = client.describe_continuous_backups(TableName=name)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"


def test_events_stay_where_they_have_weekly_copies_or_are_to_stay(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    at = datetime.now(UTC).isoformat()
    assert "events" not in restore(capsys, at, "--keep-events")["restored"]
    recover(shop.deployment.tables["events"], enabled=False)
    assert "events" not in restore(capsys, at)["restored"]
    assert main(["restore", "--at", at]) == 0
    said = capsys.readouterr().out
    assert "events has no point-in-time recovery: it is used as it is" in said
    assert '  restored = { sessions = "arn:' in said


def test_what_has_no_recovery_cannot_be_restored(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    recover(shop.deployment.tables["customers"], enabled=False)
    assert main(["restore", "--at", datetime.now(UTC).isoformat()]) == 1
    assert "has no point-in-time recovery" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("at", "why"),
    [("yesterday", "is not a time"), ("2026-11-30T09:00:00", "has no time zone")],
)
def test_a_time_that_says_too_little_is_refused(
    at: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["restore", "--at", at]) == 1
    assert why in capsys.readouterr().err
