"""Changes that only a server key may request: undoing a link, erasing a customer or a visitor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hardlink.domain.call import NewId, new_id
from hardlink.domain.graph import Node
from hardlink.domain.identifiers import parse_identifier
from hardlink.domain.records import Session
from hardlink.domain.sources.registry import Sources
from hardlink.services.corrections import Correction, Corrections
from hardlink.services.erasure.begin import Erasure
from hardlink.services.links import Links
from hardlink.storage.sessions import read_session
from hardlink.storage.store import Store


class Administration:
    """All calls with a server key that change something.

    `clock` returns microseconds since 1970. `project_id` is the project of the server key.
    """

    def __init__(
        self,
        store: Store,
        sources: Sources,
        clock: Callable[[], int],
        new_id: NewId = new_id,
    ) -> None:
        self._store = store
        self._sources = sources
        self._clock = clock
        self._links = Links(store)
        self._corrections = Corrections(self._links, clock)
        self._erasure = Erasure(store, clock, new_id, "shop")

    def undo_link(
        self, project_id: str, session_id: str, evidence: str | None = None
    ) -> None:
        """Undo the newest link of a session's profile. Raises `NotFound`, `Refused`.

        `evidence`: the link to undo, as `why` shows it. With it, a repeated call changes nothing.
        """
        session = self._read_session(project_id, session_id)
        hard_types = self._sources.projects[project_id].hard_types
        self._links.undo(
            project_id, session.profile, hard_types, self._clock(), evidence
        )

    def merge_customers(
        self, project_id: str, absorbed: Node, into: Node, evidence: str
    ) -> Correction:
        """Make one customer part of another one. Raises `NotFound`, `Refused`.

        What both have stays where it is, and readers see it together, by the identifiers of both.
        """
        hard_types = self._sources.projects[project_id].hard_types
        return self._corrections.merge(project_id, hard_types, absorbed, into, evidence)

    def remove_identifier(
        self, project_id: str, identifier: Node, customer: Node, evidence: str
    ) -> Correction:
        """Take an identifier off a customer, whichever link is the newest.

        Raises `NotFound`, `Refused`.
        """
        hard_types = self._sources.projects[project_id].hard_types
        return self._corrections.remove_identifier(
            project_id, hard_types, identifier, customer, evidence
        )

    def undo_correction(
        self, project_id: str, identifier: Node, evidence: str
    ) -> Correction:
        """Undo a merge or a removal, by an identifier of it.

        Raises `NotFound`, and `Refused` where the customer has another hard ID of its type by now.
        """
        hard_types = self._sources.projects[project_id].hard_types
        return self._corrections.undo(project_id, hard_types, identifier, evidence)

    def erase_customer(self, project_id: str, type_: str, value: str) -> dict[str, Any]:
        """Begin to erase a customer and return the receipt. Raises `NotFound`, `Busy`.

        Once it returns, nothing that happened earlier is stored any more, however late it arrives.
        """
        node = self._sources.projects[project_id].parse_customer(type_, value)
        erasure_id = self._erasure.erase_customer(project_id, node)
        return self._erasure.read_receipt(project_id, erasure_id)

    def erase_session(self, project_id: str, session_id: str) -> dict[str, Any]:
        """Begin to erase a session's visitor, with all of their sessions, and return the receipt.

        Raises `NotFound`, `Busy`.
        """
        id_ = parse_identifier(session_id, "id")
        erasure_id = self._erasure.erase_session(project_id, id_)
        return self._erasure.read_receipt(project_id, erasure_id)

    def read_erasure(self, project_id: str, erasure_id: str) -> dict[str, Any]:
        """Read the receipt of an erasure. Raises `NotFound`."""
        return self._erasure.read_receipt(
            project_id, parse_identifier(erasure_id, "id")
        )

    def _read_session(self, project_id: str, session_id: str) -> Session:
        return read_session(self._store, project_id, parse_identifier(session_id, "id"))
