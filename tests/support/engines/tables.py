"""The tables on DynamoDB Local or moto: a store, a dump, the streams, a count of requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import botocore.session
import pytest

from hardlink.domain.graph import PROFILE
from hardlink.domain.records import Attribute, Item, Key, Table
from hardlink.storage.dynamodb import Tables, connect
from hardlink.storage.keys import (
    FULL_NAMES,
    HEAD,
    PARTITION,
    SORT,
    parse_stored_key,
    store_key,
)
from hardlink.storage.packed_keys import unpack_end
from infra.local import moto_engine
from tests.support.memory_store import Dump, readable
from tests.support.world import Change, World

TABLES: tuple[Table, ...] = ("sessions", "customers", "events")
STREAMED: tuple[Table, ...] = ("sessions", "customers")
"""The tables whose streams association reads."""
MEMORY, MOTO, LOCAL = "memory", "moto", "dynamodb-local"
EVERYWHERE = (pytest.param(MEMORY, marks=pytest.mark.memory), MOTO, LOCAL)
"""For a fixture that has each in turn. In memory it needs no engine, so `make check` runs it."""
_numbers = count(1)


@dataclass(frozen=True)
class Clients:
    """Clients of an engine, `moto` or `dynamodb-local`: for its tables, and for their streams.

    `patient` creates and deletes tables: an engine is slow at its start on a busy machine.
    """

    kind: str
    tables: Any
    streams: Any
    patient: Any


def raw_key(key: Key) -> dict[str, dict[str, str]]:
    """The two attributes of a key in DynamoDB's own form."""
    return {name: {"S": text} for name, text in store_key(key).items()}


def read_key(raw: Mapping[str, Mapping[str, str]]) -> Key:
    """The key of which `raw_key` made this form."""
    return parse_stored_key({name: value["S"] for name, value in raw.items()})


@dataclass
class Engine:
    """A store on tables of its own."""

    clients: Clients
    names: dict[Table, str]
    store: Tables = field(init=False)

    def __post_init__(self) -> None:
        self.store = Tables(self.client, self.names)
        self._iterators: dict[Table, str] = {}

    @property
    def client(self) -> Any:
        """DynamoDB's."""
        return self.clients.tables

    @property
    def real(self) -> bool:
        """Whether this is Amazon's own engine."""
        return self.clients.kind == LOCAL

    def world(self) -> World:
        """Service, association and reads on these tables."""
        return World(self.store, self.taken, self.dump)

    def dump(self) -> Dump:
        """Every item of all tables, with bodies of events as they are read."""
        return {key: item for table in TABLES for key, item in self._items(table)}

    def taken(self) -> list[Change]:
        """The `#` records of both streams since the last call, those of each table in order."""
        found: list[Change] = []
        for table in STREAMED:
            while (more := self._records(table)) is not None:
                found += more
        return found

    def next_taken(self) -> list[Change]:
        """As `taken`, but of each table no more than one request finds: a thousand."""
        return [change for table in STREAMED for change in self._records(table) or ()]

    @contextmanager
    def counted(self) -> Iterator[Counter[str]]:
        """Every request that is made inside the block, by operation; reads by consistency too."""
        found: Counter[str] = Counter()

        def count(model: Any, params: Any, **_: Any) -> None:
            consistent = b'"ConsistentRead": true' in params["body"]
            found[("Consistent" if consistent else "") + model.name] += 1

        self.client.meta.events.register("before-call.dynamodb", count)
        try:
            yield found
        finally:
            self.client.meta.events.unregister("before-call.dynamodb", count)

    def _items(self, table: Table) -> Iterator[tuple[Key, Item]]:
        pages = self.clients.patient.get_paginator("scan").paginate(
            TableName=self.names[table], ConsistentRead=True
        )
        for raw in (raw for page in pages for raw in page["Items"]):
            item: Item = {name: _value(value) for name, value in raw.items()}
            names = (PARTITION[table], SORT)
            key = parse_stored_key({name: str(item.pop(name)) for name in names})
            item = {FULL_NAMES.get(n, n): value for n, value in item.items()}
            if PROFILE in item:
                item[PROFILE] = unpack_end(str(item[PROFILE]))
            yield key, readable(item)

    def _records(self, table: Table) -> list[Change] | None:
        """The next ones, as one request finds them; none where there are no more."""
        answer = self._page(self._iterators.get(table) or self._oldest(table))
        if not answer["Records"]:
            return None
        self._iterators[table] = answer["NextShardIterator"]
        found = (record["dynamodb"]["Keys"] for record in answer["Records"])
        return [
            (table, unpack_end(keys[PARTITION[table]]["S"]))
            for keys in found
            if keys[SORT]["S"] == HEAD
        ]

    def _page(self, iterator: str) -> Any:
        try:
            return self.clients.streams.get_records(ShardIterator=iterator)
        except self.clients.streams.exceptions.TrimmedDataAccessException:
            return {"Records": []}  # DynamoDB Local, when there never was a record

    def _oldest(self, table: Table) -> str:
        """Return the stream's iterator at its first record (each stream has one shard here)."""
        described = self.clients.patient.describe_table(TableName=self.names[table])
        arn = described["Table"]["LatestStreamArn"]
        (shard,) = self.clients.streams.describe_stream(StreamArn=arn)[
            "StreamDescription"
        ]["Shards"]
        answer = self.clients.streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        return str(answer["ShardIterator"])


@contextmanager
def moto() -> Iterator[Clients]:
    """Moto, in this process, empty at first."""
    with moto_engine.run_engine(), _connected(MOTO, None) as clients:
        yield clients


@contextmanager
def dynamodb_local(endpoint: str) -> Iterator[Clients]:
    """The engine that listens there."""
    with _connected(LOCAL, endpoint) as clients:
        yield clients


@contextmanager
def new(clients: Clients) -> Iterator[Engine]:
    """Empty tables, for the length of the block."""
    suffix = f"-{next(_numbers)}"
    moto_engine.create_tables(clients.patient, suffix)
    try:
        yield Engine(clients, {table: table + suffix for table in TABLES})
    finally:
        for table in TABLES:
            clients.patient.delete_table(TableName=table + suffix)


@contextmanager
def _connected(kind: str, endpoint: str | None) -> Iterator[Clients]:
    create = botocore.session.get_session().create_client
    streams, patient = (
        create(name, endpoint_url=endpoint) for name in ("dynamodbstreams", "dynamodb")
    )
    clients = Clients(kind, connect(endpoint), streams, patient)
    try:
        yield clients
    finally:
        clients.tables.close()
        clients.streams.close()
        clients.patient.close()


def _value(raw: dict[str, Any]) -> Attribute:
    ((kind, value),) = raw.items()
    if kind == "B":
        return bytes(value)
    return int(value) if kind == "N" else bool(value) if kind == "BOOL" else str(value)
