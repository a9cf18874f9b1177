"""IDs as callers write them: what can be one, and the values that identify nobody."""

from __future__ import annotations

import re
import unicodedata

from hardlink.domain import synthetic_ids
from hardlink.domain.errors import Invalid

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
            "notset",
        ),
        *("anonymous", "guest", "unknown", "id", "user", "email", "distinct_id"),
        *("not_authenticated", "[objectobject]"),
    }
)
_ZEROS = re.compile(r"[0\-.]+")
_AROUND = "{}()<>[] \t\"'"
_UNSEEN = {"Cf", "Cc", "Zs", "Zl", "Zp"}
_FILLERS = "\u115f\u1160\u3164\uffa0"
"""Letters by their category, blank to the eye."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def identifies_nobody(value: str) -> bool:
    """Whether a value is a placeholder that many visitors would share (`undefined`, `0`, an all-zero UUID)."""
    seen = (c for c in unicodedata.normalize("NFKC", value) if c not in _FILLERS)
    folded = "".join(c for c in seen if unicodedata.category(c) not in _UNSEEN).casefold()
    return any(
        not text or text in _NOBODY or _ZEROS.fullmatch(text) is not None
        for text in (folded, folded.strip(_AROUND))
    )


def parse_identifier(value: object, field: str) -> str:
    """An ID of somebody, trimmed. Raises `Invalid` naming `field` where it can't be one or identifies nobody."""
    text = parse_id(value, field)
    if identifies_nobody(text):
        raise Invalid("this value identifies nobody: leave it out, or send the real ID", field)
    return text


def parse_session_id(value: object, field: str) -> str:
    """The ID of a session or profile as a client knows it. Raises `Invalid` where it is none, or a customer's own."""
    text = parse_identifier(value, field)
    if synthetic_ids.is_synthetic(text):
        raise Invalid(
            f"this ID does not begin with {synthetic_ids.PREFIX}: make another one up", field
        )
    return text


def parse_id(value: object, field: str) -> str:
    """An ID of anything as text, trimmed. Raises `Invalid` naming `field` where it can't be one."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Invalid("an ID is a text or a whole number", field)
    text = str(value).strip()
    if _UNPRINTABLE.search(text):
        raise Invalid("an ID has no control characters", field)
    if len(text.encode()) > MOST_BYTES:
        raise Invalid(f"an ID has at most {MOST_BYTES} bytes", field)
    return text
