"""Validate IDs from callers, and refuse placeholders that many visitors would share."""

from __future__ import annotations

import re
import unicodedata

from hardlink.domain import synthetic_ids
from hardlink.domain.errors import Invalid

MOST_BYTES = 256
"""UTF-8 bytes of an identifier, session or event ID (a DynamoDB sort key has at most 1,024)."""

_PLACEHOLDERS = frozenset(
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
            "notset",
        ),
        *("anonymous", "guest", "unknown", "id", "user", "email", "distinct_id"),
        *("not_authenticated", "[objectobject]"),
    }
)
_ZEROS = re.compile(r"[0\-.]+")
_BRACKETS_AND_QUOTES = "{}()<>[] \t\"'"
_INVISIBLE_CATEGORIES = {"Cf", "Cc", "Zs", "Zl", "Zp"}
_INVISIBLE_LETTERS = "\u115f\u1160\u3164\uffa0"
"""Hangul fillers: letters by their Unicode category, yet blank."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def is_placeholder(value: str) -> bool:
    """Check for a value that many visitors would share (`undefined`, `0`, an all-zero UUID)."""
    visible = [
        char for char in unicodedata.normalize("NFKC", value) if not _is_invisible(char)
    ]
    folded = "".join(visible).casefold()
    return _is_placeholder_text(folded) or _is_placeholder_text(
        folded.strip(_BRACKETS_AND_QUOTES)
    )


def parse_identifier(value: object, field: str) -> str:
    """Parse the ID of a visitor, trimmed. Raises `Invalid` naming `field`."""
    text = parse_id(value, field)
    if is_placeholder(text):
        raise Invalid(
            "a placeholder, not an ID: leave it out, or send the real ID", field
        )
    return text


def parse_session_id(value: object, field: str) -> str:
    """Parse the ID of a session or profile as clients know it. Raises `Invalid` naming `field`.

    IDs of synthetic sessions are refused, because no client may write to them.
    """
    text = parse_identifier(value, field)
    if synthetic_ids.is_synthetic(text):
        raise Invalid(
            f"must not begin with {synthetic_ids.PREFIX}: generate another ID", field
        )
    return text


def parse_id(value: object, field: str) -> str:
    """Parse an ID of any kind to trimmed text. Raises `Invalid` naming `field`."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Invalid("must be a string or an integer", field)
    text = str(value).strip()
    if _UNPRINTABLE.search(text):
        raise Invalid("must not contain control characters", field)
    if len(text.encode()) > MOST_BYTES:
        raise Invalid(f"must have at most {MOST_BYTES} bytes", field)
    return text


def _is_invisible(char: str) -> bool:
    return (
        char in _INVISIBLE_LETTERS
        or unicodedata.category(char) in _INVISIBLE_CATEGORIES
    )


def _is_placeholder_text(text: str) -> bool:
    return not text or text in _PLACEHOLDERS or _ZEROS.fullmatch(text) is not None
