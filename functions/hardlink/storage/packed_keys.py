"""Short forms of what keys are made of: times, UUIDs. Each is readable back, and keeps the order.

Keys are stored, and paid for, with every item. A time of 16 digits takes 9 characters, a UUID of 36
takes 23. Any other ID stays as it is. See `functions/decisions/0011-packed-keys.md`.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64

MARK = "~"
"""What a packed UUID begins with; no character of its own is this one."""
PLAIN = "/"
"""What an ID begins with, in place of the mark, that stands behind a time as it is."""

TIME_LENGTH = 9
_UUID_LENGTH = 22
# Of 64 digits, six bits each, in the order of their characters: base64 has another order.
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_DIGITS = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_TO_DIGITS = bytes.maketrans(_BASE64, _DIGITS)
_TO_BASE64 = bytes.maketrans(_DIGITS, _BASE64)
# base64 takes three bytes at a time: 72 bits are twelve digits, of which the first nine hold 54.
_TIME_BYTES, _UNUSED_BITS = 9, 18
# Only the form that is written back: an ID in capitals is another ID.
_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CANONICAL_LENGTH = 36


def pack_time(time: int) -> str:
    """Return a time as nine characters in the order of times.

    `time`: microseconds since 1970, up to the year 2540. Raises `OverflowError` beyond.
    """
    raw = (time << _UNUSED_BITS).to_bytes(_TIME_BYTES, "big")
    return _digits(raw)[:TIME_LENGTH]


def unpack_time(text: str) -> int:
    """Return the time, in microseconds, of nine characters that `pack_time` made."""
    return int.from_bytes(_bytes_of(text + "---"), "big") >> _UNUSED_BITS


def pack_id(id_: str) -> str:
    """Return an ID as it stands behind a time: a UUID is packed, others are marked plain."""
    if _CANONICAL.fullmatch(id_):
        return _packed_uuid(id_)
    return PLAIN + id_


def unpack_id(text: str) -> str:
    """Return the ID of which `pack_id` made this text."""
    if text.startswith(MARK):
        return _unpacked_uuid(text)
    return text[len(PLAIN) :]


def pack_end(text: str) -> str:
    """Return a text whose end is packed, if that is a canonical UUID.

    For texts that are not read in their order, which only UUIDs keep. A text that looks like a
    packed one is marked at its end.
    """
    if _CANONICAL.fullmatch(text, max(0, len(text) - _CANONICAL_LENGTH)):
        return text[:-_CANONICAL_LENGTH] + _packed_uuid(text[-_CANONICAL_LENGTH:])
    if text.endswith(MARK) or _looks_packed(text):
        return text + MARK
    return text


def unpack_end(text: str) -> str:
    """Return the text of which `pack_end` made this one."""
    if text.endswith(MARK):
        return text[: -len(MARK)]
    if _looks_packed(text):
        place = len(text) - _UUID_LENGTH - 1
        return text[:place] + _unpacked_uuid(text[place:])
    return text


def _looks_packed(text: str) -> bool:
    return text[-_UUID_LENGTH - 1 : -_UUID_LENGTH] == MARK


def _packed_uuid(uuid: str) -> str:
    raw = bytes.fromhex(uuid.replace("-", ""))
    return MARK + _digits(raw)[:_UUID_LENGTH]


def _unpacked_uuid(text: str) -> str:
    # Two digits are missing to a multiple of four, which base64 wants.
    raw = a2b_base64(text[1:].encode().translate(_TO_BASE64) + b"==")
    h = raw.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def _digits(raw: bytes) -> str:
    return b2a_base64(raw, newline=False).translate(_TO_DIGITS).decode()


def _bytes_of(digits: str) -> bytes:
    return a2b_base64(digits.encode().translate(_TO_BASE64))
