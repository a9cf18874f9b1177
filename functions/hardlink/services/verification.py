"""Resolve the identifiers of a call, and verify them where its source wants them signed."""

from __future__ import annotations

from hardlink import metrics
from hardlink.domain.call import Call
from hardlink.domain.commands import Identify, Track
from hardlink.domain.errors import UnverifiedIdentity
from hardlink.domain.graph import Node
from hardlink.domain.signed_identity import IdentityVerifier, Keys


class Verification:
    """Resolves identifiers. `keys`: by which identities are signed."""

    def __init__(self, keys: Keys) -> None:
        self._signatures = IdentityVerifier(keys)

    def verified_ids(self, call: Call, command: Track | Identify) -> tuple[Node, ...]:
        """Return the nodes of a command's `ids`, in order of preference.

        Raises `Invalid`, and `UnverifiedIdentity` where the source wants a token that is not there.
        """
        ids = call.project.parse_ids(command.ids)
        try:
            self._signatures.check(call, command.token, ids)
        except UnverifiedIdentity:
            metrics.count("links_unproven")
            raise
        return ids
