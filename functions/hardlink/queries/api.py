"""All read calls of the API: path and query parameters in, answers out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hardlink.domain import times
from hardlink.domain.errors import Invalid, NotFound
from hardlink.domain.graph import Node
from hardlink.domain.identifiers import parse_identifier
from hardlink.domain.records import Session
from hardlink.domain.sources.registry import Project, Sources
from hardlink.domain.times import END
from hardlink.queries.computed import ComputedValues, Wanted
from hardlink.queries.customer import Customer
from hardlink.queries.customer_export import CustomerExport
from hardlink.queries.customer_lookup import find_customer
from hardlink.queries.customer_view import describe_customer
from hardlink.queries.explanation import explain_identifier, explain_session
from hardlink.queries.live import LiveFeed
from hardlink.queries.merge_preview import preview_merge
from hardlink.queries.paging import DEFAULT_LIMIT, MOST_EVENTS, EventQuery, parse_cursor
from hardlink.queries.recent_customers import RecentCustomers
from hardlink.queries.timeline import Timeline
from hardlink.queries.visible_session import read_visible_session
from hardlink.queries.visitor import SHOWN, list_public
from hardlink.storage import activity
from hardlink.storage.store import Store

_OTHER_CUSTOMER = (
    "this identifier was a customer of its own before this one had it: "
    "read what that one did with itself=true"
)
_EMAIL_NAMES = ("email", "userEmail")
"""Parameters of a newsletter's recipient, also as Hello Retail's snippet has them (seed 003)."""
_CUSTOMER_NAMES = ("customer_id", "customerId")
QueryParameters = Callable[[str], str | None]
"""Looks up a query parameter by name."""


class ReadApi:
    """All read calls. `project_id` is the project that the server key may read.

    `clock` returns microseconds since 1970.
    """

    def __init__(
        self, store: Store, sources: Sources, clock: Callable[[], int]
    ) -> None:
        self._store = store
        self._sources = sources
        self._clock = clock
        self._timeline = Timeline(store, clock)
        self._live = LiveFeed(store, clock)
        self._recent = RecentCustomers(store, clock)
        self._export = CustomerExport(store, clock, self._timeline)
        self._computed = ComputedValues(store, sources, self._timeline, clock)

    def describe_project(self, project_id: str) -> dict[str, Any]:
        """`GET /project`: the server key's project and its identifier types.

        Types are in order of preference, each with its kind, `hard` or `soft`.
        """
        types = self._sources.projects[project_id].identifiers
        return {
            "project": {"name": project_id},
            "identifiers": [
                {"type": name, "kind": type_.kind} for name, type_ in types.items()
            ],
        }

    def read_live(self, project_id: str, query: QueryParameters) -> dict[str, Any]:
        """`GET /live`: events and verdicts since the cursor `since`. Raises `Invalid`.

        Without a cursor, those of the last quarter of an hour.
        """
        return self._live.read_page(project_id, query("since"))

    def read_verdicts(self, project_id: str, id_: str) -> dict[str, Any]:
        """`GET /sessions/verdicts`: events of the last day that were not stored.

        Raises `NotFound`.
        """
        session = self._read_session(project_id, id_)
        return {
            "verdicts": activity.read_verdicts(
                self._store, project_id, session, self._clock()
            )
        }

    def read_customer(
        self, project_id: str, type_: str, value: str, query: QueryParameters
    ) -> dict[str, Any]:
        """`GET /customers`: identifiers, values, sessions. `type_` may be `profile`.

        Query parameters: `itself`; `traits` and `segments` name those that are computed as well.
        Raises `Invalid` for an undeclared type or name or a placeholder, `NotFound` for an unknown
        customer.
        """
        wanted = self._computed.parse(project_id, query("traits"), query("segments"))
        customer = self._find_customer(
            project_id, type_, value, query, with_values=True
        )
        answer = self._describe(customer, wanted)
        if customer.is_shared:
            answer["warnings"] = [_OTHER_CUSTOMER]
        return answer

    def read_recent_customers(self, project_id: str) -> dict[str, Any]:
        """`GET /customers/recent`: the customers of sessions that were active in the last day."""
        return self._recent.read(project_id)

    def read_customer_events(
        self, project_id: str, type_: str, value: str, query: QueryParameters
    ) -> dict[str, Any]:
        """`GET /customers/events`: a page, newest first.

        Query parameters: `limit`, `type`, `source`, `since`, `until`, `cursor`, `itself`.
        Raises `Invalid`, `NotFound`.
        """
        event_query = _parse_event_query(query)
        customer = self._find_customer(project_id, type_, value, query)
        return self._timeline.read_customer_events(customer, event_query)

    def export_customer(
        self,
        project_id: str,
        type_: str,
        value: str,
        query: QueryParameters,
        *,
        zipped: bool,
    ) -> dict[str, Any]:
        """`GET /customers/export`: all data, complete, or `TooLarge`.

        `zipped`: the client accepts gzip, so the answer may be larger. Only `since`, `until` and
        `itself` of the query count. Raises `Invalid`, `NotFound`, `TooLarge`.
        """
        event_query = _parse_event_query(query)
        customer = self._find_customer(project_id, type_, value, query)
        return self._export.export_customer(customer, event_query, zipped=zipped)

    def read_session(self, project_id: str, id_: str) -> dict[str, Any]:
        """`GET /sessions`: its customer, and every link behind that. Raises `NotFound`."""
        return explain_session(
            self._store, project_id, self._read_session(project_id, id_)
        )

    def read_session_events(
        self, project_id: str, id_: str, query: QueryParameters
    ) -> dict[str, Any]:
        """`GET /sessions/events`: a page, newest first.

        Query parameters as for a customer's events. Raises `Invalid`, `NotFound`.
        """
        event_query = _parse_event_query(query)
        session = self._read_session(project_id, id_)
        return self._timeline.read_session_events(project_id, session, event_query)

    def find_tracking_user(
        self, project_id: str, query: QueryParameters
    ) -> dict[str, Any]:
        """`GET /tracking-user?email=` or `?customer_id=`: the most recent visit of a customer.

        Source: seed 003. Raises `Invalid`, `NotFound`.
        """
        node = _parse_recipient(self._sources.projects[project_id], query)
        customer = find_customer(self._store, project_id, node)
        session, profile = self._timeline.find_latest_session(customer)
        return {"session": {"id": session}, "profile": {"id": profile}}

    def read_newsletter_content(
        self, project_id: str, query: QueryParameters
    ) -> dict[str, Any]:
        """`GET /newsletter/content`: what a mail to a customer may be made of.

        The parameters of `find_tracking_user`, whose session and profile it answers; of all
        sessions of the customer `traits` and `segments`, those that are public unless the call
        names others. Source: seed 003. Raises `Invalid`, `NotFound`.
        """
        node = _parse_recipient(self._sources.projects[project_id], query)
        named = self._computed.parse(project_id, query("traits"), query("segments"))
        wanted = named or list_public(self._computed.catalogue(project_id))
        customer = find_customer(self._store, project_id, node, with_values=True)
        reading = self._computed.read(project_id, customer, wanted)
        stored = customer.read_values(self._store)
        computed = self._computed.compute(project_id, reading, stored, wanted)
        visit = self._find_visit(customer)
        return visit | {part: computed[part] for part in SHOWN}

    def _find_visit(self, customer: Customer) -> dict[str, Any]:
        """Find session and profile of the latest visit; nulls where only the shop reported."""
        try:
            session, profile = self._timeline.find_latest_session(customer)
        except NotFound:
            return {"session": None, "profile": None}
        return {"session": {"id": session}, "profile": {"id": profile}}

    def explain_identifier(
        self, project_id: str, type_: str, value: str
    ) -> dict[str, Any]:
        """`GET /customers/why`: every link of one identifier, also those that were taken back.

        Raises `NotFound` for an identifier that no call named.
        """
        node = self._sources.projects[project_id].parse_customer(type_, value)
        return explain_identifier(self._store, project_id, node)

    def preview_merge(
        self, project_id: str, absorbed: Node, into: Node
    ) -> dict[str, Any]:
        """`POST /customers/merge`: what both have, and where it differs. Raises `NotFound`."""
        customers = [
            find_customer(self._store, project_id, node) for node in (absorbed, into)
        ]
        return preview_merge(self._store, *customers)

    def _describe(self, customer: Customer, wanted: Wanted | None) -> dict[str, Any]:
        """Describe a customer, with the computed values that are wanted."""
        if wanted is None:
            return describe_customer(self._store, self._timeline, customer)
        project_id = customer.project_id
        reading = self._computed.read(project_id, customer, wanted)
        answer = describe_customer(
            self._store, self._timeline, customer, reading.last_seen
        )
        answer["computed"] = self._computed.compute(project_id, reading, answer, wanted)
        return answer

    def _find_customer(
        self,
        project_id: str,
        type_: str,
        value: str,
        query: QueryParameters,
        *,
        with_values: bool = False,
    ) -> Customer:
        """Find the customer that a call names. Raises `Invalid`, `NotFound`."""
        node = self._sources.projects[project_id].parse_customer(type_, value)
        itself = _parse_flag(query, "itself")
        return find_customer(
            self._store, project_id, node, itself=itself, with_values=with_values
        )

    def _read_session(self, project_id: str, id_: str) -> Session:
        """Read a session as readers may see it. Raises `Invalid`, `NotFound`."""
        id_ = parse_identifier(id_, "id")
        return read_visible_session(self._store, project_id, id_).session


def _parse_recipient(project: Project, query: QueryParameters) -> Node:
    """Parse who is asked for, an address or a customer ID: exactly one. Raises `Invalid`."""
    email = _find_parameter(query, _EMAIL_NAMES)
    customer_id = _find_parameter(query, _CUSTOMER_NAMES)
    # Both could find different customers.
    if (email is None) == (customer_id is None):
        raise Invalid("send either email or customer_id", "email")
    if email is not None:
        return project.parse_node("email", email, "email")
    return project.parse_node(project.first_hard_type, customer_id, "customer_id")


def _find_parameter(query: QueryParameters, names: Sequence[str]) -> str | None:
    """Find a parameter by any of its names, the first that was sent."""
    for name in names:
        value = query(name)
        if value is not None:
            return value
    return None


def _parse_event_query(query: QueryParameters) -> EventQuery:
    """Parse the query parameters of a page of events. Raises `Invalid` naming one at fault."""
    cursor = query("cursor")
    return EventQuery(
        limit=_parse_limit(query("limit")),
        type=query("type"),
        source=query("source"),
        since=_parse_query_time(query, "since", default=0),
        until=_parse_query_time(query, "until", default=END),
        before=None if cursor is None else parse_cursor(cursor),
        derived=True,
    )


def _parse_flag(query: QueryParameters, name: str) -> bool:
    """Parse `true` or `false`; without it, it is false. Raises `Invalid`."""
    text = query(name)
    if text not in (None, "true", "false"):
        raise Invalid("must be true or false", name)
    return text == "true"


def _parse_limit(text: str | None) -> int:
    """Parse how many events a page may have. Raises `Invalid`."""
    if text is None:
        return DEFAULT_LIMIT
    # `int()` alone would take minutes for a million digits, and accept signs and other scripts
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(MOST_EVENTS))
    if not is_number or not 1 <= int(text) <= MOST_EVENTS:
        raise Invalid(f"must be an integer from 1 to {MOST_EVENTS}", "limit")
    return int(text)


def _parse_query_time(query: QueryParameters, name: str, *, default: int) -> int:
    """Parse a time to microseconds: ISO 8601, UNIX seconds or milliseconds. Raises `Invalid`."""
    text = query(name)
    return default if text is None else times.parse_time(_parse_unix_time(text), name)


def _parse_unix_time(text: str) -> str | float:
    """Parse a UNIX time; any other text is returned as it is.

    Eight digits are a date without dashes, such as `20261122`.
    """
    is_date = text.isdigit() and len(text) == len("20261122")
    try:
        return text if is_date else float(text)
    except ValueError:
        return text
