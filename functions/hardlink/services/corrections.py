"""Carry out what the shop corrects: merge two customers, take an identifier off, undo either."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hardlink.domain import corrections
from hardlink.domain.call import Change
from hardlink.domain.changeset import Decision, ForestReader
from hardlink.domain.graph import Node
from hardlink.services.links import Links, decision_actions
from hardlink.storage.retries import retry_conflicts

SERVER = "server"
"""The source of a correction in a link history: it came with a server key."""


class Correction(NamedTuple):
    """A correction that was made.

    `customer`: the root that it is about. `evidence`: the ID by which it is undone; `None` where
    nothing had to be changed.
    """

    customer: Node
    evidence: str | None


class Corrections:
    """Corrects the customers of a project. `clock` returns microseconds since 1970.

    `evidence`: the ID under which a correction is explained, and by which it is undone.
    """

    def __init__(self, links: Links, clock: Callable[[], int]) -> None:
        self._links = links
        self._clock = clock

    def merge(
        self,
        project_id: str,
        hard_types: frozenset[str],
        absorbed: Node,
        into: Node,
        evidence: str,
    ) -> Correction:
        """Make one customer part of another one. Raises `NotFound`, `Refused`."""
        now = self._clock()

        def decide(reader: ForestReader) -> Decision:
            return corrections.merge(absorbed, into, reader, hard_types, now)

        return self._correct(Change(project_id, now, evidence, SERVER), decide)

    def remove_identifier(
        self,
        project_id: str,
        hard_types: frozenset[str],
        identifier: Node,
        customer: Node,
        evidence: str,
    ) -> Correction:
        """Take an identifier off a customer. Raises `NotFound`, `Refused`."""
        now = self._clock()

        def decide(reader: ForestReader) -> Decision:
            return corrections.remove_identifier(
                identifier, customer, reader, hard_types, now
            )

        return self._correct(Change(project_id, now, evidence, SERVER), decide)

    def undo(
        self,
        project_id: str,
        hard_types: frozenset[str],
        identifier: Node,
        evidence: str,
    ) -> Correction:
        """Undo a correction of an identifier or its customer.

        Raises `NotFound`, and `Refused` where the customer has another one of its hard type.
        """
        now = self._clock()

        def decide(reader: ForestReader) -> Decision:
            return corrections.undo_correction(
                identifier, evidence, reader, hard_types, now
            )

        return self._correct(Change(project_id, now, evidence, SERVER), decide)

    @retry_conflicts
    def _correct(
        self, change: Change, decide: Callable[[ForestReader], Decision]
    ) -> Correction:
        reader = self._links.reader(change.project_id)
        decision = decide(reader)
        if not decision.states:
            return Correction(decision.customer, None)
        self._links.write(decision_actions(change, decision, reader.records))
        return Correction(decision.customer, change.evidence)
