"""IDs as callers write them: what can be one, and the values that identify nobody."""

from __future__ import annotations

import re
import unicodedata

from hardlink.errors import Invalid

MOST_BYTES = 256
"""Longest identifier, session or event ID in bytes of UTF-8 (DynamoDB sort keys end at 1,024)."""

_NOBODY = frozenset(
    {
        *(
            "undefined",
            "null",
            "none",
            "nil",
            "nan",
            "true",
            "false",
            "0",
            "-1",
            "n/a",
            "(not set)",
        ),
        *("anonymous", "guest", "unknown", "id", "user", "email", "distinct_id"),
        *("not_authenticated", "[object object]", "[]", "{}"),
    }
)
_ZEROS = re.compile(r"[0\-]+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def identifies_nobody(value: str) -> bool:
    """Whether a value is a placeholder that many visitors would share (`undefined`, `0`, an all-zero UUID)."""
    folded = unicodedata.normalize("NFKC", value).strip().casefold()
    return not folded or folded in _NOBODY or _ZEROS.fullmatch(folded) is not None


def checked(value: object, field: str) -> str:
    """An ID as text, trimmed. Raises `Invalid` naming `field` where it can't be an ID or identifies nobody."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Invalid("an ID is a text or a whole number", field)
    text = str(value).strip()
    if _UNPRINTABLE.search(text):
        raise Invalid("an ID has no control characters", field)
    if len(text.encode()) > MOST_BYTES:
        raise Invalid(f"an ID has at most {MOST_BYTES} bytes", field)
    if identifies_nobody(text):
        raise Invalid("this value identifies nobody: leave it out, or send the real ID", field)
    return text
