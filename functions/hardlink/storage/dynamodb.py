"""DynamoDB: turns reads and writes of the tables into requests, and retries them."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as Unreachable

from hardlink.domain.errors import Busy
from hardlink.domain.graph import NOTHING, PROFILE
from hardlink.domain.records import Attribute, Item, Key, Table
from hardlink.storage import packed_keys, schema_version
from hardlink.storage.aws import create_client
from hardlink.storage.keys import FULL_NAMES, PARTITION, SORT, STORED_NAMES, store_key
from hardlink.storage.store import (
    WHOLE,
    Absent,
    Action,
    AtMost,
    Check,
    Condition,
    ConditionFailed,
    Delete,
    Lacks,
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
    # Another transaction holds one of the items just now. It says nothing of the conditions: those
    # may hold still.
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
}
"""What DynamoDB says when the same request may succeed a moment later."""
_SERVERS_FAULT = 500
"""HTTP: from this status on it is so too, whichever proxy on the way answers it."""
_PLAIN_WRITES = {Put: "put_item", Patch: "update_item", Delete: "delete_item"}
"""The operation that carries out an action alone."""
_PARTS = {Put: "Put", Patch: "Update", Delete: "Delete", Check: "ConditionCheck"}
"""DynamoDB's name of an action as part of a transaction."""
_COMPARISONS = {
    AtMost: "attribute_not_exists(#w) OR #w <= :w",
    Same: "#w = :w",
}
"""Expressions of the conditions on an attribute `#w` and a value `:w`."""

_T = TypeVar("_T")
_Request = dict[str, Any]


def connect(endpoint: str | None = None) -> Any:
    """Create a DynamoDB client for `Tables`, with short time-outs.

    `endpoint`: of an emulator, instead of AWS. A function of ten seconds has room for three
    attempts at a connection.
    """
    return create_client(
        "dynamodb",
        connect_timeout=1,
        read_timeout=2,
        attempts=1,  # `Tables` retries, as it knows which requests may be sent again
        endpoint=endpoint,
        max_pool_connections=32,
        parameter_validation=False,  # mypy checked the types already
        # Composed for each request, botocore's own user agent would take a tenth of its CPU.
        user_agent="hardlink",
    )


class Opening(NamedTuple):
    """The first read of a process. `failure`: the name of an error that the next call may not meet.

    `version`: of the tables' schema, as far as it was read.
    """

    version: int = schema_version.VERSION
    failure: str | None = None


def open_connection(client: Any, sessions: str) -> Opening:
    """Open the connection with one read, of the version of the tables.

    A client loads certificates and shakes hands with its first request: 60 ms of CPU, and seven
    times that on the share of a processor that a call has. `sessions`: the real name of the table.
    """
    try:
        found = client.get_item(
            TableName=sessions, Key=_encode_key(schema_version.KEY), ConsistentRead=True
        )
    except (BotoCoreError, ClientError) as error:
        # The first call then connects by itself.
        return Opening(failure=type(error).__name__)
    item = _decode(found["Item"]) if "Item" in found else None
    return Opening(schema_version.read_version(item))


