"""Whole customers, for whoever asks for all there is: one with every event, or everybody of a project."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from hardlink.domain import values
from hardlink.domain.errors import Invalid, NotFound, TooLarge
from hardlink.domain.graph import PROFILE, Node
from hardlink.domain.records import Item, Key, SessionRow
from hardlink.domain.times import END, SECOND
from hardlink.queries.customer import Customer
from hardlink.queries.paging import MOST, EventQuery, parse_cursor
from hardlink.queries.timeline import Timeline
from hardlink.storage import keys
from hardlink.storage.store import Store

MOST_HELD = 48 * 1024 * 1024
"""Bytes that one call reads and holds: what a function's memory has room for."""
LONGEST = 20 * SECOND
"""One call reads for so long at most: API Gateway waits no longer than 30 seconds for its answer."""
_KINDS = (keys.HEAD, "i/", "l/", "m/", "p/", "s/")
"""The rows that make a customer's view."""

Event = Mapping[str, Any]
_T = TypeVar("_T")


class ExportRequest(NamedTuple):
    """Which events of a customer, in which order. `types`, `limit`: none is all. The rest is as `Wanted` has it."""

    types: Collection[str] | None = None
    skip: int = 0
    limit: int | None = None
    newest_first: bool = False
    since: int = 0
    until: int = END
    derived: bool = True


class Budget:
    """What one call may use up. `hint`: how to ask for less."""

    def __init__(self, most: int, clock: Callable[[], int], hint: str) -> None:
        self._left = most
        self._clock = clock
        self._until = clock() + LONGEST
        self.hint = hint

    def spend(self, size: int) -> None:
        """Take so many bytes; fewer than none gives them back. Raises `TooLarge`."""
        self._left -= size
        if self._left < 0:
            raise TooLarge(f"more than one answer holds: {self.hint}")
        if self._clock() > self._until:
            raise TooLarge(f"more than can be read for one answer: {self.hint}")

    def held(self, found: Iterable[_T]) -> Iterator[_T]:
        """These, each paid for by its size as JSON. Raises `TooLarge`."""
        for one in found:
            self.spend(values.json_size(one))
            yield one


class Exports:
    """Reads whole customers. `clock` answers microseconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._timeline = Timeline(store, clock)

    def customer(
        self, project_id: str, identifiers: Iterable[Node], session: str | None = None
    ) -> Customer:
        """The one customer that these identifiers, or a session, find; those that find nobody say nothing.

        Raises `NotFound` where all find nobody, `Invalid` where they find different customers.
        """
        found: dict[Node, Customer] = {}
        for node in self._nodes(project_id, identifiers, session):
            try:
                customer = self._timeline.customer(project_id, node)
            except NotFound:
                continue
            found[customer.root] = customer
        if not found:
            raise NotFound("nobody is known by these identifiers")
        if len(found) > 1:
            raise Invalid(
                "these identifiers find different customers: send those of one customer", "ids"
            )
        return next(iter(found.values()))

    def values(self, customer: Customer) -> Mapping[str, Any]:
        """A customer's attributes, segments, traits and consents."""
        return customer.values(self._store)

    def budget(self, most: int, hint: str) -> Budget:
        """What an answer of so many bytes may use up from now on."""
        return Budget(most, self._clock, hint)

    def events(self, customer: Customer, asked: ExportRequest, answer: Budget) -> list[Event]:
        """A customer's events, oldest first unless asked otherwise, as the timeline shows them.

        Never cut short: raises `TooLarge` where the answer's budget does not hold them.
        """
        if asked.types is not None and not asked.types:
            return []
        reading = self.budget(MOST_HELD, answer.hint)
        stream = self._newest(customer, asked, reading)
        end = None if asked.limit is None else asked.skip + asked.limit
        if not asked.newest_first:
            stream = reversed(_last(stream, end, reading))
        return list(answer.held(islice(stream, asked.skip, end)))

    def everyone(self, project_id: str, answer: Budget) -> list[tuple[Customer, Mapping[str, Any]]]:
        """Every customer of a project and its values, anonymous ones too, in the order in which they came.

        The only reader of a whole table: it takes as long as the table is large. Raises `TooLarge`.
        """
        reading = self.budget(MOST_HELD, answer.hint)
        found: dict[str, list[tuple[Key, Item]]] = defaultdict(list)
        for page in self._store.scan_all("customers", f"{project_id}/", _KINDS):
            reading.spend(sum(_size(key, item) for key, item in page))
            for key, item in page:
                if not key.partition.startswith(f"{project_id}/{keys.ERASURE}"):
                    found[key.partition].append((key, item))
        customers = (_root(project_id, partition, rows) for partition, rows in found.items())
        known = [customer for customer in customers if customer]
        known.sort(key=lambda customer: (customer.record.created, customer.root))
        return [(customer, self._values(customer, reading)) for customer in known]

    def _values(self, customer: Customer, reading: Budget) -> Mapping[str, Any]:
        reading.spend(0)  # a customer with large values is a read of its own
        return self.values(customer)

    def _nodes(
        self, project_id: str, identifiers: Iterable[Node], session: str | None
    ) -> Iterator[Node]:
        yield from identifiers
        if session is not None:
            try:
                yield self._timeline.session(project_id, session).profile
            except NotFound:
                return

    def _newest(self, customer: Customer, asked: ExportRequest, budget: Budget) -> Iterator[Event]:
        """The events of a customer that are asked for, newest first, page by page."""
        types = asked.types
        wanted = EventQuery(
            limit=MOST,
            type=_only(types),
            since=asked.since,
            until=asked.until,
            derived=asked.derived,
        )
        while True:
            budget.spend(0)
            page = self._timeline.events(customer, wanted)
            yield from (e for e in page["events"] if types is None or e["type"] in types)
            if page["cursor"] is None:
                return
            wanted = replace(wanted, before=parse_cursor(page["cursor"]))


def _only(types: Collection[str] | None) -> str | None:
    """The type that a page may be narrowed to."""
    return next(iter(types)) if types is not None and len(types) == 1 else None


def _last(stream: Iterable[Event], most: int | None, budget: Budget) -> deque[Event]:
    """The last of a stream, as many as are asked for."""
    held: deque[Event] = deque()
    for event in stream:
        budget.spend(values.json_size(event))
        held.append(event)
        if most is not None and len(held) > most:
            budget.spend(-values.json_size(held.popleft()))
    return held


def _size(key: Key, item: Item) -> int:
    """About the bytes of a row: its texts, and as much again for what is around them."""
    texts = sum(len(value) for value in item.values() if isinstance(value, str))
    return texts + 2 * len(key.partition + key.item)


def _root(project_id: str, partition: str, rows: Iterable[tuple[Key, Item]]) -> Customer | None:
    """The customer that a partition is, or none: an identifier of another, or a visitor who is known by now."""
    found = list(rows)
    customer = Customer.of(project_id, Node.parse(keys.split_partition(partition)[1]), found)
    state = customer.record.state
    if state.link or customer.record.erasing_since:
        return None
    if customer.root.type == PROFILE and state.rev:
        return replace(customer, sessions=tuple(_members(customer.root, found)))
    return customer if state.known else None


def _members(profile: Node, rows: Iterable[tuple[Key, Item]]) -> Iterator[SessionRow]:
    """The sessions of a visitor whom nobody knows yet."""
    for key, item in rows:
        if key.item.startswith("m/"):
            created = int(item["created"])
            yield SessionRow(key.item.removeprefix("m/"), profile, created, created, created)
