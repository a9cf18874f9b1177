"""Carry out `update`: set values of a session's visitor, or of a customer."""

from __future__ import annotations

from hardlink.domain.call import Call
from hardlink.domain.commands import Update
from hardlink.domain.errors import BeforeErasure, Invalid
from hardlink.services.answers import ERASED, Answer, customer_answer, with_left_out
from hardlink.services.identify import Identification, statement_of
from hardlink.services.links import Links
from hardlink.services.statements import VisitorUpdate
from hardlink.services.verification import Verification, VerifiedIds
from hardlink.services.visitors import make_claim


class Updates:
    """Sets values."""

    def __init__(
        self, identification: Identification, links: Links, verification: Verification
    ) -> None:
        self._identification = identification
        self._links = links
        self._verification = verification

    def update(self, call: Call, command: Update) -> Answer:
        """Set values of a session's visitor, or of the customer with these `ids`."""
        ids = self._verification.verify_ids(call, command)
        if command.session_id is None and not ids.nodes:
            raise Invalid(
                "send session.id or ids, to say whose values these are", "session.id"
            )
        if command.session_id is None and not call.bot:
            return self._update_customer(call, command, ids)
        return self._identification.apply(call, command, ids)

    def _update_customer(self, call: Call, command: Update, ids: VerifiedIds) -> Answer:
        # without a session there is no device, and so no clock to correct
        time = statement_of(command).time(call, 0)
        claim = make_claim(call, None, ids.nodes, time, proven=ids.proven)
        values = VisitorUpdate.of_identify(command, ids).timestamped_values(
            claim.effective_at
        )
        try:
            decision = self._links.identify(call, claim, values)
        except BeforeErasure:
            return {"customer": None, "warnings": [ERASED]}
        answer = {
            "customer": customer_answer(decision, ids.nodes),
            "warnings": list(decision.warnings),
        }
        return with_left_out(answer, command.left_out, decision.left_out)