class Tables:
    """`hardlink.storage.store.Store` on DynamoDB.

    `refusal`: raised by every request, where the tables are not this code's.
    """

    def __init__(
        self, client: Any, names: Mapping[Table, str], refusal: Busy | None = None
    ) -> None:
        self._client = client
        self._refusal = refusal
        self._names = names
        self._tables = {name: table for table, name in names.items()}

    @property
    def sessions_name(self) -> str:
        """See `Store.sessions_name`."""
        return self._names["sessions"]

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        """See `Store.get`: one GetItem, or a BatchGetItem for every hundred.

        Both are consistent. A key that is named twice is read once.
        """
        # A GetItem is answered or fails; a batch may leave its one key out.
        if len(keys) == 1:
            return [self._get_one(keys[0])]
        # DynamoDB refuses a batch that names a key twice, and answers in any order.
        distinct = list(dict.fromkeys(keys))
        found: dict[Key, Item] = {}
        for some in _chunks(distinct, _READ_AT_ONCE):
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
        """See `Store.scan`: one Query a page, which ends at a megabyte or at `page` items.

        The next page is requested only if the caller goes on.
        """
        request: _Request = {
            "TableName": self._names[table],
            "KeyConditionExpression": "#p = :p AND #s BETWEEN :first AND :last",
            "ExpressionAttributeNames": {"#p": PARTITION[table], "#s": SORT},
            "ExpressionAttributeValues": _encode(
                {
                    ":p": packed_keys.pack_end(partition),
                    ":first": first,
                    ":last": last,
                }
            ),
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
        """See `Store.scan_all`: one Scan a megabyte of the table.

        It is read whole, whatever the filter leaves: a scan costs what the table holds.
        """
        names = {"#s": SORT}
        values: Item = {}
        begins = []
        for number, kind in enumerate(kinds):
            values[f":{number}"] = kind
            begins.append(f"begins_with(#s, :{number})")
        wanted = f"({' OR '.join(begins)})"
        # DynamoDB refuses a name that the expression does not use.
        if partitions:
            names["#p"] = PARTITION[table]
            values[":p"] = partitions
            wanted = f"begins_with(#p, :p) AND {wanted}"
        request: _Request = {
            "TableName": self._names[table],
            "FilterExpression": wanted,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": _encode(values),
            "ConsistentRead": True,
            "Segment": part.number,
            "TotalSegments": part.of,
        }
        return self._pages("scan", table, request)

    def write(self, actions: Sequence[Action]) -> None:
        """See `Store.write`: a single action is a plain write, at half a transaction's price.

        A check alone has no plain form. No actions cost no request.
        """
        if len(actions) != 1 or isinstance(actions[0], Check):
            self._write_transaction(actions)
            return
        operation = _PLAIN_WRITES[type(actions[0])]
        self._call(operation, self._action_request(actions[0]))

    def insert(self, items: Sequence[tuple[Key, Item]]) -> list[bool]:
        """See `Store.insert`: one conditional PutItem, or a PartiQL batch for every 25."""
        if len(items) == 1:
            return [self._insert_one(*items[0])]
        added: list[bool] = []
        for some in _chunks(items, _INSERT_AT_ONCE):
            added += self._insert_batch(some)
        return added

    def _pages(
        self, operation: str, table: Table, request: _Request
    ) -> Iterator[list[tuple[Key, Item]]]:
        """Request page after page, as they are asked for.

        A page may be empty where a filter dropped all of it.
        """
        while True:
            answer = self._call(operation, request)
            yield [self._read_item(table, raw) for raw in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _get_one(self, key: Key) -> Item | None:
        """Read one item, consistently; `None` if it does not exist."""
        request = self._at(key) | {"ConsistentRead": True}
        raw = self._call("get_item", request).get("Item")
        if raw is None:
            return None
        item = _decode(raw)
        del item[PARTITION[key.table]], item[SORT]
        return item

    def _get_batch(self, keys: Sequence[Key]) -> Iterator[tuple[Key, Item]]:
        """Read up to a hundred items.

        Raises `Busy` where DynamoDB leaves some of them out each time.
        """
        wanted = self._batch_request(keys)
        for _ in _attempts():
            answer = self._call("batch_get_item", {"RequestItems": wanted})
            for name, raws in answer["Responses"].items():
                table = self._tables[name]
                for raw in raws:
                    yield self._read_item(table, raw)
            # A batch ends at 16 MB, or where a partition is throttled: the rest comes with the next
            # request.
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                return
        raise _busy()

    def _batch_request(self, keys: Sequence[Key]) -> _Request:
        """Group keys by table, as BatchGetItem wants them."""
        request: _Request = {}
        for key in keys:
            name = self._names[key.table]
            asked = request.setdefault(name, {"Keys": [], "ConsistentRead": True})
            asked["Keys"].append(_encode_key(key))
        return request

    def _read_item(self, table: Table, raw: Mapping[str, Any]) -> tuple[Key, Item]:
        """Decode an item and take its key from it."""
        item = _decode(raw)
        partition, place = str(item.pop(PARTITION[table])), str(item.pop(SORT))
        return Key(table, packed_keys.unpack_end(partition), place), item

    def _write_transaction(self, actions: Sequence[Action]) -> None:
        """Write all of these actions or none. Raises `ConditionFailed`.

        No actions cost no request.
        """
        if not actions:
            return
        parts = [
            {_PARTS[type(action)]: self._action_request(action)} for action in actions
        ]
        # With a token of its own: when the answer was lost, sending it again answers what became of
        # it.
        request = {"TransactItems": parts, "ClientRequestToken": str(uuid4())}
        self._call("transact_write_items", request)

    def _action_request(self, action: Action) -> _Request:
        """Build the request of an action, which is the same alone and in a transaction.

        A check and a deletion have no more than their place and condition.
        """
        if isinstance(action, Put):
            return self._put_request(action)
        if isinstance(action, Patch):
            return self._patch_request(action)
        return self._at(action.key) | _conditions(action.when)

    def _at(self, key: Key) -> _Request:
        """Name an item as requests do: by its table and its key."""
        return {"TableName": self._names[key.table], "Key": _encode_key(key)}

    def _put_request(self, put: Put) -> _Request:
        """Build the request of an item that replaces what is there, under its condition."""
        item = _encode_key(put.key) | _encode(put.item)
        target = {"TableName": self._names[put.key.table], "Item": item}
        return target | _conditions(put.when)

    def _patch_request(self, patch: Patch) -> _Request:
        """Build an update expression.

        Names and values are numbered in it, because some names are reserved words.
        """
        names: dict[str, str] = {}
        values: Item = {}
        assignments = []
        for number, (name, value) in enumerate(patch.put.items()):
            names[f"#{number}"] = STORED_NAMES.get(name, name)
            values[f":{number}"] = _stored_value(name, value)
            assignments.append(f"#{number} = :{number}")
        removals = []
        for number, name in enumerate(patch.remove, len(names)):
            names[f"#{number}"] = STORED_NAMES.get(name, name)
            removals.append(f"#{number}")
        clauses = []
        if assignments:
            clauses.append(f"SET {', '.join(assignments)}")
        if removals:
            clauses.append(f"REMOVE {', '.join(removals)}")
        update = {"UpdateExpression": " ".join(clauses)}
        return self._at(patch.key) | update | _conditions(patch.when, names, values)

    def _insert_one(self, key: Key, item: Item) -> bool:
        """Insert an item if it is absent; returns whether it was added."""
        try:
            self._call("put_item", self._put_request(Put(key, item, Absent())))
        except ConditionFailed:
            return False
        return True

    def _insert_batch(self, items: Sequence[tuple[Key, Item]]) -> list[bool]:
        """Insert at most 25 items, and those again that DynamoDB did not take.

        Returns for each, in their order, whether it was added. Raises `Busy`.
        """
        results: dict[int, bool] = {}
        waiting = list(range(len(items)))
        for _ in _attempts():
            answers = self._execute_inserts(list(map(items.__getitem__, waiting)))
            for number, answer in zip(waiting, answers, strict=True):
                was_added = _insert_result(answer.get("Error"))
                if was_added is not None:
                    results[number] = was_added
            waiting = [number for number in waiting if number not in results]
            if not waiting:
                return list(map(results.__getitem__, range(len(items))))
        raise _busy()

    def _execute_inserts(
        self, items: Sequence[tuple[Key, Item]]
    ) -> Sequence[Mapping[str, Any]]:
        """Request inserts in one batch, and return DynamoDB's answer to each.

        Each says by itself whether it was carried out.
        """
        # BatchWriteItem would overwrite, and a transaction costs twice as much: PartiQL's INSERT
        # fails alone.
        statements = [self._insert_statement(*item) for item in items]
        answer = self._call("batch_execute_statement", {"Statements": statements})
        answers: Sequence[Mapping[str, Any]] = answer["Responses"]
        return answers

    def _insert_statement(self, key: Key, item: Item) -> _Request:
        """Write an insert in PartiQL. Its values are parameters, never a part of the statement."""
        whole = _encode_key(key) | _encode(item)
        pairs = ", ".join(f"'{name}': ?" for name in whole)
        statement = f'INSERT INTO "{self._names[key.table]}" VALUE {{{pairs}}}'
        return {"Statement": statement, "Parameters": list(whole.values())}

    def _call(self, operation: str, request: _Request) -> Any:
        """Send one request, and again after a pause where it may succeed then.

        Raises `ConditionFailed` where a condition does not hold, `Busy` where DynamoDB is not
        reached or stays busy, and botocore's own error for a request that is wrong.
        """
        if self._refusal:
            raise self._refusal
        for attempt in range(1, _TRIES):
            try:
                return getattr(self._client, operation)(**request)
            except ClientError as error:
                if _condition_failed(error):
                    raise ConditionFailed from error
                if not _is_passing(error):
                    raise
            # The connection failed or timed out: each attempt may take two seconds, so three are
            # enough.
            except (HTTPClientError, Unreachable) as error:
                if attempt >= _CONNECTIONS:
                    raise _busy() from error
            _pause(attempt)
        raise _busy()


def _insert_result(error: Mapping[str, Any] | None) -> bool | None:
    """Read the result of an insert: `False` for a duplicate, nothing where to try again.

    `error`: of one statement of a batch. Raises `RuntimeError` for a statement that is wrong.
    """
    if error is None:
        return True
    code = error.get("Code")
    if code == "DuplicateItem":
        return False
    if code in _PASSING:
        return None
    raise RuntimeError(f"DynamoDB refused an insert: {error}")


def _conditions(
    when: Condition | None,
    names: Mapping[str, str] = NOTHING,
    values: Mapping[str, Attribute] = NOTHING,
) -> _Request:
    """Write a condition as parameters of a request, beside its other names and values.

    Names and values are placeholders of the request's expressions, with what they stand for.
    """
    expression, attribute, value = _condition_parts(when)
    all_names, all_values = dict(names), dict(values)
    if attribute:
        all_names["#w"] = STORED_NAMES.get(attribute, attribute)
    if value is not None:
        all_values[":w"] = _stored_value(attribute, value)
    parameters = {
        "ConditionExpression": expression,
        "ExpressionAttributeNames": all_names,
        "ExpressionAttributeValues": _encode(all_values),
    }
    # DynamoDB refuses a parameter that is there and empty.
    return {name: parameter for name, parameter in parameters.items() if parameter}


def _condition_parts(when: Condition | None) -> tuple[str, str, Attribute | None]:
    """A condition's expression, the attribute it calls `#w` and the value it calls `:w`."""
    match when:
        case None:
            return "", "", None
        case Absent():
            return "attribute_not_exists(#w)", SORT, None
        case Present():
            return "attribute_exists(#w)", SORT, None
        case Lacks(attribute):
            return "attribute_not_exists(#w)", attribute, None
        case Rev(0):
            return "attribute_not_exists(#w)", "rev", None
        case Rev(rev):
            return "#w = :w", "rev", rev
    return _COMPARISONS[type(when)], when.attribute, when.value


def _condition_failed(error: ClientError) -> bool:
    """Tell whether a request failed by its condition, alone or in a transaction.

    A transaction fails by its conditions if one of its actions does.
    """
    if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
        return True
    return "ConditionalCheckFailed" in _reasons(error)


def _is_passing(error: ClientError) -> bool:
    """Tell whether the same request may succeed a moment later.

    A cancelled transaction may, if none of its actions has another reason than a passing one.
    """
    reasons = _reasons(error)
    if reasons:
        return reasons <= _PASSING
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= _SERVERS_FAULT or error.response["Error"]["Code"] in _PASSING


def _reasons(error: ClientError) -> set[str]:
    """The codes of the actions for which DynamoDB cancelled a transaction.

    An action that would have succeeded has the code "None", or none with some emulators.
    """
    reasons = error.response.get("CancellationReasons", [])
    codes = {str(reason.get("Code", "")) for reason in reasons}
    return codes - {"None", ""}


def _busy() -> Busy:
    """Make the error of a request that DynamoDB did not answer, however often it was sent."""
    return Busy(
        "the tables are too busy to answer: nothing is promised, send the call again"
    )


def _attempts() -> Iterator[None]:
    """Yield once for each attempt, after a pause for all but the first."""
    yield
    for attempt in range(1, _TRIES):
        _pause(attempt)
        yield


def _pause(attempt: int) -> None:
    """Full jitter: a random part of a pause that doubles with every attempt."""
    time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.01 * 2**attempt)))


