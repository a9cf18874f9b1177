"""Consents of a customer, as the data API's attribute `consent` shows them.

Source: the reference of Exponea's customer API (`mode`), and its `consent` events.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress

from hardlink.domain import times
from hardlink.domain.errors import Invalid
from hardlink.domain.json_types import as_object
from hardlink.domain.times import SECOND

_FIELD_OF_MODE = {"valid": "valid", "until": "valid_until", "timestamp": "timestamp"}


def read_consent(consent: object, mode: str | None, now: int) -> object:
    """The consent in a mode: `valid` (the default), `until` or `timestamp`.

    `consent`: as the customer has it, `None` if there is none. Raises `Invalid` for other modes.
    """
    mode = mode or "valid"
    if mode not in _FIELD_OF_MODE:
        raise Invalid(f"use one of {', '.join(_FIELD_OF_MODE)}", "mode")
    if mode == "valid":
        return _is_valid(consent, now)
    return as_object(consent).get(_FIELD_OF_MODE[mode])


def _is_valid(consent: object, now: int) -> bool:
    """Tell whether a consent was given and has not ended."""
    if not isinstance(consent, Mapping):
        # POST /consent sets it as one word.
        return consent == "granted"
    is_accepted = consent.get("action") == "accept"
    return is_accepted and now < _end_time(consent.get("valid_until"))


def _end_time(until: object) -> float:
    """Read the end of a consent, in microseconds: infinite if it names none, 0 if it is not valid.

    `until`: `valid_until` of its event, in seconds since 1970 or as text.
    """
    match until:
        case None | "unlimited":
            return math.inf
        case bool():
            return 0
        case int() | float():
            return until * SECOND
        case _:
            return _parse_end_time(str(until))


def _parse_end_time(text: str) -> float:
    """Parse an end that was sent as text: seconds since 1970, or a date; 0 if it is neither."""
    with suppress(ValueError):
        return float(text) * SECOND
    with suppress(Invalid):
        return times.parse_time(text, "valid_until")
    return 0
