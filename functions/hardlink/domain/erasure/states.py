"""Erasure as a state machine: the states of all that it touches, and its steps. Pure.

An erasure begins with one node, and spreads: a node that belongs to erased nodes alone is erased
too, one with another owner as well is redacted. What is left to do stands in tasks, rows beside the
receipt, each written in the transaction of the step that makes it necessary. A task that is done is
deleted, or becomes the task of the next step. So a run may stop after any step, a step may be
repeated, and several may run at once; no step reads again what was done before it.

    node     live ----begin_erasure----> erasing ----erase_node----> erased --close_nodes--> closed
             live -----redact_node-----> redacted --mark_sessions, free_identifier--> live
    session  live ----end_session----> erased --sweep_session--> swept --close_sessions--> closed
             live -----mark_session----> marked ---sweep_session---> swept
    order    known ----forget_order----> known, or deleted
    receipt  running --await_joined----> running --close_receipt---> done
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple

from hardlink.domain.graph import NOBODY, Node
from hardlink.domain.records import Item

Subject = Literal["node", "session", "order", "receipt"]
ReceiptState = Literal["running", "done"]
Requester = Literal["shop", "visitor"]
"""Who asked for an erasure: the shop by its server key, or a visitor by the public key."""


class Transition(NamedTuple):
    """One step. `task`: the kind of task that it carries out, as `storage.keys` spells it.

    Empty where another step, a call or the receipt starts it.
    """

    subject: Subject
    before: str
    step: str
    after: str
    task: str = ""


TRANSITIONS = (
    # The tombstone and the new `rev` refuse every write that was decided before.
    Transition("node", "live", "begin_erasure", "erasing"),
    Transition("node", "erasing", "erase_node", "erased", "n/"),
    # Once calls ended that were under way: the shop may have reported an order until then.
    Transition("node", "erased", "close_nodes", "closed", "d/"),
    Transition("node", "live", "redact_node", "redacted"),
    Transition("node", "redacted", "mark_sessions", "live", "r/"),
    # Only identifiers: profiles that were known by it alone belonged to the erased customer.
    Transition("node", "redacted", "free_identifier", "live", "u/"),
    Transition("session", "live", "end_session", "erased"),
    Transition("session", "live", "mark_session", "marked"),
    Transition("session", "erased", "sweep_session", "swept", "s/"),
    Transition("session", "marked", "sweep_session", "swept", "s/"),
    # Swept once more first: calls that were under way may have written since.
    Transition("session", "swept", "close_sessions", "closed", "z/"),
    Transition("order", "known", "forget_order", "known", "o/"),
    # What another erasure holds it carries out as well, so that it is never done before that is.
    Transition("receipt", "running", "await_joined", "running", "j/"),
    # The receipt counts each task in the transaction that deletes it.
    Transition("receipt", "running", "close_receipt", "done"),
)


def receipt_state(receipt: Item) -> ReceiptState:
    """Read the state of an erasure from its receipt."""
    return "done" if "done" in receipt else "running"


def requester_of(receipt: Item) -> Requester:
    """Read who began an erasure from its receipt."""
    return "visitor" if receipt.get("requester") == "visitor" else "shop"


def belongs_to_erased(
    owners: Collection[Node], erased: Collection[Node], *, was_owned: bool
) -> bool:
    """Decide whether a node whose history names erased nodes is erased too; else it is redacted.

    `owners`: the nodes that it belongs to. `erased`: the erased ones that its history names.
    `was_owned`: all of it belonged to customers before this erasure.
    """
    remaining = set(owners)
    if was_owned:
        remaining.discard(
            NOBODY
        )  # this very erasure left a part without an owner, for a moment
    return bool(remaining) and remaining <= set(erased)
