"""A shop on the store in memory, with a clock and IDs that repeat, so that a history can be played again exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from hardlink.domain import commands
from hardlink.domain.commands import Anonymize, Consent, Identify, Track, Update
from hardlink.domain.errors import HardlinkError
from hardlink.domain.graph import Node
from hardlink.domain.sources.registry import Sources
from hardlink.domain.times import SECOND, to_iso
from hardlink.queries.api import ReadApi
from hardlink.services.administration import Administration
from hardlink.services.answers import Answer
from hardlink.services.association import Association
from hardlink.services.erasure.begin import Erasure
from hardlink.services.erasure.sweep import ErasureSweep
from hardlink.services.service import Service
from hardlink.storage import items, keys
from hardlink.storage.store import Store
from tests.properties.histories import computed
from tests.support.invariants import check
from tests.support.memory_store import Change, MemoryStore

SPACE = "shop"
MONDAY = 1_795_000_000 * SECOND
"""When every history begins."""
CAP = 2
"""How many values of `phone` a customer may have."""
SOURCES = Sources.from_declaration(
    {
        "projects": {
            SPACE: {
                "identifiers": {
                    "registered": {"kind": "hard"},
                    "loyalty": {"kind": "hard"},
                    "user_id": {"kind": "soft"},
                    "email": {"kind": "soft", "email": True},
                    "phone": {"kind": "soft", "most": CAP},
                },
                "traits": computed.TRAITS,
                "segments": computed.SEGMENTS,
            }
        },
        "sources": {
            policy: {"write_key": f"key-{policy}", "project": SPACE, "policy": policy}
            for policy in ("move", "split", "refuse")
        },
    }
)
HARD = SOURCES.hard_types
Outcome: TypeAlias = Answer | str
"""What a command answered, or the code of the error that it answered."""


def moment(seconds: float) -> str:
    """An instant as a client writes it."""
    return to_iso(MONDAY + round(seconds * SECOND))


class World:
    """One shop. `now`: its clock, which stands still unless it is moved; IDs count up."""

    def __init__(self, store: Store | None = None, name: str = "made-") -> None:
        self.store: Store = MemoryStore() if store is None else store
        self.now = MONDAY
        self.name = name
        self.ids = 0
        self.service = Service(self.store, SOURCES, lambda: self.now, self.new_id)
        self.queries = ReadApi(self.store, SOURCES, lambda: self.now)
        self.administration = Administration(
            self.store, SOURCES, lambda: self.now, self.new_id
        )
        self.association = Association(self.store, HARD, profiles_at_once=1)
        self.erasing = Erasure(self.store, lambda: self.now, self.new_id, "shop")

    @property
    def tables(self) -> MemoryStore:
        """The store, seen from behind."""
        assert isinstance(self.store, MemoryStore)
        return self.store

    def new_id(self) -> str:
        """The next of the IDs that this shop makes."""
        self.ids += 1
        return f"{self.name}{self.ids}"

    def at(self, seconds: float) -> World:
        """Let it be so many seconds after the beginning."""
        self.now = MONDAY + round(seconds * SECOND)
        return self

    def track(
        self, session: str | None, *, source: str = "move", **body: Any
    ) -> Outcome:
        """`POST /track`."""
        return self._sent(self.service.track, Track, session, source, body)

    def identify(self, session: str, *, source: str = "move", **body: Any) -> Outcome:
        """`POST /identify`."""
        return self._sent(self.service.identify, Identify, session, source, body)

    def update(
        self, session: str | None, *, source: str = "move", **body: Any
    ) -> Outcome:
        """`POST /update`."""
        return self._sent(self.service.update, Update, session, source, body)

    def anonymize(self, session: str, *, source: str = "move") -> Outcome:
        """`POST /anonymize`."""
        return self._sent(self.service.anonymize, Anonymize, session, source, {})

    def consent(
        self, session: str, tracking: str, *, source: str = "move", **body: Any
    ) -> Outcome:
        """`POST /consent`."""
        return self._sent(
            self.service.consent,
            Consent,
            session,
            source,
            {**body, "tracking": tracking},
        )

    def unlink(self, session: str) -> Outcome:
        """`POST /sessions/{id}/unlink`."""
        return outcome(lambda: self._unlink(session))

    def _unlink(self, session: str) -> Answer:
        self.administration.undo_link(SPACE, session)
        return self.queries.read_session(SPACE, session)

    def merge(self, absorbed: str, into: str, evidence: str = "merge") -> Outcome:
        """`POST /customers/merge`: nothing of the answer depends on who else was at work."""
        nodes = [Node.parse(text) for text in (absorbed, into)]

        def merge() -> Answer:
            self.administration.merge_customers(SPACE, nodes[0], nodes[1], evidence)
            return {}

        return outcome(merge)

    def remove_identifier(
        self, identifier: str, customer: str, evidence: str = "removal"
    ) -> Outcome:
        """`POST /customers/remove-identifier`."""
        nodes = [Node.parse(text) for text in (identifier, customer)]

        def remove() -> Answer:
            self.administration.remove_identifier(SPACE, nodes[0], nodes[1], evidence)
            return {}

        return outcome(remove)

    def undo_correction(self, identifier: str, evidence: str) -> Outcome:
        """`POST /customers/undo`."""
        node = Node.parse(identifier)

        def undo() -> Answer:
            self.administration.undo_correction(SPACE, node, evidence)
            return {}

        return outcome(undo)

    def erase(self, customer: str) -> Outcome:
        """`POST /customers/{type}/{value}/erase`."""
        return outcome(
            lambda: {"id": self.erasing.erase_customer(SPACE, Node.parse(customer))}
        )

    def erase_session(self, session: str) -> Outcome:
        """`POST /sessions/{id}/erase`."""
        return outcome(lambda: {"id": self.erasing.erase_session(SPACE, session)})

    def sweep(self) -> None:
        """Carry every erasure out, to its end."""
        now = self.now
        for id_ in self.running:
            while wait := self.sweep_once(id_):
                self.now += wait
        self.now = now

    def sweep_once(self, id_: str) -> int:
        """Carry an erasure on, as a stream record makes it; answers how long to wait before the next time."""
        return ErasureSweep(self.store, lambda: self.now).sweep(SPACE, id_)

    @property
    def running(self) -> list[str]:
        """The erasures that began and are not done."""
        return [
            key.partition.rpartition("/")[2]
            for key, item in self.tables.dump().items()
            if key.item == keys.ERASURE and "done" not in item
        ]

    def profile(self, session: str) -> Node:
        """The profile of a session."""
        key = keys.session_head(SPACE, session)
        item = self.store.get([key])[0]
        assert item
        return items.decode_session(key, item).profile

    def whose(self, session: str) -> str | None:
        """The customer of a session, as `type=value`."""
        found = self.queries.read_session(SPACE, session)["customer"]
        return f"{found['type']}={found['value']}" if found else None

    def events(self, customer: str, **query: str) -> list[str]:
        """The IDs of a customer's events, newest first."""
        type_, _, value = customer.partition("=")
        found = self.queries.read_customer_events(
            SPACE, type_, value, {"limit": "1000", **query}.get
        )
        return [event["id"] for event in found["events"]]

    def customer(self, customer: str, **query: str) -> dict[str, Any]:
        """A customer's view."""
        type_, _, value = customer.partition("=")
        return self.queries.read_customer(SPACE, type_, value, query.get)

    def drain(self) -> None:
        """Carry out stream records until there are none."""
        while records := self.tables.taken():
            self.deliver_all(records)

    def deliver_all(self, records: Sequence[Change]) -> None:
        """Carry out these stream records, then those that come of it."""
        for record in records:
            self.deliver(record)

    def deliver(self, record: Change) -> None:
        """Carry out one stream record."""
        self.association.handle_change(*record)

    def check(self) -> None:
        """Drain, and hold every promise."""
        self.drain()
        check(self.tables.dump(), HARD)

    def _sent(
        self,
        act: Callable[[Any, Any], Answer],
        model: type[Any],
        session: str | None,
        source: str,
        body: Mapping[str, Any],
    ) -> Outcome:
        sent = {
            "source": {"id": f"key-{source}"},
            "session": session and {"id": session},
            **body,
        }
        command = commands.read(model, sent)
        return outcome(lambda: act(self.service.call(f"key-{source}"), command))


def outcome(act: Callable[[], Answer]) -> Outcome:
    """What a call answers, or the code of its error."""
    try:
        return act()
    except HardlinkError as error:
        return error.code
