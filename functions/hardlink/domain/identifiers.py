"""Parse IDs from callers to one normal form, and refuse placeholders that many would share.

Two spellings that a person cannot tell apart are one ID, in every call: writes, reads, erasing,
exports and tokens all parse their IDs here, or by `Project.parse_node`, which calls this.
"""

from __future__ import annotations

import re
import unicodedata

from hardlink.domain import synthetic_ids
from hardlink.domain.errors import Invalid
from hardlink.domain.json_types import is_text_or_integer

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
_UNFILLED = frozenset(
    {"undefined", "null", "none", "nil", "nan", "[object", "object]", ""}
)
"""Parts of text that code joined from missing values, as in `undefined@undefined`."""
_JOINTS = re.compile(r"[\s@_.:;,/|+-]+")
_TEMPLATES = re.compile(
    # Handlebars, Liquid and Twig; template literals, JSP and Ruby; ExactTarget; ERB; Mailchimp;
    # Template Toolkit; MediaWiki: anywhere, as in `user-{{id}}`
    r"\{\{.*\}\}|\{%.*%\}|[$#]\{.*\}|%%.*%%|<%.*%>|\*\|.*\|\*|\[%.*%\]|\[\[.*\]\]"
    # single marks only around one whole name, because GUIDs come in braces as well
    r"|^\{\$?[a-z_][\w.]*\}$|^%[a-z_][\w.]*%$|^<[a-z_][\w. ]*>$|^%[sd@]$",
    re.DOTALL,
)
_ZEROS = re.compile(r"[0\-.]*")
"""Zeros, also in the groups of a UUID; and nothing at all."""
_BRACKETS_AND_QUOTES = "{}()<>[] \t\"'"
_INVISIBLE_CATEGORIES = {"Cf", "Cc", "Zs", "Zl", "Zp"}
_INVISIBLE_ASCII = dict.fromkeys((*range(0x21), 0x7F))
"""Deletes spaces and control characters, for `str.translate`."""
_IGNORABLE = re.compile(
    # Default_Ignorable_Code_Point of Unicode 15: soft hyphen, joiners and zero-width spaces,
    # marks of direction, fillers, variation selectors, byte order mark, tags
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_FULL_STOPS = re.compile("[\u3002\uff0e\uff61]")
"""Ideographic full stops, which separate the labels of a domain as a dot does (UTS #46)."""


def normal_text(text: str) -> str:
    """Return the normal form of an ID: composed (NFC), without invisible characters, trimmed."""
    if text.isascii():
        return text.strip()
    # first, because they keep letters from being composed
    visible = _IGNORABLE.sub("", text)
    return unicodedata.normalize("NFC", visible).strip()


def normal_email(text: str) -> str:
    """Return the normal form of an address: lower case, its domain as DNS has it (`xn--`).

    `text`: an address in the normal form of all IDs; what has no `@` is only put in lower case.
    """
    if text.isascii():
        return text.lower()
    local_part, at, domain = text.rpartition("@")
    lower = unicodedata.normalize("NFC", local_part.lower())
    if not at:
        return domain.lower()
    return f"{lower}@{_ascii_domain(domain)}"


def is_placeholder(value: str) -> bool:
    """Check for a value that many visitors would share. `value`: in the normal form of IDs.

    For example `undefined`, `0`, an all-zero UUID, `null@null`, or a template that was never
    filled in (`{{user_id}}`).
    """
    compatible = unicodedata.normalize("NFKC", value).casefold()
    folded = _strip_invisible(compatible)
    bare = folded.strip(_BRACKETS_AND_QUOTES)
    if _is_placeholder_text(folded) or _is_placeholder_text(bare):
        return True
    if _TEMPLATES.search(compatible):
        return True
    # Joined from nothing but missing values.
    return _UNFILLED.issuperset(_JOINTS.split(compatible))


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
    """Parse an ID of any kind to its normal form. Raises `Invalid` naming `field`.

    The ID of an event or a profile may be a placeholder, and may be empty: only what identifies
    a visitor may not (see `parse_identifier`).
    """
    if not is_text_or_integer(value):
        raise Invalid("must be a string or an integer", field)
    text = normal_text(str(value))
    if _UNPRINTABLE.search(text):
        raise Invalid("must not contain control characters", field)
    if len(text.encode()) > MOST_BYTES:
        raise Invalid(f"must have at most {MOST_BYTES} bytes", field)
    return text


def _ascii_domain(domain: str) -> str:
    """Convert a domain to ASCII by the mapping of UTS #46, nontransitional, without its checks.

    Python's own codec is that of IDNA 2003, which takes `straße` and `strasse` for one domain.
    """
    labels = _FULL_STOPS.sub(".", domain).split(".")
    return ".".join(map(_ascii_label, labels))


def _ascii_label(label: str) -> str:
    """Convert one label of a domain to ASCII, with `xn--` before what is no ASCII.

    Letters are put in lower case one by one, because a sigma at the end of a word is no letter of
    its own in UTS #46.
    """
    lower = "".join(map(str.lower, unicodedata.normalize("NFKC", label)))
    mapped = unicodedata.normalize("NFC", lower)
    if mapped.isascii():
        return mapped
    return "xn--" + mapped.encode("punycode").decode()


def _strip_invisible(text: str) -> str:
    """Remove spaces, control and format characters, and letters that are blank."""
    if text.isascii():  # as nearly every ID is: each call has two or three
        return text.translate(_INVISIBLE_ASCII)
    return "".join(char for char in text if not _is_invisible(char))


def _is_invisible(char: str) -> bool:
    """Tell whether a reader sees nothing of a character."""
    return unicodedata.category(char) in _INVISIBLE_CATEGORIES


def _is_placeholder_text(text: str) -> bool:
    """Tell whether a text, in lower case and without blanks, is one of the usual placeholders."""
    if text in _PLACEHOLDERS:
        return True
    return _ZEROS.fullmatch(text) is not None
