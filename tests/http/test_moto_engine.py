"""Moto, as the local service runs it, does what the store relies on."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.local import moto_engine

INSERT = """INSERT INTO "sessions" VALUE {'session': ?, 'item': ?, 'n': ?}"""


@pytest.fixture(autouse=True)
def client() -> Iterator[Any]:
    with moto_engine.run_engine():
        client = boto3.client("dynamodb")
        moto_engine.create_tables(client)
        yield client


def item(session: str, n: int = 1) -> dict[str, Any]:
    return {"session": {"S": session}, "item": {"S": "#"}, "n": {"N": str(n)}}


def read(client: Any, session: str) -> Any:
    key = {"session": {"S": session}, "item": {"S": "#"}}
    return client.get_item(TableName="sessions", Key=key).get("Item")


def insert(client: Any, *items: dict[str, Any]) -> Any:
    statements = [
        {"Statement": INSERT, "Parameters": list(one.values())} for one in items
    ]
    return client.batch_execute_statement(Statements=statements)["Responses"]


def test_inserts_with_parameters_never_overwrite(client: Any) -> None:
    assert insert(client, item("a"), item("b")) == [{"TableName": "sessions"}] * 2
    first, second, third = insert(client, item("a", 2), item("c"), item("c", 3))
    duplicate = {
        "Code": "DuplicateItem",
        "Message": "Duplicate primary key exists in table",
    }
    assert first == third == {"Error": duplicate, "TableName": "sessions"}
    assert second == {"TableName": "sessions"}
    assert [read(client, name) for name in "abc"] == [item("a"), item("b"), item("c")]
    assert len(moto_engine.take_records("sessions")) == 3


def test_other_batches_are_motos_own(client: Any) -> None:
    insert(client, item("a"))
    select = """SELECT * FROM sessions WHERE session = 'a' AND item = '#'"""
    (found,) = client.batch_execute_statement(Statements=[{"Statement": select}])[
        "Responses"
    ]
    assert found["Item"] == item("a")


def test_a_transaction_that_fails_leaves_no_trace(client: Any) -> None:
    insert(client, item("changed"), item("deleted"))
    moto_engine.take_records("sessions")
    keys = {
        name: {"session": {"S": name}, "item": {"S": "#"}}
        for name in ("changed", "deleted", "checked")
    }
    bump = {
        "UpdateExpression": "SET n = :n",
        "ExpressionAttributeValues": {":n": {"N": "9"}},
    }
    actions = [
        {"Put": {"TableName": "sessions", "Item": item("new")}},
        {"Update": {"TableName": "sessions", "Key": keys["changed"], **bump}},
        {"Delete": {"TableName": "sessions", "Key": keys["deleted"]}},
        {
            "ConditionCheck": {
                "TableName": "sessions",
                "Key": keys["checked"],
                "ConditionExpression": "attribute_exists(n)",
            }
        },
    ]
    with pytest.raises(ClientError) as failed:
        client.transact_write_items(TransactItems=actions)
    reasons = failed.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == [
        "None",
        "None",
        "None",
        "ConditionalCheckFailed",
    ]
    assert read(client, "new") is None
    assert [read(client, name) for name in ("changed", "deleted")] == [
        item("changed"),
        item("deleted"),
    ]
    assert moto_engine.take_records("sessions") == []
    client.transact_write_items(TransactItems=actions[:3])
    assert read(client, "changed")["n"] == {"N": "9"}
    assert read(client, "deleted") is None
    records = moto_engine.take_records("sessions")
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]


def test_a_conditional_put_has_one_winner(client: Any) -> None:
    wins: list[int] = []

    def race(racer: int) -> None:
        for n in range(30):
            try:
                client.put_item(
                    TableName="sessions",
                    Item=item(f"race-{n}", racer),
                    ConditionExpression="attribute_not_exists(n)",
                )
                wins.append(n)
            except ClientError:
                pass

    threads = [threading.Thread(target=race, args=(racer,)) for racer in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wins) == list(range(30))


def test_sequence_numbers_go_on_after_records_were_taken(client: Any) -> None:
    insert(client, item("a"), item("b"))
    first = moto_engine.take_records("sessions")
    assert not moto_engine.has_records("sessions")
    insert(client, item("c"))
    assert moto_engine.has_records("sessions")
    numbers = [
        int(r["dynamodb"]["SequenceNumber"])
        for r in first + moto_engine.take_records("sessions")
    ]
    assert numbers == list(range(numbers[0], numbers[0] + 3))


def test_queries_read_their_own_partition(client: Any) -> None:
    for n in range(5):
        for name in ("a", "b"):
            row = {"session": {"S": name}, "item": {"S": f"e/{n}"}}
            client.put_item(TableName="sessions", Item=row)
    asked = {
        "TableName": "sessions",
        "KeyConditionExpression": "#s = :s AND #i BETWEEN :a AND :b",
        "ExpressionAttributeNames": {"#s": "session", "#i": "item"},
        "ExpressionAttributeValues": {
            ":s": {"S": "a"},
            ":a": {"S": "e/1"},
            ":b": {"S": "e/3"},
        },
        "ScanIndexForward": False,
        "Limit": 2,
    }
    page = client.query(**asked)
    rest = client.query(**asked, ExclusiveStartKey=page["LastEvaluatedKey"])
    assert [row["item"]["S"] for row in page["Items"] + rest["Items"]] == [
        "e/3",
        "e/2",
        "e/1",
    ]
    assert (
        client.query(
            **{
                **asked,
                "ExpressionAttributeValues": {
                    ":s": {"S": "nobody"},
                    ":a": {"S": "e/1"},
                    ":b": {"S": "e/3"},
                },
            }
        )["Items"]
        == []
    )


def test_nothing_of_this_machines_set_up_leads_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with moto_engine.run_engine():
        assert "AWS_PROFILE" not in os.environ
        assert boto3.client("dynamodb").list_tables()["TableNames"] == [
            "sessions",
            "customers",
            "events",
        ]
    assert os.environ["AWS_PROFILE"] == "nobody"


def test_start_and_stop() -> None:
    moto_engine.start_engine()
    try:
        assert boto3.client("dynamodb").list_tables()["TableNames"]
    finally:
        moto_engine.stop_engine()


def test_tables_with_a_suffix(client: Any) -> None:
    assert moto_engine.create_tables(client, "-2") == {
        "sessions": "sessions-2",
        "customers": "customers-2",
        "events": "events-2",
    }
    expires = client.describe_time_to_live(TableName="sessions-2")[
        "TimeToLiveDescription"
    ]
    assert expires == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
