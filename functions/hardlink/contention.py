"""Optimistic concurrency: decide again when others wrote meanwhile, and give up with an answer, not a hang."""

from __future__ import annotations

from hardlink.errors import Busy

TRIES = 25
"""How often a decision is taken again when others write the same items at the same time."""


def contended() -> Busy:
    """The answer when others were always quicker."""
    return Busy(
        "too many calls change the same visitor at once: nothing is promised, send the call again"
    )
