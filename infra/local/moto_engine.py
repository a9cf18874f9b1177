"""AWS services in this process, on moto, with patches that the store needs.

Why moto is patched (only while an engine runs):

- One lock around every call: moto's tables are plain dictionaries, which are not thread-safe.
- `BatchExecuteStatement` carries out `INSERT INTO ... VALUE {...}` with parameters and answers
  `DuplicateItem`: moto knows neither.
- A transaction remembers the items it touches: moto copies the whole table for every action,
  including its stream records.
- A query reads one partition: moto reads and sorts the whole table.
- A stream record is added without moto's Lambda, whose import delays the first write by most of a
  second.
- An attribute is answered as the one type that it has: moto looks for all ten, each under four
  names. The names of a response class's methods are listed once, and not for each call. Together
  these took 40 % of the CPU of reading an item, and 80 % of a query of fifty.
"""

from __future__ import annotations

import copy
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC
from functools import cache
from typing import Any
from unittest.mock import patch

from moto import mock_aws
from moto.core import responses
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.serialize import BaseJSONSerializer
from moto.core.utils import method_names_from_class
from moto.dynamodb.exceptions import ConditionalCheckFailed
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import StreamRecord, StreamShard, Table

from infra import topology

ACCOUNT = "123456789012"
REGION = "us-east-1"
LOCK = threading.RLock()
"""Held during every call. Hold it to read moto's tables directly."""

_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_SESSION_TOKEN": "local",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    # By default botocore sends calls to hosts with the account in their name, unknown to moto.
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
    # No AWS configuration of this machine may lead a call to a real account.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_UNSET = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
_INSERT = re.compile(
    r"""\s*INSERT\s+INTO\s+"(?P<table>[^"]+)"\s+VALUE\s*\{(?P<pairs>.*)\}\s*"""
)
_PAIR = re.compile(r"""\s*'(?P<name>[^']+)'\s*:\s*\?\s*(?:,|$)""")
_DUPLICATE = {
    "Code": "DuplicateItem",
    "Message": "Duplicate primary key exists in table",
}

_answer_call = BotocoreStubber.__call__
_batch_execute_statement = DynamoDBBackend.batch_execute_statement
_transact_write_items = DynamoDBBackend.transact_write_items
_query_table = Table.query
_serialize_structure = BaseJSONSerializer._serialize_type_structure
_list_method_names = cache(method_names_from_class)
_listeners: list[Callable[[], None]] = []
_running = ExitStack()


@contextmanager
def run_engine() -> Iterator[None]:
    """Run moto during a `with` block, empty at its start.

    Clients that are created inside the block send nothing to the network.
    """
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, _ENVIRONMENT))
        for name in _UNSET:
            os.environ.pop(name, None)
        stack.enter_context(patch.object(BotocoreStubber, "__call__", _answer_locked))
        stack.enter_context(
            patch.object(DynamoDBBackend, "batch_execute_statement", _insert_batch)
        )
        stack.enter_context(
            patch.object(DynamoDBBackend, "transact_write_items", _write_transaction)
        )
        stack.enter_context(patch.object(Table, "query", _query_partition))
        stack.enter_context(patch.object(StreamShard, "add", _add_record))
        for owner, name, replacement in (
            (BaseJSONSerializer, "_serialize_type_structure", _serialize_attribute),
            (responses, "method_names_from_class", _list_method_names),
        ):
            stack.enter_context(patch.object(owner, name, replacement))
        stack.enter_context(mock_aws())
        yield


def start_engine() -> None:
    """Run an engine until `stop_engine()`, for programs and fixtures without a `with` block."""
    _running.enter_context(run_engine())


def stop_engine() -> None:
    """End the engine of `start_engine()`, and lose the content of the tables."""
    _running.close()


def create_tables(client: Any, suffix: str = "") -> dict[str, str]:
    """Create the tables as the stack of a stage does that forwards events: all with a stream.

    `client`: of DynamoDB. `suffix`: of the real names. Returns the real name of each table.
    """
    for table in topology.TABLES:
        keys = {table.partition: "HASH", table.sort: "RANGE"}
        client.create_table(
            TableName=table.name + suffix,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": name, "KeyType": kind} for name, kind in keys.items()
            ],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in keys
            ],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        )
        client.update_time_to_live(
            TableName=table.name + suffix,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": table.expires},
        )
    return {table.name: table.name + suffix for table in topology.TABLES}


def list_tables() -> list[str]:
    """List the real names of all tables."""
    with LOCK:
        return sorted(_backend().tables)


def list_items(table: str) -> list[dict[str, Any]]:
    """List the items of a table, in the JSON of DynamoDB."""
    with LOCK:
        return [
            item.to_json()["Attributes"]
            for item in _backend().tables[table].all_items()
        ]


def put_item(table: str, attributes: dict[str, Any]) -> None:
    """Put an item, in the JSON of DynamoDB."""
    with LOCK:
        _backend().put_item(table, attributes)


def clear_tables() -> None:
    """Delete every item and every stream record that waits.

    What `associate` still has in hand writes nothing: its conditions name items that are gone.
    """
    with LOCK:
        for table in _backend().tables.values():
            table.items.clear()
            if table.stream_shard is not None:
                table.stream_shard.starting_sequence_number += len(
                    table.stream_shard.items
                )
                table.stream_shard.items.clear()


def _backend() -> DynamoDBBackend:
    return dynamodb_backends[ACCOUNT][REGION]


