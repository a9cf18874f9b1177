"""A whole Hardlink without HTTP: services and queries over one store, a clock, and a stream."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

from hardlink.domain import commands
from hardlink.domain.commands import (
    Anonymize,
    Consent,
    Identify,
    Track,
    Update,
    WriteCommand,
)
from hardlink.domain.graph import Node
from hardlink.domain.orders import matching
from hardlink.domain.records import Table
from hardlink.domain.sources.registry import Sources
from hardlink.domain.times import SECOND
from hardlink.queries.api import ReadApi
from hardlink.services.administration import Administration
from hardlink.services.association import Association
from hardlink.services.corrections import Correction
from hardlink.services.erasure.spread import ErasureSpread
from hardlink.services.erasure.sweep import ErasureSweep
from hardlink.services.erasure.tasks import Tasks
from hardlink.services.orders import Outcome, Purchase
from hardlink.services.service import Service
from hardlink.storage import keys
from hardlink.storage.store import Store
from tests.support import invariants
from tests.support.memory_store import MemoryStore

SPACE = "shop"
"""The project of every source here."""
SOURCES = Sources.from_declaration(
    {
        "projects": {
            SPACE: {
                "identifiers": {
                    "registered": {"kind": "hard", "spellings": ["ecommerceId"]},
                    "loyalty": {"kind": "hard"},
                    "email": {"kind": "soft", "email": True},
                    "order": {"kind": "soft"},
                    "card": {"kind": "soft", "most": 2},
                }
            }
        },
        "sources": {
            policy: {"write_key": policy, "project": SPACE, "policy": policy}
            for policy in ("move", "split", "refuse")
        }
        | {"undeclared": {"write_key": "undeclared", "project": SPACE}},
    }
)
"""One source per policy, with the policy as its write key, and `undeclared`, which has none."""
HARD_TYPES = SOURCES.hard_types
START = 1_900_000_000 * SECOND
"""In 2030, because engines delete expired items by the real time."""

Answer = dict[str, Any]
Change = tuple[Table, str]
_C = TypeVar("_C", bound=WriteCommand)


@dataclass
class Clock:
    """Microseconds since 1970; every reading advances it, so that no two are the same."""

    now: int = START
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __call__(self) -> int:
        with self._lock:
            self.now += 1
            return self.now

    def pass_(self, microseconds: int) -> None:
        """Advance the clock."""
        self.now += microseconds


@dataclass
class World:
    """Services and queries over a store.

    `taken`: returns the stream's records since its last call. `dumped`: every item of both tables.
    """

    store: Store
    taken: Callable[[], Iterable[Change]]
    dumped: Callable[[], invariants.Dump]
    clock: Clock = field(default_factory=Clock)
    sources: Sources = SOURCES

    def __post_init__(self) -> None:
        numbers = count(1)
        self.service = Service(
            self.store, self.sources, self.clock, lambda: f"made-{next(numbers):06d}"
        )
        self.association = Association(self.store, HARD_TYPES)
        ids = count(1)
        self.queries = ReadApi(self.store, self.sources, self.clock)
        self.administration = Administration(
            self.store, self.sources, self.clock, lambda: f"erasure-{next(ids):06d}"
        )
        self.sweep = ErasureSweep(self.store, self.clock)

    # -- clients' calls --------------------------------------------------------------------------

    def track(
        self,
        session: str | None,
        *events: Mapping[str, Any],
        source: str = "move",
        **more: Any,
    ) -> Answer:
        """`POST /track`; without events: one `view` that happens now."""
        command = self._command(
            Track,
            source,
            session,
            {"events": list(events or [{"type": "view"}]), **more},
        )
        return self.service.track(self.service.call(source), command)

    def identify(
        self,
        session: str | None,
        source: str = "move",
        *,
        ids: Mapping[str, Any],
        **more: Any,
    ) -> Answer:
        """`POST /identify`."""
        command = self._command(Identify, source, session, {"ids": dict(ids), **more})
        return self.service.identify(self.service.call(source), command)

    def update(self, session: str | None, source: str = "move", **more: Any) -> Answer:
        """`POST /update`."""
        command = self._command(Update, source, session, more)
        return self.service.update(self.service.call(source), command)

    def anonymize(self, session: str | None, source: str = "move") -> Answer:
        """`POST /anonymize`."""
        command = self._command(Anonymize, source, session, {})
        return self.service.anonymize(self.service.call(source), command)

    def consent(
        self, session: str | None, tracking: str, source: str = "move", **more: Any
    ) -> Answer:
        """`POST /consent`."""
        command = self._command(
            Consent, source, session, {"tracking": tracking, **more}
        )
        return self.service.consent(self.service.call(source), command)

    def order(
        self,
        number: str,
        *,
        ids: Mapping[str, Any],
        time: int | None = None,
        **more: Any,
    ) -> Outcome:
        """Import an order from the shop's feed, placed a moment ago."""
        call = self.service.call("move")
        said = matching.parse_claim(
            number,
            time or call.now - SECOND,
            more.get("total"),
            more.get("email", ids.get("email")),
        )
        properties = {"orderNumber": number, "total": more.get("total")}
        for name in ("currency", "status", "products"):
            if name in more:
                properties[name] = more[name]
        details: dict[str, str] = {
            name: more[name] for name in ("currency", "status") if name in more
        }
        purchase = Purchase(said, call.project.parse_ids(ids), properties, details)
        return self.service.order(call, purchase)

    # -- read calls ------------------------------------------------------------------------------

    def customer(self, value: str, type_: str = "registered", **query: str) -> Answer:
        """`GET /customers/{type}/{value}`."""
        return self.queries.read_customer(SPACE, type_, value, query.get)

    def timeline(
        self, value: str, type_: str = "registered", **query: str
    ) -> list[str]:
        """Read the IDs of a customer's stored events, newest first, from all pages."""
        sent = (e["id"] for e in self.events(value, type_, **query))
        return [id_ for id_ in sent if not id_.startswith("!")]

    def events(
        self, value: str, type_: str = "registered", **query: str
    ) -> list[Answer]:
        """Read a customer's events, newest first, from all pages."""
        found: list[Answer] = []
        while True:
            page = self.queries.read_customer_events(SPACE, type_, value, query.get)
            found += page["events"]
            if page["cursor"] is None:
                return found
            query["cursor"] = page["cursor"]

    def sessions(self, value: str, type_: str = "registered") -> set[str]:
        """Read the IDs of a customer's sessions."""
        return {session["id"] for session in self.customer(value, type_)["sessions"]}

    def session(self, session: str) -> Answer:
        """`GET /sessions/{id}`."""
        return self.queries.read_session(SPACE, session)

    def session_events(self, session: str, **query: str) -> list[Answer]:
        """`GET /sessions/{id}/events`: the first page."""
        found: list[Answer] = self.queries.read_session_events(
            SPACE, session, query.get
        )["events"]
        return found

    def unlink(self, session: str, evidence: str | None = None) -> Answer:
        """`POST /sessions/{id}/unlink`."""
        self.administration.undo_link(SPACE, session, evidence)
        return self.session(session)

    # -- corrections -----------------------------------------------------------------------------

    def merge(self, absorbed: str, into: str) -> Correction:
        """Merge two registered customers."""
        nodes = [Node("registered", value) for value in (absorbed, into)]
        return self.administration.merge_customers(
            SPACE, nodes[0], nodes[1], self._new_evidence()
        )

    def remove_identifier(self, identifier: Node, customer: str) -> Correction:
        """Take an identifier off a registered customer."""
        return self.administration.remove_identifier(
            SPACE, identifier, Node("registered", customer), self._new_evidence()
        )

    def _new_evidence(self) -> str:
        return f"correction-{self.clock()}"

    def undo_correction(self, identifier: Node, evidence: str | None) -> Correction:
        """Undo a merge or a removal."""
        assert evidence
        return self.administration.undo_correction(SPACE, identifier, evidence)

    # -- erasures -------------------------------------------------------------------------------

    def erase(self, value: str, type_: str = "registered") -> str:
        """`POST /customers/{type}/{value}/erase`: the receipt's ID."""
        return str(
            self.administration.erase_customer(SPACE, type_, value)["erasure"]["id"]
        )

    def erase_session(self, session: str) -> str:
        """`POST /sessions/{id}/erase`: the receipt's ID."""
        return str(self.administration.erase_session(SPACE, session)["erasure"]["id"])

    def spread(self) -> None:
        """Spread every erasure, as the queue has it done at once, and sweep nothing yet."""
        for id_ in self._running():
            for _ in ErasureSpread(self.store, self.clock).spread(
                Tasks(self.store, SPACE, id_)
            ):
                pass

    def receipt(self, id_: str) -> Answer:
        """`GET /erasures/{id}`."""
        return self.administration.read_erasure(SPACE, id_)

    def swept(self) -> None:
        """Drain the streams and complete every erasure."""
        self.drain()
        for id_ in self._running():
            while wait := self.sweep.sweep(SPACE, id_):
                self.clock.pass_(wait)
        self.drain()

    def _running(self) -> list[str]:
        return [
            key.partition.rpartition("/")[2]
            for key, item in self.dumped().items()
            if key.item == keys.ERASURE and "done" not in item
        ]

    # -- streams ----------------------------------------------------------------------------------

    def drain(self) -> None:
        """Deliver stream records, and those that follow from them, until none is left."""
        while records := list(self.taken()):
            for table, partition in records:
                self.association.handle_change(table, partition)

    def settle(self) -> None:
        """Drain the streams and check all invariants."""
        self.drain()
        self.check()

    def check(self, *, drained: bool = True) -> None:
        """Check all invariants."""
        invariants.check(self.dumped(), HARD_TYPES, drained=drained)

    def _command(
        self, model: type[_C], source: str, session: str | None, body: Mapping[str, Any]
    ) -> _C:
        visit = {} if session is None else {"session": {"id": session}}
        return commands.read(model, {"source": {"id": source}, **visit, **body})


def in_memory(store: MemoryStore | None = None) -> World:
    """Create a world in memory, for tests of many histories."""
    memory = store or MemoryStore()
    return World(memory, memory.taken, memory.dump)
