"""Event IDs for clients that send none: an event that is sent again has the same content.

Exponea's and Attraqt's clients repeat a call whose answer was lost, and their events carry no ID.
"""

from __future__ import annotations

import hashlib
from collections import Counter

from hardlink.domain.values import to_json

_DIGITS = 32


class ContentIds:
    """IDs for the events of one call. Of two equal events in one call both count."""

    def __init__(self) -> None:
        self._copies: Counter[str] = Counter()

    def make_id(self, content: object) -> str:
        """ID of an event with this content (JSON): its digest, and for a copy its number."""
        text = to_json(content)
        # Clients send lone surrogates, which UTF-8 has no bytes for.
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[
            :_DIGITS
        ]
        self._copies[digest] += 1
        copies = self._copies[digest]
        return digest if copies == 1 else f"{digest}-{copies}"
