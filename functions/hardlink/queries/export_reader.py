"""Read whole customers: every event of one, or all customers of a project."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from hardlink.domain import values
from hardlink.domain.errors import UNKNOWN_IDENTIFIER, Invalid, NotFound
from hardlink.domain.graph import Node
from hardlink.domain.records import Item, Key, SessionRow
from hardlink.domain.times import END
from hardlink.queries.customer import Customer
from hardlink.queries.customer_lookup import find_customer, with_merged
from hardlink.queries.export_budget import MOST_READ, Budget
from hardlink.queries.paging import MOST_EVENTS, EventQuery
from hardlink.queries.timeline import Timeline
from hardlink.storage import items, keys
from hardlink.storage.sessions import read_session
from hardlink.storage.store import Store

_VIEW_ROWS = (
    keys.HEAD,
    keys.CUSTOMER_IDENTIFIER,
    keys.MERGED_CUSTOMER,
    keys.LINK_ENTRY,
    keys.PROFILE_SESSION,
    keys.CONTRIBUTION,
    keys.CONTRIBUTED_VALUES,
    keys.ROOT_SESSION,
)
"""Sort keys of the rows from which a customer is folded."""

Event: TypeAlias = Mapping[str, Any]
Rows = list[tuple[Key, Item]]


class ExportRequest(NamedTuple):
    """Events to export, and their order. No `types` and no `limit` mean all; see `EventQuery`."""

    types: Collection[str] | None = None
    skip: int = 0
    limit: int | None = None
    newest_first: bool = False
    since: int = 0
    until: int = END
    derived: bool = True

    @property
    def end(self) -> int | None:
        """The number of events to read until the export is complete; `None` is all."""
        return None if self.limit is None else self.skip + self.limit

    def includes(self, event: Event) -> bool:
        """Tell whether an event is of a type that is exported."""
        return self.types is None or event["type"] in self.types

    def as_query(self) -> EventQuery:
        """Build the query for pages of these events, narrowed to a type if there is only one."""
        only_type = (
            next(iter(self.types)) if self.types and len(self.types) == 1 else None
        )
        return EventQuery(
            limit=MOST_EVENTS,
            type=only_type,
            since=self.since,
            until=self.until,
            derived=self.derived,
        )


class ExportReader:
    """Reads whole customers. `clock` returns microseconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._timeline = Timeline(store, clock)

    def find_customer(
        self, project_id: str, identifiers: Iterable[Node], session: str | None = None
    ) -> Customer:
        """Find the one customer of some identifiers and a session; unknown ones are ignored.

        `session`: the ID of a session, whose profile counts as one more identifier. Raises
        `NotFound` where all are unknown, `Invalid` where they find different customers.
        """
        nodes = list(identifiers)
        if session is not None:
            nodes += self._profiles(project_id, session)
        found: dict[Node, Customer] = {}
        for node in nodes:
            try:
                customer = find_customer(self._store, project_id, node)
            except NotFound:
                continue
            found[customer.root] = customer
        if not found:
            raise NotFound(UNKNOWN_IDENTIFIER)
        if len(found) > 1:
            raise Invalid(
                "these identifiers find different customers: send those of one customer",
                "ids",
            )
        return next(iter(found.values()))

    def read_values(self, customer: Customer) -> Mapping[str, Any]:
        """Read a customer's attributes, segments, traits and consents, by kind and name."""
        return customer.read_values(self._store)

    def open_budget(self, most: int, hint: str) -> Budget:
        """Open the budget of an answer of at most so many bytes. `hint`: how to ask for less."""
        return Budget(most, self._clock, hint)

    def read_events(
        self, customer: Customer, request: ExportRequest, answer: Budget
    ) -> list[Event]:
        """Read a customer's events as the timeline shows them, oldest first unless asked otherwise.

        Never cut short: raises `TooLarge` where the answer's budget cannot hold them.
        """
        # A filter without any type selects nothing, unlike no filter.
        if request.types is not None and not request.types:
            return []
        reading = self.open_budget(MOST_READ, answer.hint)
        events = self._newest_events(customer, request, reading)
        if not request.newest_first:
            events = reversed(_last_events(events, request.end, reading))
        return list(answer.charge(islice(events, request.skip, request.end)))

    def read_all_customers(
        self, project_id: str, answer: Budget
    ) -> list[tuple[Customer, Mapping[str, Any]]]:
        """Read every customer of a project with its values, also anonymous ones, oldest first.

        The only reader of a whole table: it takes as long as the table is large. Raises `TooLarge`.
        """
        reading = self.open_budget(MOST_READ, answer.hint)
        partitions = self._read_partitions(project_id, reading)
        customers = _customers_of_partitions(project_id, partitions)
        customers.sort(key=lambda one: (one.record.created, one.root))
        found: list[tuple[Customer, Mapping[str, Any]]] = []
        for customer in customers:
            reading.check_time()  # what no row had room for is a request of its own
            whole = customer.with_all_identifiers(self._store)
            found.append((whole, self.read_values(whole)))
        return found

    def _read_partitions(self, project_id: str, reading: Budget) -> Mapping[str, Rows]:
        """Read the rows of every node of a project, by partition.

        Receipts of erasures lie in the same table, and are left out.
        """
        partitions: dict[str, Rows] = defaultdict(list)
        receipts = f"{project_id}/{keys.ERASURE}"
        for page in self._store.scan_all("customers", f"{project_id}/", _VIEW_ROWS):
            # Before the rows are kept, so that a table too large ends with an error and not with
            # the memory.
            reading.spend(sum(_approximate_size(key, item) for key, item in page))
            for key, item in page:
                if not key.partition.startswith(receipts):
                    partitions[key.partition].append((key, item))
        return partitions

    def _profiles(self, project_id: str, session: str) -> list[Node]:
        """Find the profile of a session; none where the session is unknown or was erased."""
        try:
            return [read_session(self._store, project_id, session).profile]
        except NotFound:
            return []

    def _newest_events(
        self, customer: Customer, request: ExportRequest, reading: Budget
    ) -> Iterator[Event]:
        """Page through the requested events, newest first."""
        query: EventQuery | None = request.as_query()
        while query:
            reading.check_time()
            page = self._timeline.read_customer_events(customer, query)
            yield from filter(request.includes, page["events"])
            query = query.after(page["cursor"])


