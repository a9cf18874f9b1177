"""What can be wrong with a file as a whole."""

from __future__ import annotations

MOST_CHARACTERS = 1_000_000
"""Of one order in a feed: more is held for a file that is broken."""


class Broken(Exception):
    """Nothing behind this place can be read."""
