"""Build the parts that the answers of several commands share."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from hardlink import metrics
from hardlink.domain.changeset import Decision
from hardlink.domain.graph import NOBODY, Node
from hardlink.domain.records import Session
from hardlink.domain.values import LeftOut

Answer = dict[str, Any]
OPTED_OUT = "opted out: this visitor denied tracking, nothing was stored"
BOT = "sent by a bot: this source drops what bots send, nothing was stored or linked"
ERASED = (
    "erased: older than the erasure of a customer whom it names, nothing was stored"
)
NOT_KEPT = frozenset({OPTED_OUT, BOT})
"""Warnings with which nothing of a call was stored."""


def with_left_out(answer: Answer, *left_out: Iterable[LeftOut]) -> Answer:
    """Add the parts of a command that were left out, where there are any.

    Every dialect names them in its own form: `with_warnings` in that of the native calls.
    """
    every = list(dict.fromkeys(chain(*left_out)))
    return {**answer, "left_out": every} if every else answer


def with_warnings(answer: Answer, of_body: Iterable[LeftOut] = ()) -> Answer:
    """Name what was left out of a command and of its events in `warnings`.

    `of_body`: what was left out before the body became a command.
    """
    rest = dict(answer)
    of_command: Iterable[LeftOut] = rest.pop("left_out", ())
    warnings = [part.warning for part in (*of_body, *of_command)]
    for number, result in enumerate(rest.get("results", ())):
        event = f"events[{number}]"
        parts = result.get("left_out", ())
        warnings += [f"{event}.{part['field']}: {part['reason']}" for part in parts]
    if warnings:
        rest["warnings"] = [*rest.get("warnings", ()), *warnings]
    return rest


def visitor_answer(session: Session) -> Answer:
    """Answer a session and its profile."""
    return {
        "session": {"id": session.id},
        "profile": {"id": session.profile.value or None},
    }


def anonymous_answer() -> Answer:
    """Answer a call under a customer's own session, which no other call may join."""
    return {"session": {"id": None}, "profile": {"id": None}}


def bot_answer(session_id: str) -> Answer:
    """Answer a call of a bot: nothing is stored, and nothing is looked up."""
    metrics.count("bots_dropped")
    return {"session": {"id": session_id}, "profile": {"id": None}, "warnings": [BOT]}


def customer_answer(decision: Decision, ids: tuple[Node, ...]) -> dict[str, str]:
    """Answer a customer by an identifier that the call itself carried.

    A write key is public, so it must not read any other identifier.
    """
    shown = decision.customer if decision.customer in ids else ids[0]
    return shown._asdict()


def has_visitor(session: Session | None) -> bool:
    """Tell whether a session has a profile that may be answered."""
    return session is not None and session.profile != NOBODY
