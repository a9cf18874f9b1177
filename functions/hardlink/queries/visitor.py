"""Compute what a page may know of its own visitor, and a mail of its recipient: what is public."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hardlink.domain.call import Call
from hardlink.domain.errors import NotFound, UnverifiedIdentity
from hardlink.domain.graph import Node
from hardlink.domain.identifiers import parse_session_id
from hardlink.domain.signed_identity import IdentityVerifier, Keys, NoKeys
from hardlink.domain.sources.registry import Sources
from hardlink.domain.traits.declaration import Catalogue
from hardlink.queries.computed import ComputedValues, Wanted
from hardlink.queries.customer import Customer
from hardlink.queries.customer_lookup import find_customer
from hardlink.queries.timeline import Timeline
from hardlink.queries.visible_session import read_visible_session
from hardlink.storage.retries import retry_conflicts
from hardlink.storage.store import ConditionFailed, Store

SHOWN = ("traits", "segments", "incomplete")
"""Parts of the computed values that a page or a mail is answered, without the number of events."""


class VisitorValues:
    """Reads a visitor's public traits and segments. `clock` returns microseconds since 1970.

    `keys`: by which identities are signed; `None` where no project has any.
    """

    def __init__(
        self,
        store: Store,
        sources: Sources,
        clock: Callable[[], int],
        keys: Keys | None = None,
    ) -> None:
        self._store = store
        self._computed = ComputedValues(store, sources, Timeline(store, clock), clock)
        self._verifier = IdentityVerifier(keys or NoKeys())

    def read(self, call: Call, session_id: object, token: object) -> dict[str, Any]:
        """Read the public traits and segments of a session's visitor.

        Of a customer, also what other devices did; so a token has to prove who it is, unless the
        project says otherwise. An unknown session is answered like one without events: nobody
        learns which sessions there are. Raises `Invalid`, `UnverifiedIdentity`.
        """
        id_ = parse_session_id(session_id, "session")
        return self._compute(call.project_id, self._find_visitor(call, id_, token))

    def read_recipient(self, call: Call, token: object) -> dict[str, Any]:
        """Read the public traits and segments of a newsletter's recipient, whom a token names.

        One who is not known is answered like one without events. Raises `UnverifiedIdentity`, also
        for an address whose customer has an ID: anybody can say that an address is a customer's.
        """
        recipient = self._verifier.read_recipient(call, token)
        customer = self._find(call.project_id, recipient)
        is_proven = recipient.type in call.project.hard_types
        if customer and not (is_proven or call.project.unproven_visitors):
            _check_known_alone(customer, recipient)
        return self._compute(call.project_id, customer)

    def _compute(self, project_id: str, customer: Customer | None) -> dict[str, Any]:
        """Compute what is public of a customer; without one, of no event."""
        wanted = list_public(self._computed.catalogue(project_id))
        stored = _NO_VALUES if customer is None else customer.read_values(self._store)
        reading = self._computed.read(project_id, customer, wanted)
        computed = self._computed.compute(project_id, reading, stored, wanted)
        return {part: computed[part] for part in SHOWN}

    @retry_conflicts
    def _find_visitor(self, call: Call, id_: str, token: object) -> Customer | None:
        """Find the customer or the anonymous visitor of a session; `None` where it is unknown.

        Raises `UnverifiedIdentity`.
        """
        try:
            visible = read_visible_session(self._store, call.project_id, id_)
        except NotFound:
            return None
        # Asked before anything is read, and so as long for a customer with many events as for none.
        if visible.customer and not call.project.unproven_visitors:
            self._verifier.require(call, token, visible.customer)
        judged = visible.customer or visible.session.profile
        customer = self._find(call.project_id, judged, itself=True)
        if customer and customer.root != judged:
            # A log-in came in between, and nobody proved that one.
            raise ConditionFailed
        return customer

    def _find(
        self, project_id: str, node: Node, *, itself: bool = False
    ) -> Customer | None:
        """Find a customer; `None` where it was erased since its session was read.

        `itself`: the one known by the identifier alone.
        """
        try:
            return find_customer(self._store, project_id, node, itself=itself)
        except NotFound:
            return None


def _check_known_alone(customer: Customer, recipient: Node) -> None:
    """Check that an address is of one who is known by it alone. Raises `UnverifiedIdentity`."""
    if customer.root != recipient:
        raise UnverifiedIdentity(
            f"this {recipient.type} is of a customer with an ID: sign that ID as sub",
            "token",
        )


def list_public(catalogue: Catalogue) -> Wanted:
    """List the traits and segments that a project declares public."""
    traits = [trait.name for trait in catalogue.traits.values() if trait.public]
    segments = [one.name for one in catalogue.segments.values() if one.public]
    return Wanted(traits, segments)


_NO_VALUES: Mapping[str, Any] = {
    "attributes": {},
    "segments": [],
    "traits": {},
    "consents": {},
}
