"""Carries out the read calls and undo, for whoever has a server key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hardlink.domain import times
from hardlink.domain.call import NewId, new_id
from hardlink.domain.errors import Invalid
from hardlink.domain.graph import PROFILE, Node, profile_node
from hardlink.domain.identifiers import parse_identifier
from hardlink.domain.sources import Sources
from hardlink.domain.times import END
from hardlink.queries.customer_export import Documents
from hardlink.queries.live import Live
from hardlink.queries.paging import MOST, EventQuery, parse_cursor
from hardlink.queries.timeline import Timeline
from hardlink.services.erasure import Erasure
from hardlink.services.links import Links
from hardlink.storage import activity
from hardlink.storage.store import Store

Query = Callable[[str], str | None]


class Reading:
    """All read calls. `space`: the project that the server key may read. Query parameters come as text."""

    def __init__(
        self, store: Store, sources: Sources, clock: Callable[[], int], new_id: NewId = new_id
    ) -> None:
        self._sources = sources
        self._clock = clock
        self._links = Links(store)
        self._store = store
        self._timeline = Timeline(store, clock)
        self._live = Live(store, clock)
        self._documents = Documents(store, clock)
        self._erasing = Erasure(store, clock, new_id)

    def project(self, project_id: str) -> dict[str, Any]:
        """`GET /project`: what the key is for, and by what its customers are known."""
        types = self._sources.projects[project_id].identifiers
        return {
            "project": {"name": project_id},
            "identifiers": [{"type": name, "kind": type_.kind} for name, type_ in types.items()],
        }

    def live(self, project_id: str, query: Query) -> dict[str, Any]:
        """`GET /live`: what came in since the cursor `since`. Raises `Invalid`."""
        return self._live.answer(project_id, query("since"))

    def verdicts(self, project_id: str, id_: str) -> dict[str, Any]:
        """`GET /sessions/{id}/verdicts`: which of its events were not stored, within a day. Raises `NotFound`."""
        session = self._timeline.session(project_id, parse_identifier(id_, "id"))
        return {"verdicts": activity.read_verdicts(self._store, project_id, session, self._clock())}

    def customer(self, project_id: str, type_: str, value: str) -> dict[str, Any]:
        """`GET /customers/{type}/{value}`; `type` may be `profile`. Raises `NotFound`."""
        return self._timeline.shown(
            self._timeline.customer(project_id, self._node(project_id, type_, value))
        )

    def customer_events(
        self, project_id: str, type_: str, value: str, query: Query
    ) -> dict[str, Any]:
        """`GET /customers/{type}/{value}/events`. Raises `NotFound`."""
        wanted = _wanted(query)
        return self._timeline.events(
            self._timeline.customer(project_id, self._node(project_id, type_, value)), wanted
        )

    def export(
        self, project_id: str, type_: str, value: str, query: Query, *, zipped: bool
    ) -> dict[str, Any]:
        """`GET /customers/{type}/{value}/export`: all that is kept. Raises `NotFound`, `TooLarge`."""
        wanted = _wanted(query)
        customer = self._timeline.customer(project_id, self._node(project_id, type_, value))
        return self._documents.export(customer, wanted, zipped=zipped)

    def session(self, project_id: str, id_: str) -> dict[str, Any]:
        """`GET /sessions/{id}`. Raises `NotFound`."""
        return self._timeline.why(
            project_id, self._timeline.session(project_id, parse_identifier(id_, "id"))
        )

    def session_events(self, project_id: str, id_: str, query: Query) -> dict[str, Any]:
        """`GET /sessions/{id}/events`. Raises `NotFound`."""
        wanted = _wanted(query)
        return self._timeline.session_events(
            project_id, self._timeline.session(project_id, parse_identifier(id_, "id")), wanted
        )

    def unlink(self, project_id: str, id_: str, evidence: str | None = None) -> dict[str, Any]:
        """`POST /sessions/{id}/unlink`: take back the newest link. Raises `NotFound`, `Refused`.

        `evidence`: of the link that is meant, as `why` shows it; sent again, the call changes nothing then.
        """
        session = self._timeline.session(project_id, parse_identifier(id_, "id"))
        hard = self._sources.projects[project_id].hard_types
        self._links.undo(project_id, session.profile, hard, self._clock(), evidence)
        return self._timeline.why(project_id, session)

    def erase_customer(self, project_id: str, type_: str, value: str) -> dict[str, Any]:
        """`POST /customers/{type}/{value}/erase`: from now on nothing earlier comes back. Raises `NotFound`, `Busy`."""
        erasure = self._erasing.erase_customer(project_id, self._node(project_id, type_, value))
        return self._erasing.read_receipt(project_id, erasure)

    def erase_session(self, project_id: str, id_: str) -> dict[str, Any]:
        """`POST /sessions/{id}/erase`: the visitor, on all their sessions. Raises `NotFound`, `Busy`."""
        session = self._timeline.session(project_id, parse_identifier(id_, "id"))
        return self._erasing.read_receipt(
            project_id, self._erasing.erase_node(project_id, session.profile)
        )

    def erasure(self, project_id: str, id_: str) -> dict[str, Any]:
        """`GET /erasures/{id}`: the receipt. Raises `NotFound`."""
        return self._erasing.read_receipt(project_id, parse_identifier(id_, "id"))

    def tracking_user(self, project_id: str, query: Query) -> dict[str, Any]:
        """`GET /tracking-user?email=` or `?customer_id=`: the most recent visitor (seed 003). Raises `NotFound`."""
        email, customer_id = query("email"), query("customer_id")
        if (email is None) == (customer_id is None):
            raise Invalid("send either email or customer_id", "email")
        if email is not None:
            node = self._sources.projects[project_id].identifier("email", email, "email")
        else:
            project = self._sources.projects[project_id]
            node = project.identifier(project.first_hard, customer_id, "customer_id")
        session, found = self._timeline.latest_session(self._timeline.customer(project_id, node))
        return {"session": {"id": session}, "profile": {"id": found}}

    def _node(self, project_id: str, type_: str, value: str) -> Node:
        if type_ == PROFILE:
            return profile_node(parse_identifier(value, "value"))
        return self._sources.projects[project_id].identifier(
            type_, value, "value", type_field="type"
        )


def _wanted(query: Query) -> EventQuery:
    since, until, cursor = query("since"), query("until"), query("cursor")
    return EventQuery(
        limit=_limit(query("limit")),
        type=query("type"),
        since=0 if since is None else times.parse_time(_number(since), "since"),
        until=END if until is None else times.parse_time(_number(until), "until"),
        before=None if cursor is None else parse_cursor(cursor),
        derived=True,
    )


def _limit(text: str | None) -> int:
    if text is None:
        return 50
    short = len(text) <= len(str(MOST)) and text.isascii() and text.isdigit()
    if not (short and 1 <= int(text) <= MOST):
        raise Invalid(f"a whole number from 1 to {MOST}", "limit")
    return int(text)


def _number(text: str) -> str | float:
    """A query parameter that is a UNIX time is one; eight digits are a date that somebody wrote without dashes."""
    try:
        number = float(text)
    except ValueError:
        return text
    return text if text.isdigit() and len(text) == len("20261122") else number