def _chunks(items: Sequence[_T], most: int) -> Iterator[Sequence[_T]]:
    """Split a sequence into parts of at most so many items.

    An empty one has no parts, so that it costs no request.
    """
    return (items[start : start + most] for start in range(0, len(items), most))


def _encode_key(key: Key) -> dict[str, Any]:
    """Encode the two attributes of a key. The partition key's name is its table's."""
    return {name: {"S": text} for name, text in store_key(key).items()}


def _encode(item: Mapping[str, Attribute]) -> dict[str, Any]:
    """Encode attributes as DynamoDB's wire format has them, under the names that are stored."""
    return {
        STORED_NAMES.get(name, name): _encode_attribute(_stored_value(name, value))
        for name, value in item.items()
    }


def _stored_value(name: str, value: Attribute) -> Attribute:
    """Return the form in which a value is stored: the ID of a profile is packed."""
    if name == PROFILE and isinstance(value, str):
        return packed_keys.pack_end(value)
    return value


def _encode_attribute(value: Attribute) -> dict[str, Any]:
    """Encode a text, bytes, a boolean or an integer; there are no others in these tables."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bytes):
        return {"B": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)}


def _decode(raw: Mapping[str, Mapping[str, Any]]) -> Item:
    """Decode attributes from DynamoDB's wire format, under their full names."""
    item: Item = {}
    for stored, value in raw.items():
        item[FULL_NAMES.get(stored, stored)] = _decode_attribute(value)
    profile = item.get(PROFILE)
    if isinstance(profile, str):
        item[PROFILE] = packed_keys.unpack_end(profile)
    return item


def _decode_attribute(value: Mapping[str, Any]) -> Attribute:
    """Decode a text, bytes, a boolean or an integer.

    Any other type was not written by `_encode_attribute`, and raises `KeyError`.
    """
    if "S" in value:
        return str(value["S"])
    if "BOOL" in value:
        return bool(value["BOOL"])
    if "B" in value:
        return bytes(value["B"])
    return int(value["N"])
