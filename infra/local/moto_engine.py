"""DynamoDB and Secrets Manager in this process, on moto: made safe for threads, and taught what the store needs.

Four things differ from plain `mock_aws`, each only while an engine runs:

- one lock around every call, as moto's tables are no safer for threads than a plain `dict`;
- `BatchExecuteStatement` carries out `INSERT INTO ... VALUE {...}` with parameters, and answers `DuplicateItem`;
- a transaction remembers the items it touches, where moto copies the whole table once per action, streams included;
- a query reads its own partition, where moto reads and sorts the whole table.
"""

from __future__ import annotations

import copy
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC
from typing import Any
from unittest.mock import patch

from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.dynamodb.exceptions import ConditionalCheckFailed
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import StreamRecord, StreamShard, Table

from infra import topology

ACCOUNT = "123456789012"
REGION = "us-east-1"
LOCK = threading.RLock()
"""Held during every call. Hold it yourself to look at moto's tables directly."""

_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_SESSION_TOKEN": "local",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    # Else recent botocore sends calls to hosts with the account in their name, which moto does not know.
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
    # Nothing of this machine's own AWS set-up may lead a call to a real account.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_MISLEADING = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
_INSERT = re.compile(r"""\s*INSERT\s+INTO\s+"(?P<table>[^"]+)"\s+VALUE\s*\{(?P<pairs>.*)\}\s*""")
_PAIR = re.compile(r"""\s*'(?P<name>[^']+)'\s*:\s*\?\s*(?:,|$)""")
_DUPLICATE = {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"}

_answer = BotocoreStubber.__call__
_batch_execute_statement = DynamoDBBackend.batch_execute_statement
_transact_write_items = DynamoDBBackend.transact_write_items
_query = Table.query
_listeners: list[Callable[[], None]] = []
_running = ExitStack()


@contextmanager
def run_engine() -> Iterator[None]:
    """Runs moto during a `with` block, empty at its start; clients made inside it never leave this process."""
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, _ENVIRONMENT))
        for name in _MISLEADING:
            os.environ.pop(name, None)
        stack.enter_context(patch.object(BotocoreStubber, "__call__", _answer_one_at_a_time))
        stack.enter_context(patch.object(DynamoDBBackend, "batch_execute_statement", _batch))
        stack.enter_context(patch.object(DynamoDBBackend, "transact_write_items", _transact))
        stack.enter_context(patch.object(Table, "query", _query_partition))
        stack.enter_context(patch.object(StreamShard, "add", _add_record))
        stack.enter_context(mock_aws())
        yield


def start_engine() -> None:
    """`engine()` until `stop()`, for programs and for fixtures that are no `with` block."""
    _running.enter_context(run_engine())


def stop_engine() -> None:
    """End what `start` began; everything in the tables is gone."""
    _running.close()


def create_tables(client: Any, suffix: str = "") -> dict[str, str]:
    """Both tables as the stack makes them, on a DynamoDB client; answers their real names by the plan's names."""
    for table in topology.TABLES:
        keys = {table.partition: "HASH", table.sort: "RANGE"}
        client.create_table(
            TableName=table.name + suffix,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        )
        client.update_time_to_live(
            TableName=table.name + suffix,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": table.expires},
        )
    return {table.name: table.name + suffix for table in topology.TABLES}


def take_records(table: str) -> list[dict[str, Any]]:
    """The stream records of a table since the last call, as Lambda is given them; moto forgets them."""
    with LOCK:
        found = dynamodb_backends[ACCOUNT][REGION].tables[table]
        shard = found.stream_shard
        if shard is None:
            return []
        taken, shard.items = shard.items, []
        shard.starting_sequence_number += len(taken)
        arn = f"{found.table_arn}/stream/{found.latest_stream_label}"
    return [_as_lambda_sees_it(record.to_json(), arn) for record in taken]


def has_records(table: str) -> bool:
    """Whether `take_records` would answer any."""
    with LOCK:
        shard = dynamodb_backends[ACCOUNT][REGION].tables[table].stream_shard
        return bool(shard and shard.items)


