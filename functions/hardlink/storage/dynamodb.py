"""DynamoDB: every read and write that Hardlink makes, and the only module that knows the AWS SDK.

The client is botocore's, which is boto3's own: importing boto3 as well would lengthen every cold start by a tenth.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar
from uuid import uuid4

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as Unreachable
from botocore.loaders import Loader

from hardlink.domain.errors import Busy
from hardlink.domain.records import Attribute, Item, Key, Table
from hardlink.storage.keys import PARTITION, SORT
from hardlink.storage.store import (
    WHOLE,
    Absent,
    Action,
    AtMost,
    Below,
    Check,
    Condition,
    ConditionFailed,
    Delete,
    Part,
    Patch,
    Present,
    Put,
    Rev,
    Same,
)

_READ_AT_ONCE = 100
_INSERT_AT_ONCE = 25
_TRIES = 9
_LONGEST_PAUSE = 0.4
_CONNECTIONS = 3
"""Attempts at a connection: with their time-outs they fit into the shortest function's."""
_PASSING = {
    "InternalServerError",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingError",
    "ThrottlingException",
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
}
"""What DynamoDB says when the same request may succeed a moment later."""
_SERVERS_FAULT = 500
"""HTTP: from this status on it is so too, whoever on the way says it and in whichever words."""

_T = TypeVar("_T")


class _OneService(Loader):
    """Knows which service is meant, and need not look through botocore's four hundred to find it."""

    def list_available_services(self, type_name: str) -> list[str]:
        """The services that a client can be made of, whatever kind of model is asked for."""
        del type_name
        return ["dynamodb"]


def connect(endpoint: str | None = None) -> Any:
    """A DynamoDB client for `Tables`: short time-outs and no retries, as its caller retries; types are checked before.

    A fixed user agent saves a tenth of every request's CPU: botocore composes its own anew each time.
    """
    config = Config(
        connect_timeout=1,
        read_timeout=2,
        max_pool_connections=32,
        parameter_validation=False,
        user_agent="hardlink",
        retries={"mode": "standard", "total_max_attempts": 1},
    )
    session = botocore.session.get_session()
    session.register_component("data_loader", _OneService())
    return session.create_client("dynamodb", config=config, endpoint_url=endpoint)