def take_records(table: str) -> list[dict[str, Any]]:
    """Remove the stream records of a table from moto, and return them as Lambda gets them."""
    with LOCK:
        backend_table = dynamodb_backends[ACCOUNT][REGION].tables[table]
        shard = backend_table.stream_shard
        if shard is None:
            return []
        taken, shard.items = shard.items, []
        shard.starting_sequence_number += len(taken)
        arn = f"{backend_table.table_arn}/stream/{backend_table.latest_stream_label}"
    return [_lambda_record(record.to_json(), arn) for record in taken]


def has_records(table: str) -> bool:
    """True if `take_records` would return any record."""
    with LOCK:
        shard = dynamodb_backends[ACCOUNT][REGION].tables[table].stream_shard
        return bool(shard and shard.items)


@contextmanager
def listen_for_records(listener: Callable[[], None]) -> Iterator[None]:
    """Call `listener` after every new stream record, during a `with` block.

    It is called under the lock, so it may only set a flag.
    """
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def _lambda_record(record: dict[str, Any], arn: str) -> dict[str, Any]:
    change = dict(record["dynamodb"])
    # moto's times have no zone.
    created = change["ApproximateCreationDateTime"].replace(tzinfo=UTC)
    change["ApproximateCreationDateTime"] = created.timestamp()
    return {**record, "awsRegion": REGION, "eventSourceARN": arn, "dynamodb": change}


def _answer_locked(
    stubber: BotocoreStubber, event_name: str, request: Any, **more: Any
) -> Any:
    with LOCK:
        return _answer_call(stubber, event_name, request, **more)


def _insert_batch(
    backend: DynamoDBBackend, statements: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Carry out inserts one after the other, as DynamoDB does. Others are left to moto."""
    answers: list[dict[str, Any]] = []
    for statement in statements:
        insert = _INSERT.fullmatch(statement["Statement"])
        if insert is None:
            return _batch_execute_statement(backend, statements)
        item = _parse_item(insert["pairs"], statement["Parameters"])
        answers.append(_insert_item(backend, insert["table"], item))
    return answers


def _insert_item(
    backend: DynamoDBBackend, table: str, item: dict[str, Any]
) -> dict[str, Any]:
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


def _parse_item(pairs: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    names = [pair["name"] for pair in _PAIR.finditer(pairs)]
    return dict(zip(names, parameters, strict=True))


def _write_transaction(
    backend: DynamoDBBackend, transact_items: list[dict[str, Any]]
) -> None:
    """Carry out a transaction, and restore the items it touches if it fails.

    moto restores a copy of each table. Here the "copy" is the table itself.
    """
    restore_items = [_remember_item(backend, action) for action in transact_items]
    shards = [
        table.stream_shard for table in backend.tables.values() if table.stream_shard
    ]
    lengths = [len(shard.items) for shard in shards]
    try:
        with patch.object(Table, "__deepcopy__", _return_same, create=True):
            _transact_write_items(backend, transact_items)
    except Exception:
        for restore in restore_items:
            restore()
        for shard, length in zip(shards, lengths, strict=True):
            del shard.items[length:]
        raise


def _return_same(table: Table, _memo: dict[int, Any]) -> Table:
    return table


def _remember_item(
    backend: DynamoDBBackend, action: dict[str, Any]
) -> Callable[[], None]:
    """Return a function that restores the item of an action to its present state."""
    ((kind, operation),) = action.items()
    table = backend.get_table(operation["TableName"])
    key = operation["Item" if kind == "Put" else "Key"]
    partition = DynamoType(key[table.hash_key_attr])
    sort = DynamoType(key[str(table.range_key_attr)])
    before = copy.deepcopy(table.items[partition].get(sort))

    def restore() -> None:
        if before is None:
            table.items[partition].pop(sort, None)
        else:
            table.items[partition][sort] = before

    return restore


def _query_partition(
    table: Table, hash_key: DynamoType | None, *arguments: Any, **more: Any
) -> tuple[list[Item], int, dict[str, Any] | None]:
    if hash_key is None or table.all_indexes():
        return _query_table(table, hash_key, *arguments, **more)
    partition = list(table.items[hash_key].values()) if hash_key in table.items else []
    with patch.object(table, "all_items", partition.copy):
        return _query_table(table, hash_key, *arguments, **more)


def _serialize_attribute(
    serializer: BaseJSONSerializer, serialized: Any, value: Any, shape: Any, key: str
) -> None:
    """Serialize the types that an attribute has, or any other structure as moto does."""
    if shape.name != "AttributeValue" or not isinstance(value, dict):
        _serialize_structure(serializer, serialized, value, shape, key)
        return
    types: dict[str, Any] = {}
    for name, content in value.items():
        serializer._serialize(types, content, shape.members[name], name)
    serialized[key] = types


def _add_record(shard: StreamShard, old: Item | None, new: Item | None) -> None:
    """Add a stream record as moto does, without importing its Lambda."""
    view = str((shard.table.stream_specification or {})["StreamViewType"])
    change = _change_name(old, new)
    number = len(shard.items) + shard.starting_sequence_number
    shard.items.append(StreamRecord(shard.table, view, change, old, new, number))
    for listener in _listeners:
        listener()


def _change_name(old: Item | None, new: Item | None) -> str:
    if old is None:
        return "INSERT"
    return "REMOVE" if new is None else "MODIFY"
