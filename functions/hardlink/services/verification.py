"""Resolve the identifiers of a call, and verify them where its source wants them signed."""

from __future__ import annotations

from typing import NamedTuple

from hardlink import metrics
from hardlink.domain.call import Call
from hardlink.domain.commands import Identify, Track
from hardlink.domain.errors import Invalid, UnverifiedIdentity
from hardlink.domain.graph import Node
from hardlink.domain.signed_identity import IdentityVerifier, Keys


class VerifiedIds(NamedTuple):
    """Identifiers of a call, in order of preference, and those that a token proves.

    `proven`: `None` where the source requires no proof.
    """

    nodes: tuple[Node, ...] = ()
    proven: frozenset[Node] | None = None


class Verification:
    """Resolves identifiers. `keys`: by which identities are signed."""

    def __init__(self, keys: Keys) -> None:
        self._signatures = IdentityVerifier(keys)

    def verify_ids(self, call: Call, command: Track | Identify) -> VerifiedIds:
        """Return the nodes of a command's `ids`, and which of them its token proves.

        Raises `Invalid`, and `UnverifiedIdentity` where the source wants a token that is not there.
        """
        ids = call.project.parse_ids(command.ids)
        try:
            proven = self._signatures.check(call, command.token, ids)
        except UnverifiedIdentity:
            metrics.count("links_unproven")
            raise
        return VerifiedIds(ids, proven)

    def verify_login(self, call: Call, command: Identify) -> VerifiedIds:
        """Return the nodes of a log-in: of its `ids`, or the recipient of a newsletter.

        Raises as `verify_ids` does, and for a `recipient` that no key of the project signed.
        """
        if command.recipient is None:
            return self.verify_ids(call, command)
        if command.ids:
            raise Invalid("send either ids or recipient", "recipient")
        try:
            return VerifiedIds((self._signatures.read_login(call, command.recipient),))
        except UnverifiedIdentity:
            metrics.count("links_unproven")
            raise