@contextmanager
def listen_for_records(listener: Callable[[], None]) -> Iterator[None]:
    """Call `listener` after every write of a stream record. It is called under the lock: it may only set a flag."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def _as_lambda_sees_it(record: dict[str, Any], arn: str) -> dict[str, Any]:
    change = dict(record["dynamodb"])
    created = change["ApproximateCreationDateTime"].replace(tzinfo=UTC)  # moto's say no zone
    change["ApproximateCreationDateTime"] = created.timestamp()
    return {**record, "awsRegion": REGION, "eventSourceARN": arn, "dynamodb": change}


def _answer_one_at_a_time(
    stubber: BotocoreStubber, event_name: str, request: Any, **more: Any
) -> Any:
    with LOCK:
        return _answer(stubber, event_name, request, **more)


def _batch(backend: DynamoDBBackend, statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Inserts with parameters here, one after the other as DynamoDB does; anything else by moto."""
    inserts = [_INSERT.fullmatch(one["Statement"]) for one in statements]
    if not all(inserts):
        return _batch_execute_statement(backend, statements)
    return [
        _insert(backend, insert["table"], _item(insert["pairs"], one["Parameters"]))
        for insert, one in zip(inserts, statements, strict=True)
        if insert
    ]


def _insert(backend: DynamoDBBackend, table: str, item: dict[str, Any]) -> dict[str, Any]:
    sort = backend.get_table(table).range_key_attr
    try:
        backend.put_item(
            table,
            item,
            condition_expression="attribute_not_exists(#k)",
            expression_attribute_names={"#k": sort},
        )
    except ConditionalCheckFailed:
        return {"Error": _DUPLICATE, "TableName": table}
    return {"TableName": table}


def _item(pairs: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    names = [pair["name"] for pair in _PAIR.finditer(pairs)]
    return dict(zip(names, parameters, strict=True))


def _transact(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """Carries out a transaction, undone here if it fails: what moto would copy beforehand is the table itself."""
    touched = [_remember(backend, action) for action in transact_items]
    shards = {id(t.stream_shard): t.stream_shard for t in backend.tables.values() if t.stream_shard}
    lengths = {name: len(shard.items) for name, shard in shards.items()}
    try:
        with patch.object(Table, "__deepcopy__", lambda table, _memo: table, create=True):
            _transact_write_items(backend, transact_items)
    except Exception:
        for put_back in touched:
            put_back()
        for name, shard in shards.items():
            del shard.items[lengths[name] :]
        raise


def _remember(backend: DynamoDBBackend, action: dict[str, Any]) -> Callable[[], None]:
    """How to put the item of one action back as it is now."""
    ((kind, operation),) = action.items()
    table = backend.get_table(operation["TableName"])
    key = operation["Item" if kind == "Put" else "Key"]
    partition = DynamoType(key[table.hash_key_attr])
    sort = DynamoType(key[str(table.range_key_attr)])
    before = copy.deepcopy(table.items[partition].get(sort))

    def put_back() -> None:
        if before is None:
            table.items[partition].pop(sort, None)
        else:
            table.items[partition][sort] = before

    return put_back


def _query_partition(
    table: Table, hash_key: DynamoType | None, *arguments: Any, **more: Any
) -> tuple[list[Item], int, dict[str, Any] | None]:
    if hash_key is None or table.all_indexes():
        return _query(table, hash_key, *arguments, **more)
    own = list(table.items[hash_key].values()) if hash_key in table.items else []
    with patch.object(table, "all_items", lambda: own):
        return _query(table, hash_key, *arguments, **more)


def _add_record(shard: StreamShard, old: Item | None, new: Item | None) -> None:
    """As moto does, without importing its Lambda, which costs the first write most of a second."""
    view = str((shard.table.stream_specification or {})["StreamViewType"])
    change = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
    number = len(shard.items) + shard.starting_sequence_number
    shard.items.append(StreamRecord(shard.table, view, change, old, new, number))
    for listener in _listeners:
        listener()
