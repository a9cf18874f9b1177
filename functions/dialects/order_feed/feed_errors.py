"""Faults of a feed as a whole, and the limit that all forms share."""

from __future__ import annotations

MOST_CHARACTERS = 1_000_000
"""Of one order. Only a broken file has more, and would fill the memory."""


class BrokenFeedError(Exception):
    """The rest of the file cannot be read."""
