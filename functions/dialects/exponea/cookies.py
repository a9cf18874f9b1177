"""Cookies of the web SDK: the session of commands that name none.

Source: Exponea's web SDK 3.15.0 and its snippet, recorded in a browser.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from dialects.exponea.commands import COOKIE
from dialects.exponea.requests import RawCommand, RawCommands, command_data
from dialects.exponea.system_commands import IDS
from hardlink.domain.errors import Invalid
from hardlink.domain.identifiers import parse_session_id
from hardlink.domain.values import to_json

_THREE_YEARS = 3 * 365 * 24 * 3600
_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]{1,128}", re.ASCII)
_VALUE = re.compile(r"[\w!#$%&'()*+./:<=>?@\[\]^`{|}~-]{1,256}", re.ASCII)
_CLOCK_GRAIN = 0.02
"""Seconds. Two sendings of a first bulk agree about its first event's time to this."""
_NEAR_EDGE = 0.3
"""Of a grain, from its middle: less than 4 ms from the next one."""
_MOST_SECONDS = 1e12


def choose_cookies(
    raw_commands: RawCommands,
    sent: str | None,
    browser: Iterable[str | None],
    fresh: str,
) -> list[str]:
    """Candidates for the cookie of a bulk, the best one first.

    It is the one that the bulk sets or that the browser sends, else a new one, where the bulk asks
    for one. `sent`: the browser's `xnpe_` cookie; `browser`: what tells it from others, so that a
    first bulk that is sent again gets the same new cookie (the second candidate if it is known);
    `fresh`: a random one.
    """
    asking = [
        raw for raw in raw_commands if isinstance(raw, RawCommand) and raw.name == IDS
    ]
    set_by_bulk = asking[0].data.get(COOKIE) if asking else None
    # An unusable one would be refused in every later call, because the SDK keeps it.
    for cookie in (set_by_bulk, sent):
        if _is_usable(cookie):
            return [str(cookie)]
    if not asking:
        return []
    return _derive_cookies(raw_commands, browser) or [fresh]


def build_cookie_header(token: str, value: str) -> dict[str, str]:
    """The header that stores the cookie on the API's domain.

    Some browsers soon delete cookies that a script sets. Empty if the cookie is not valid in one.
    """
    name = f"xnpe_{token}"
    if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
        return {}
    flags = "Path=/; Secure; HttpOnly; SameSite=None"
    return {"set-cookie": f"{name}={value}; Max-Age={_THREE_YEARS}; {flags}"}


def _is_usable(cookie: object) -> bool:
    if not isinstance(cookie, str):
        return False
    try:
        parse_session_id(cookie, COOKIE)
    except Invalid:
        return False
    return True


def _derive_cookies(
    raw_commands: RawCommands, browser: Iterable[str | None]
) -> list[str]:
    """Cookies derived from the device's time of the first event, equal in every sending.

    The SDK reads its clock anew for every sending (`clientTS`, `age`), so their difference may be
    off by a millisecond or two. Near the edge of a grain the next grain's cookie comes second.
    """
    data = command_data(raw_commands)
    clock = _first_number(data, "clientTS")
    first = _first_number(data, "age")
    if clock is None or first is None:
        return []
    grains = (clock["clientTS"] - first["age"]) / _CLOCK_GRAIN
    nearest = round(grains)
    offset = grains - nearest
    content = [first.get("properties"), *browser]
    cookies = [_derive_cookie(nearest, content)]
    if abs(offset) > _NEAR_EDGE:
        neighbour = nearest + (1 if offset > 0 else -1)
        cookies.append(_derive_cookie(neighbour, content))
    return cookies


def _first_number(
    data: Sequence[Mapping[str, Any]], name: str
) -> Mapping[str, Any] | None:
    """The first command's data in which this field is a number."""
    for fields in data:
        if _is_number(fields.get(name)):
            return fields
    return None


def _derive_cookie(grain: int, content: Sequence[object]) -> str:
    text = to_json([grain, *content])
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).digest()
    return str(UUID(bytes=digest[:16], version=4))


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < _MOST_SECONDS
