"""Cookies of the web SDK: the session of commands that name none.

Source: Exponea's web SDK 3.15.0 and its snippet, recorded in a browser.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from dialects.exponea.commands import COOKIE
from dialects.exponea.requests import (
    RawCommand,
    RawCommands,
    command_data,
    well_formed,
)
from dialects.exponea.system_commands import IDS
from hardlink.domain.errors import Invalid
from hardlink.domain.identifiers import parse_session_id
from hardlink.domain.json_types import is_number
from hardlink.domain.times import SECOND
from hardlink.domain.values import to_json

_THREE_YEARS = 3 * 365 * 24 * 3600
_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]{1,128}", re.ASCII)
_VALUE = re.compile(r"[\w!#$%&'()*+./:<=>?@\[\]^`{|}~-]{1,256}", re.ASCII)
_MOST_SECONDS = 1e12


class FirstBulk(NamedTuple):
    """The browser of a bulk call that asks for a cookie.

    `fingerprint`: a digest of the browser and of its first event; `happened`: the time of that
    event, and `sent`: of the call, both on the device's clock, microseconds.
    """

    fingerprint: str
    happened: int
    sent: int


def choose_cookie(raw_commands: RawCommands, sent: str | None) -> str | None:
    """Choose the cookie that the bulk sets, else the one that the browser sends.

    `sent`: the browser's `xnpe_` cookie. `None` where neither can be used: the SDK keeps its
    cookie, so an unusable one would be refused in every later call.
    """
    # Only the first command that asks for the cookie may set it.
    candidates: list[object] = [
        command.data.get(COOKIE) for command in _list_asking(raw_commands)[:1]
    ]
    for cookie in (*candidates, sent):
        if _is_usable(cookie):
            return str(cookie)
    return None


def asks_for_cookie(raw_commands: RawCommands) -> bool:
    """Tell whether a bulk asks for the visitor's cookie, as the first one of a visit does."""
    return bool(_list_asking(raw_commands))


def read_first_bulk(
    raw_commands: RawCommands, browser: Iterable[str | None]
) -> FirstBulk | None:
    """Read what recognizes a first bulk that is sent again; `None` if it tells no times.

    `browser`: what tells it from others. The SDK reads its clock anew for every sending
    (`clientTS`, `age`), so the time of the first event is their difference.
    """
    data = command_data(raw_commands)
    clock = _first_number(data, "clientTS")
    first = _first_number(data, "age")
    if clock is None or first is None:
        return None
    content = to_json([first.get("properties"), *browser])
    digest = hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()
    happened = clock["clientTS"] - first["age"]
    return FirstBulk(digest, _to_micros(happened), _to_micros(clock["clientTS"]))


def build_cookie_header(token: str, value: str) -> dict[str, str]:
    """Build the header that stores the cookie on the API's domain, for three years.

    Some browsers soon delete cookies that a script sets. Without a header where the token or the
    value has characters that a cookie must not have: a browser would drop it, or read another one.
    """
    name = f"xnpe_{token}"
    if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
        return {}
    # `SameSite=None` because the shop's pages are on another site than the API.
    flags = "Path=/; Secure; HttpOnly; SameSite=None"
    return {"set-cookie": f"{name}={value}; Max-Age={_THREE_YEARS}; {flags}"}


def _is_usable(cookie: object) -> bool:
    """Tell whether a cookie can be a session's ID."""
    if not isinstance(cookie, str):
        return False
    try:
        parse_session_id(cookie, COOKIE)
    except Invalid:
        return False
    return True


def _list_asking(raw_commands: RawCommands) -> list[RawCommand]:
    """List the commands of a bulk that ask for the visitor's cookie."""
    return [raw for raw in well_formed(raw_commands) if raw.name == IDS]


def _to_micros(seconds: float) -> int:
    """Convert a time of the SDK, in seconds with fractions, to microseconds."""
    return round(seconds * SECOND)


def _first_number(
    data: Sequence[Mapping[str, Any]], name: str
) -> Mapping[str, Any] | None:
    """Find the data of the first command in which this field is a number of seconds.

    Numbers that no clock can show count as none.
    """
    for fields in data:
        if _is_seconds(fields.get(name)):
            return fields
    return None


def _is_seconds(value: object) -> bool:
    """Tell whether a value is a number that can be a time or an age, before microseconds."""
    return is_number(value) and abs(value) < _MOST_SECONDS
