"""`/bulk`, the web SDK's one call: which cookie its commands are said under, and the commands about the SDK itself.

Source: Exponea's web SDK 3.15.0 and its snippet, recorded in a browser.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from dialects.exponea import tracking
from dialects.exponea.answers import Verdict, seconds
from dialects.exponea.tracking import COOKIE, Command, Copies, RawCommand
from hardlink.domain.errors import Invalid
from hardlink.domain.identifiers import parse_session_id
from hardlink.domain.values import to_json

_THREE_YEARS = 3 * 365 * 24 * 3600
_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]{1,128}", re.ASCII)
_VALUE = re.compile(r"[\w!#$%&'()*+./:<=>?@\[\]^`{|}~-]{1,256}", re.ASCII)
IDS = "system/ids"
_CLOCK_GRAIN = 0.02
_CLOSE = 0.3
"""Of a grain: nearer to the next one than 4 ms."""
_FAR = 1e12
"""Seconds: no clock is further."""
Found = Sequence[RawCommand | Invalid]


def cookies(found: Found, sent: str | None, browser: Iterable[str | None], fresh: str) -> list[str]:
    """The cookie for commands that name none: the one that the call itself sets or sends, else a new one.

    A new one is handed out only where it is asked for. `sent`: the browser's `xnpe_` cookie. `browser`: what else tells
    it from others; a bulk that it sends again, as the answer was lost, gets the same new cookie: the first, or where
    there is a second, that one if it is known. `fresh`: a random one.
    """
    asked = [wire for wire in found if isinstance(wire, RawCommand) and wire.name == IDS]
    named = asked[0].data.get(COOKIE) if asked else None
    usable = [one for one in (named, sent) if _is_usable(one)]
    if usable or not asked:
        return [str(one) for one in usable[:1]]
    return _first_visit(found, browser) or [fresh]


def _is_usable(cookie: object) -> bool:
    try:
        return isinstance(cookie, str) and bool(parse_session_id(cookie, COOKIE))
    except Invalid:
        return False


def set_cookie(token: str, value: str) -> dict[str, str]:
    """The header that keeps the cookie on the API's domain, for browsers that forget what a script sets."""
    name = f"xnpe_{token}"
    if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
        return {}
    flags = "Path=/; Secure; HttpOnly; SameSite=None"
    return {"set-cookie": f"{name}={value}; Max-Age={_THREE_YEARS}; {flags}"}


def tokens(found: Found) -> list[str]:
    """The project tokens that a bulk is about: of the web SDK one, and its cookie is of the first."""
    named = (
        wire.data.get("company_id") or wire.data.get("project_id")
        for wire in found
        if isinstance(wire, RawCommand)
    )
    return list(dict.fromkeys(text for text in named if isinstance(text, str)))


def understood(
    wire: RawCommand, token: str | None, now: int, copies: Copies, handed_out: str | None
) -> Iterator[Verdict | Command]:
    """What a command says; a command about the SDK itself is answered. Raises `Invalid`."""
    answer = _SYSTEM.get(wire.name)
    if answer is None:
        yield tracking.step(wire, tracking.token(wire.data), now, copies, handed_out)
        return
    yield answer(now, handed_out, wire.data)
    ids = wire.data.get("customer")
    if wire.name == IDS and token and isinstance(ids, Mapping) and any(ids.values()):
        started = wire._replace(name="crm/customers", data={"ids": {**ids, COOKIE: handed_out}})
        yield tracking.step(started, token, now, copies)


def _ids(_: int, handed_out: str | None, data: Mapping[str, Any]) -> Verdict:
    """The cookie, and the IDs that the call itself carried: a write key reads no others."""
    given = data.get("customer")
    ids = dict(given) if isinstance(given, Mapping) else {}
    return Verdict(more={"data": {**ids, COOKIE: handed_out}})


_SYSTEM: Mapping[str, Callable[[int, str | None, Mapping[str, Any]], Verdict]] = {
    IDS: _ids,
    "system/time": lambda now, _, __: Verdict(more={"time": seconds(now)}),
    "system/tracking": lambda _, __, ___: Verdict(more={"data": []}),
    "system/push-notifications-vapid-key": lambda _, __, ___: Verdict(
        taken=False, told=("web push is not offered",)
    ),
}


def _first_visit(found: Found, browser: Iterable[str | None]) -> list[str]:
    """A cookie made of when the first thing happened on the device's clock, which is the same however often it is sent.

    The SDK reads its clock anew for every sending (`clientTS`, `age`); what is left when one is taken from the other
    may be off by a millisecond or two: close to the next grain of time, its cookie comes second.
    """
    told = [wire.data for wire in found if isinstance(wire, RawCommand)]
    now = next((data["clientTS"] for data in told if _is_number(data.get("clientTS"))), None)
    first = next((data for data in told if _is_number(data.get("age"))), None)
    if now is None or first is None:
        return []
    happened = (now - first["age"]) / _CLOCK_GRAIN
    nearest = round(happened)
    beside = happened - nearest
    grains = [nearest]
    if abs(beside) > _CLOSE:
        grains.append(nearest + (1 if beside > 0 else -1))
    content = [first.get("properties"), *browser]
    return [_made_of(grain, content) for grain in grains]


def _made_of(grain: int, content: Sequence[object]) -> str:
    digest = hashlib.sha256(to_json([grain, *content]).encode(errors="surrogatepass")).digest()
    return str(UUID(bytes=digest[:16], version=4))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _FAR
