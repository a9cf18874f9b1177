"""Carry out `anonymize`: the next visitor of a device is another one (rule 5)."""

from __future__ import annotations

from hardlink.domain.call import Call
from hardlink.domain.commands import Anonymize
from hardlink.services.answers import Answer, visitor_answer
from hardlink.services.sessions import Sessions


def anonymize(sessions: Sessions, call: Call, command: Anonymize) -> Answer:
    """Answer a new session of a new profile; everything under the old ones stays where it is."""
    old = None
    if command.session_id:
        old = sessions.read(call.project_id, command.session_id)
    new = sessions.begin_anew(call, denied=old is not None and old.denied)
    return visitor_answer(new)