class Tables:
    """`hardlink.port.Store` on DynamoDB."""

    def __init__(self, client: Any, names: Mapping[Table, str]) -> None:
        self._client = client
        self._names = names
        self._tables = {name: table for table, name in names.items()}

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        """See `Store.get`: one GetItem, or a BatchGetItem for every hundred."""
        if len(keys) == 1:
            return [self._get_one(keys[0])]
        found: dict[Key, Item] = {}
        for some in _chunks(list(dict.fromkeys(keys)), _READ_AT_ONCE):
            found.update(self._get_batch(some))
        return [found.get(key) for key in keys]

    def scan(
        self,
        table: Table,
        partition: str,
        first: str,
        last: str,
        *,
        newest_first: bool = False,
        page: int | None = None,
    ) -> Iterator[tuple[Key, Item]]:
        """See `Store.scan`: one Query a page."""
        request: dict[str, Any] = {
            "TableName": self._names[table],
            "KeyConditionExpression": "#p = :p AND #s BETWEEN :first AND :last",
            "ExpressionAttributeNames": {"#p": PARTITION[table], "#s": SORT},
            "ExpressionAttributeValues": _encode({":p": partition, ":first": first, ":last": last}),
            "ScanIndexForward": not newest_first,
            "ConsistentRead": True,
        }
        if page:
            request["Limit"] = page
        for found in self._pages("query", table, request):
            yield from found

    def scan_all(
        self, table: Table, partitions: str, kinds: Sequence[str], part: Part = WHOLE
    ) -> Iterator[list[tuple[Key, Item]]]:
        """See `Store.scan_all`: one Scan a megabyte of the table."""
        marks = {f":{number}": kind for number, kind in enumerate(kinds)}
        either = " OR ".join(f"begins_with(#s, {mark})" for mark in marks)
        names, wanted = {"#s": SORT}, f"({either})"
        if partitions:
            names, wanted = names | {"#p": PARTITION[table]}, f"begins_with(#p, :p) AND {wanted}"
            marks |= {":p": partitions}
        request: dict[str, Any] = {
            "TableName": self._names[table],
            "FilterExpression": wanted,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": _encode({**marks}),
            "ConsistentRead": True,
            "Segment": part.number,
            "TotalSegments": part.of,
        }
        return self._pages("scan", table, request)

    def write(self, actions: Sequence[Action]) -> None:
        """See `Store.write`: a single action is a plain write, at half a transaction's price."""
        if len(actions) == 1 and not isinstance(actions[0], Check):
            self._write_one(actions[0])
        elif actions:
            self._call("transact_write_items", self._transaction(actions))

    def insert(self, items: Sequence[tuple[Key, Item]]) -> list[bool]:
        """See `Store.insert`: one conditional PutItem, or a batch of PartiQL inserts for every 25.

        BatchWriteItem would overwrite, and a transaction costs twice as much.
        """
        if len(items) == 1:
            return [self._insert_one(*items[0])]
        return [
            added for some in _chunks(items, _INSERT_AT_ONCE) for added in self._insert_batch(some)
        ]

    def _pages(
        self, operation: str, table: Table, request: dict[str, Any]
    ) -> Iterator[list[tuple[Key, Item]]]:
        while True:
            answer = self._call(operation, request)
            yield [self._read(table, raw) for raw in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _get_one(self, key: Key) -> Item | None:
        request = {"TableName": self._names[key.table], "Key": _key(key), "ConsistentRead": True}
        raw = self._call("get_item", request).get("Item")
        return self._read(key.table, raw)[1] if raw else None

    def _get_batch(self, keys: Sequence[Key]) -> Iterator[tuple[Key, Item]]:
        wanted: dict[str, Any] = {}
        for key in keys:
            asked = wanted.setdefault(self._names[key.table], {"Keys": [], "ConsistentRead": True})
            asked["Keys"].append(_key(key))
        for attempt in range(_TRIES):
            if not wanted:
                return
            if attempt:
                _pause(attempt)
            answer = self._call("batch_get_item", {"RequestItems": wanted})
            for name, raws in answer["Responses"].items():
                yield from (self._read(self._tables[name], raw) for raw in raws)
            wanted = answer.get("UnprocessedKeys", {})
        if wanted:
            raise _busy()

    def _read(self, table: Table, raw: dict[str, Any]) -> tuple[Key, Item]:
        item = _decode(raw)
        return Key(table, str(item.pop(PARTITION[table])), str(item.pop(SORT))), item

    def _write_one(self, action: Action) -> None:
        match action:
            case Put():
                self._call("put_item", self._put(action))
            case Patch():
                self._call("update_item", self._patch(action))
            case Delete():
                self._call("delete_item", self._delete(action))
            case Check():
                raise TypeError("a check alone writes nothing")

    def _transaction(self, actions: Sequence[Action]) -> dict[str, Any]:
        """With a token of its own: when the answer to it was lost, sending it again answers what became of it."""
        items = [self._transact(action) for action in actions]
        return {"TransactItems": items, "ClientRequestToken": str(uuid4())}

    def _transact(self, action: Action) -> dict[str, Any]:
        match action:
            case Put():
                return {"Put": self._put(action)}
            case Patch():
                return {"Update": self._patch(action)}
            case Delete():
                return {"Delete": self._delete(action)}
            case Check():
                return {"ConditionCheck": self._at(action.key) | _conditions(action.when, {}, {})}

    def _at(self, key: Key) -> dict[str, Any]:
        return {"TableName": self._names[key.table], "Key": _key(key)}

    def _delete(self, delete: Delete) -> dict[str, Any]:
        return self._at(delete.key) | _conditions(delete.when, {}, {})

    def _put(self, put: Put) -> dict[str, Any]:
        item = _key(put.key) | _encode(put.item)
        return {"TableName": self._names[put.key.table], "Item": item} | _conditions(
            put.when, {}, {}
        )

    def _patch(self, patch: Patch) -> dict[str, Any]:
        names = {f"#{i}": name for i, name in enumerate([*patch.put, *patch.remove])}
        marks = list(names)
        values = {f":{i}": value for i, value in enumerate(patch.put.values())}
        put = ", ".join(f"{mark} = {value}" for mark, value in zip(marks, values, strict=False))
        remove = ", ".join(marks[len(values) :])
        update = " ".join(
            ([f"SET {put}"] if put else []) + ([f"REMOVE {remove}"] if remove else [])
        )
        return (
            self._at(patch.key)
            | {"UpdateExpression": update}
            | _conditions(patch.when, names, values)
        )

    def _insert_one(self, key: Key, item: Item) -> bool:
        try:
            self._call("put_item", self._put(Put(key, item, Absent())))
        except ConditionFailed:
            return False
        return True

    def _insert_batch(self, items: Sequence[tuple[Key, Item]]) -> list[bool]:
        added: dict[int, bool] = {}
        for attempt in range(_TRIES):
            waiting = [number for number in range(len(items)) if number not in added]
            if not waiting:
                return [added[number] for number in range(len(items))]
            if attempt:
                _pause(attempt)
            request = {"Statements": [self._statement(*items[number]) for number in waiting]}
            answers = self._call("batch_execute_statement", request)["Responses"]
            for number, answer in zip(waiting, answers, strict=True):
                code = answer.get("Error", {}).get("Code")
                if code is None or code == "DuplicateItem":
                    added[number] = code is None
                elif code not in _PASSING:
                    raise RuntimeError(f"DynamoDB refused an insert: {answer['Error']}")
        raise _busy()

    def _statement(self, key: Key, item: Item) -> dict[str, Any]:
        whole = _key(key) | _encode(item)
        pairs = ", ".join(f"'{name}': ?" for name in whole)
        statement = f'INSERT INTO "{self._names[key.table]}" VALUE {{{pairs}}}'
        return {"Statement": statement, "Parameters": list(whole.values())}

    def _call(self, operation: str, request: dict[str, Any]) -> Any:
        for attempt in range(1, _TRIES):
            try:
                return getattr(self._client, operation)(**request)
            except ClientError as error:
                if _condition_failed(error):
                    raise ConditionFailed from error
                if not _passing(error):
                    raise
            except (HTTPClientError, Unreachable) as error:
                if attempt >= _CONNECTIONS:
                    raise _busy() from error
            _pause(attempt)
        raise _busy()


def _conditions(when: Condition | None, names: dict[str, str], values: Item) -> dict[str, Any]:
    """A condition as the expression parameters of a request, beside the names and values it has already."""
    expression = ""
    match when:
        case Absent():
            names, expression = names | {"#w": SORT}, "attribute_not_exists(#w)"
        case Present():
            names, expression = names | {"#w": SORT}, "attribute_exists(#w)"
        case Rev(0):
            names, expression = names | {"#w": "rev"}, "attribute_not_exists(#w)"
        case Rev(rev):
            names, values, expression = names | {"#w": "rev"}, values | {":w": rev}, "#w = :w"
        case AtMost(attribute, value):
            names, values = names | {"#w": attribute}, values | {":w": value}
            expression = "attribute_not_exists(#w) OR #w <= :w"
        case Same(attribute, same):
            names, values = names | {"#w": attribute}, values | {":w": same}
            expression = "#w = :w"
        case Below(attribute, value):
            names, values = names | {"#w": attribute}, values | {":w": value}
            expression = "#w < :w"
    given = {
        "ConditionExpression": expression,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": _encode(values),
    }
    return {name: value for name, value in given.items() if value}


def _condition_failed(error: ClientError) -> bool:
    code = error.response["Error"]["Code"]
    return code == "ConditionalCheckFailedException" or "ConditionalCheckFailed" in _reasons(error)


def _passing(error: ClientError) -> bool:
    reasons = _reasons(error)
    if reasons:
        return reasons <= _PASSING
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= _SERVERS_FAULT or error.response["Error"]["Code"] in _PASSING


def _reasons(error: ClientError) -> set[str]:
    """Why a transaction was cancelled: the codes of its actions that failed."""
    reasons = error.response.get("CancellationReasons", [])
    return {reason["Code"] for reason in reasons if reason.get("Code") not in (None, "None")}


def _busy() -> Busy:
    return Busy("the tables are too busy to answer: nothing is promised, send the call again")


def _pause(attempt: int) -> None:
    """Full jitter: a random part of a pause that doubles with every attempt."""
    time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.01 * 2**attempt)))


def _chunks(items: Sequence[_T], most: int) -> Iterator[Sequence[_T]]:
    return (items[start : start + most] for start in range(0, len(items), most))


def _key(key: Key) -> dict[str, Any]:
    return {PARTITION[key.table]: {"S": key.partition}, SORT: {"S": key.item}}


def _encode(item: Item) -> dict[str, Any]:
    return {name: _encoded(value) for name, value in item.items()}


def _encoded(value: Attribute) -> dict[str, Any]:
    if isinstance(value, str):
        return {"S": value}
    return {"BOOL": value} if isinstance(value, bool) else {"N": str(value)}


def _decode(raw: Mapping[str, dict[str, Any]]) -> Item:
    return {name: _decoded(value) for name, value in raw.items()}


def _decoded(value: dict[str, Any]) -> Attribute:
    if "S" in value:
        return str(value["S"])
    return bool(value["BOOL"]) if "BOOL" in value else int(value["N"])
