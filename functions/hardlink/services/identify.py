"""Carry out `identify` and `alias`: link a session's visitor to a customer, and set values."""

from __future__ import annotations

from hardlink.domain import times
from hardlink.domain.call import Call, NewId
from hardlink.domain.commands import Identify
from hardlink.domain.errors import Invalid, Refused
from hardlink.domain.graph import Node
from hardlink.services.answers import (
    ERASED,
    OPTED_OUT,
    Answer,
    bot_answer,
    customer_answer,
    visitor_answer,
)
from hardlink.services.links import Links
from hardlink.services.sessions import Visit
from hardlink.services.statements import Statement, VisitorUpdate
from hardlink.services.verification import Verification
from hardlink.services.visitors import Visitors, VisitOutcome


class Identification:
    """Links visitors to customers."""

    def __init__(
        self,
        visitors: Visitors,
        links: Links,
        verification: Verification,
        new_id: NewId,
    ) -> None:
        self._visitors = visitors
        self._links = links
        self._verification = verification
        self._new_id = new_id

    def identify(self, call: Call, command: Identify) -> Answer:
        """Link a session's visitor to a customer, and set values.

        Raises `Refused` where a rule forbids it, and then nothing changes.
        """
        ids = self._verification.verified_ids(call, command)
        if not ids:
            raise Invalid("send at least one identifier of the customer", "ids")
        return self.apply(call, command, ids)

    def alias(self, call: Call, command: Identify) -> Answer:
        """Link a session whose ID may be a customer's as well, in the caller's own system.

        Raises `Refused` where it is the ID of a customer, of the type of the first of `ids`: two
        customers never merge.
        """
        ids = self._verification.verified_ids(call, command)
        if command.session_id is None or not ids:
            raise Invalid(
                "an alias needs both IDs: send session.id and ids", "session.id"
            )
        namesake = call.project.parse_node(
            ids[0].type, command.session_id, "session.id"
        )
        if self._links.exists(call, namesake):
            raise Refused(
                "this ID is a customer already, and two customers never merge",
                "session.id",
                code="another_customer",
            )
        return self.apply(call, command, ids)

    def apply(self, call: Call, command: Identify, ids: tuple[Node, ...]) -> Answer:
        """Link a session's visitor where there are IDs, and set the command's values."""
        session_id = command.session_id or self._new_id()
        if call.bot:
            return {**bot_answer(session_id), "customer": None}
        statement = statement_of(command)
        visit = Visit(
            session_id,
            profile=command.profile,
            device_time=statement.device_time,
            is_generated=command.session_id is None,
        )
        update = VisitorUpdate.of_identify(command, ids)
        outcome = self._visitors.apply(call, visit, statement, update)
        if outcome.status == "erased":
            here = self._visitors.answer_without_storing(call, visit, outcome.session)
            return {**here, "customer": None, "warnings": [ERASED]}
        if outcome.status == "denied" or outcome.session is None:
            here = self._visitors.answer_without_storing(call, visit, outcome.session)
            return {**here, "customer": None, "warnings": [OPTED_OUT]}
        return {**visitor_answer(outcome.session), **_customer(outcome, ids)}


def statement_of(command: Identify) -> Statement:
    """Return the time of an `Identify` or `Update` command. Raises `Invalid`."""
    if command.time is None:
        return Statement(None)
    return Statement(times.parse_time(command.time, "time"))


def _customer(outcome: VisitOutcome[Statement], ids: tuple[Node, ...]) -> Answer:
    if outcome.decision is None:
        return {"warnings": []}
    customer = customer_answer(outcome.decision, ids)
    return {"customer": customer, "warnings": list(outcome.warnings)}