def _last_events(
    events: Iterable[Event], most: int | None, reading: Budget
) -> deque[Event]:
    """Hold the last of a stream of events, at most `most`."""
    held: deque[Event] = deque()
    for event in events:
        reading.spend(values.json_size(event))
        held.append(event)
        # The timeline is read newest first, and the oldest are wanted.
        if most is not None and len(held) > most:
            dropped = held.popleft()
            reading.spend(-values.json_size(dropped))
    return held


def _approximate_size(key: Key, item: Item) -> int:
    """Estimate the bytes of a row: its texts, and as much again for what is around them."""
    texts = [value for value in item.values() if isinstance(value, str)]
    return sum(map(len, texts)) + 2 * len(key.partition + key.item)


def _customers_of_partitions(
    project_id: str, partitions: Mapping[str, Rows]
) -> list[Customer]:
    """Build the customers of a project, each with those that were merged into it."""
    nodes: dict[Node, Customer] = {}
    for partition, rows in partitions.items():
        node = Node.parse(keys.split_partition(partition)[1])
        nodes[node] = Customer.from_items(project_id, node, rows, has_values=True)
    customers: list[Customer] = []
    for node, one in nodes.items():
        if one.is_known:
            customers.append(with_merged(one, nodes.get))
        elif one.is_anonymous:
            rows = partitions[keys.node_head(project_id, node).partition]
            sessions = tuple(_profile_sessions(node, rows))
            customers.append(replace(one, sessions=sessions))
    return customers


def _profile_sessions(profile: Node, rows: Rows) -> list[SessionRow]:
    """List the sessions of an anonymous profile, from the rows that name them."""
    return [
        items.decode_profile_session(key, item, profile)
        for key, item in rows
        if key.item.startswith(keys.PROFILE_SESSION)
    ]
