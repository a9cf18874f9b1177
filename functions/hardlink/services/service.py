"""All write calls of the service: one method a command, each carried out by a module of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hardlink import metrics
from hardlink.domain.call import Call, NewId, new_id
from hardlink.domain.commands import Anonymize, Consent, Identify, Track, Update
from hardlink.domain.errors import BeforeErasure, Refused
from hardlink.domain.graph import Policy
from hardlink.domain.signed_identity import Keys, NoKeys
from hardlink.domain.sources.registry import Sources
from hardlink.services import first_calls
from hardlink.services.answers import ERASED, Answer, visitor_answer
from hardlink.services.consent import Consents
from hardlink.services.erasure.begin import Erasure
from hardlink.services.event_writer import EventWriter
from hardlink.services.identify import Identification
from hardlink.services.links import Links
from hardlink.services.orders import Orders, Outcome, Purchase
from hardlink.services.sessions import Sessions
from hardlink.services.track import Tracking
from hardlink.services.update import Updates
from hardlink.services.verification import Verification
from hardlink.services.visitors import Visitors
from hardlink.storage.store import Store


class Service:
    """All write calls.

    `clock`: returns microseconds since 1970. `signing_keys`: the keys that sign identities.
    """

    def __init__(
        self,
        store: Store,
        sources: Sources,
        clock: Callable[[], int],
        new_id: NewId = new_id,
        signing_keys: Keys | None = None,
    ) -> None:
        self._store = store
        self._sources = sources
        self._clock = clock
        self._new_id = new_id
        links = Links(store)
        verification = Verification(signing_keys or NoKeys())
        self._sessions = Sessions(store, new_id)
        visitors = Visitors(self._sessions, links)
        self._orders = Orders(store, self._sessions, links, visitors)
        self._writer = EventWriter(store, self._sessions, self._orders, new_id)
        self._tracking = Tracking(
            visitors, self._sessions, self._writer, verification, new_id
        )
        self._identification = Identification(
            visitors, links, self._sessions, verification, new_id
        )
        self._updates = Updates(self._identification, links, verification)
        erasure = Erasure(store, clock, new_id, "visitor")
        self._consents = Consents(store, self._sessions, erasure, new_id)

    def call(
        self,
        write_key: str,
        *,
        policy: Policy = "split",
        evidence: str | None = None,
        sent: int | None = None,
    ) -> Call:
        """Return a call of the source with this write key, received now.

        `policy`: where the source declares none. `evidence`: the ID under which its changes are
        explained. `sent`: the device's clock when it was sent. Raises `UnknownSource`.
        """
        name, source, project = self._sources.resolve_key(write_key)
        return Call(
            name,
            source,
            project,
            self._clock(),
            evidence or self._new_id(),
            source.policy or policy,
            sent,
        )

    def existing_sessions(self, call: Call, session_ids: Sequence[str]) -> list[str]:
        """List which of these sessions exist, in their order, with one request."""
        return self._sessions.find_existing(call.project_id, session_ids)

    def first_session(
        self, call: Call, fingerprint: str, *, happened: int, sent: int
    ) -> str:
        """Return the session of a browser's first call (see `first_calls`)."""
        return first_calls.first_session(
            self._store, call, self._new_id, fingerprint, happened=happened, sent=sent
        )

    def track(self, call: Call, command: Track) -> Answer:
        """Store events under a session (see `track`)."""
        return self._tracking.track(call, command)

    def identify(self, call: Call, command: Identify) -> Answer:
        """Link a session's visitor to a customer (see `identify`)."""
        return self._identification.identify(call, command)

    def alias(
        self, call: Call, command: Identify, *, either_way: bool = False
    ) -> Answer:
        """Link a session whose ID may be a customer's as well (see `identify`)."""
        return self._identification.alias(call, command, either_way=either_way)

    def update(self, call: Call, command: Update) -> Answer:
        """Set values of a session's visitor, or of a customer (see `update`)."""
        return self._updates.update(call, command)

    def anonymize(self, call: Call, command: Anonymize) -> Answer:
        """Begin a new session of a new profile, for the next visitor of a device (rule 5).

        Everything under the old ones stays where it is. A visitor who opted out stays so.
        """
        old = None
        if command.session_id:
            old = self._sessions.find(call, command.session_id)
        new = self._sessions.begin_anew(call, denied=old is not None and old.denied)
        return visitor_answer(new)

    def consent(self, call: Call, command: Consent) -> Answer:
        """Opt a visitor out of tracking, or in again (see `consent`)."""
        return self._consents.set_consent(call, command)

    def order(self, call: Call, purchase: Purchase) -> Outcome:
        """Store an order that the shop itself reports (see `orders`).

        Raises `Invalid`, and `Refused` where a rule forbids it: then nothing changes.
        """
        try:
            outcome = self._orders.record(call, purchase)
        except BeforeErasure as late:
            raise Refused(ERASED, "orderNumber", code="erased") from late
        if outcome.status == "stored":
            metrics.count("events_stored")
        return outcome
