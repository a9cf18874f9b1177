"""Carry out `identify` and `alias`: link a session's visitor to a customer, and set values."""

from __future__ import annotations

from dataclasses import replace

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
    with_left_out,
)
from hardlink.services.links import Links
from hardlink.services.sessions import Sessions, Visit
from hardlink.services.statements import Statement, VisitorUpdate
from hardlink.services.verification import Verification, VerifiedIds
from hardlink.services.visitors import Visitors, VisitOutcome


class Identification:
    """Links visitors to customers."""

    def __init__(
        self,
        visitors: Visitors,
        links: Links,
        sessions: Sessions,
        verification: Verification,
        new_id: NewId,
    ) -> None:
        self._visitors = visitors
        self._links = links
        self._sessions = sessions
        self._verification = verification
        self._new_id = new_id

    def identify(self, call: Call, command: Identify) -> Answer:
        """Link a session's visitor to a customer, and set values.

        Raises `Refused` where a rule forbids it, and then nothing changes.
        """
        ids = self._verification.verify_login(call, command)
        if not ids.nodes:
            raise Invalid("send at least one identifier of the customer", "ids")
        return self.apply(call, command, ids)

    def alias(
        self, call: Call, command: Identify, *, either_way: bool = False
    ) -> Answer:
        """Link a session whose ID may be a customer's as well, in the caller's own system.

        `either_way`: the session's ID and that of the customer may be exchanged, and the one that
        is no customer yet is the session's. Raises `Refused` where both are customers, of the type
        of the first of `ids`: two customers never merge.
        """
        if either_way:
            command = self._with_session_first(call, command)
        ids = self._verification.verify_ids(call, command)
        if command.session_id is None or not ids.nodes:
            raise Invalid(
                "an alias needs both IDs: send session.id and ids", "session.id"
            )
        namesake = call.project.parse_node(
            ids.nodes[0].type, command.session_id, "session.id"
        )
        # A client that calls `alias` twice with its IDs exchanged would join two customers.
        if self._links.exists(call, namesake):
            raise Refused(
                "this ID is a customer already, and two customers never merge",
                "session.id",
                code="another_customer",
            )
        return self.apply(call, command, ids)

    def _with_session_first(self, call: Call, command: Identify) -> Identify:
        """Exchange the two IDs of an alias, if only the other one can be the session's."""
        ids = call.project.parse_ids(command.ids)
        session_id = command.session_id
        if session_id is None or not ids:
            return command
        customer = ids[0]
        namesake = call.project.parse_node(customer.type, session_id, "session.id")
        if self._is_session_first(call, namesake, customer):
            return command
        exchanged = {**command.ids, customer.type: session_id}
        return replace(command, session=customer.value, ids=exchanged)

    def _is_session_first(self, call: Call, first: Node, second: Node) -> bool:
        is_customer = self._links.exists(call, first)
        if is_customer or self._links.exists(call, second):
            return not is_customer
        # neither is a customer: the one with a session is the earlier one
        if self._sessions.read(call.project_id, first.value):
            return True
        return self._sessions.read(call.project_id, second.value) is None

    def apply(self, call: Call, command: Identify, ids: VerifiedIds) -> Answer:
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
        # Clients keep the IDs of each answer, so also these answers have a session and a profile.
        if outcome.status == "erased":
            here = self._visitors.answer_without_storing(call, visit, outcome.session)
            return {**here, "customer": None, "warnings": [ERASED]}
        if outcome.status == "denied" or outcome.session is None:
            here = self._visitors.answer_without_storing(call, visit, outcome.session)
            return {**here, "customer": None, "warnings": [OPTED_OUT]}
        answer = {**visitor_answer(outcome.session), **_customer(outcome, ids.nodes)}
        return with_left_out(answer, command.left_out, outcome.left_out)


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
