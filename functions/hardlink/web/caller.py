"""The caller of a write function: its source, its origin, its rate; and the service it calls."""

from __future__ import annotations

import os
import re
from functools import cache

from hardlink import metrics
from hardlink.domain.call import Call
from hardlink.domain.errors import Forbidden, Throttled, explain_origin
from hardlink.domain.graph import Policy
from hardlink.domain.signed_identity import Keys
from hardlink.services.service import Service
from hardlink.web import api_keys, bots
from hardlink.web.declarations import deployed_sources
from hardlink.web.rate_limit import RateLimiter
from hardlink.web.request import Request
from hardlink.web.wiring import read_clock, tables

_MILLISECONDS = re.compile("[0-9]{1,14}")
"""A time in milliseconds, up to the year 5138."""


@cache
def service() -> Service:
    """Return the service that carries out all write calls."""
    return Service(
        tables(), deployed_sources(), read_clock, signing_keys=signing_keys()
    )


@cache
def rate_limiter() -> RateLimiter:
    """Return the rate limiter of this process."""
    return RateLimiter()


def signing_keys() -> Keys | None:
    """Return the signing keys, in functions that may read them."""
    if "HARDLINK_SIGNING_KEYS" not in os.environ:
        return None
    create_reader = cache(api_keys.signing_key_reader)

    def fetch() -> api_keys.Keys:
        # The first token creates the client: calls without one need none.
        read_keys = create_reader()
        return read_keys()

    return api_keys.SigningKeys(fetch, read_clock)


def authenticate(
    request: Request, write_key: str, policy: Policy = "split", *, sent: object = None
) -> Call:
    """Authenticate a write call by its write key, its origin and the rate of its source.

    `policy`: the client system's, where the source declares none. `sent`: the device's clock in
    milliseconds, as the body has it. The header `x-timestamp` of Tracardi's tracker is none: it is
    off by the visitor's time zone (`Date.now() + getTimezoneOffset() * 60000`).

    Raises `UnknownSource`, `Forbidden` for a browser on a site that the source does not allow, and
    `Throttled`.
    """
    device_time = _parse_milliseconds(sent)
    call = service().call(
        write_key, policy=policy, evidence=request.id, sent=device_time
    )
    request.source = (call.name, call.project_id)
    _check_origin(call, request.header("origin"))
    _check_rate(call)
    # In this order, because the list of bots takes long to load and few sources need it.
    is_bot = call.source.bots == "drop" and bots.is_bot(request.header("user-agent"))
    return call._replace(bot=is_bot)


def _check_origin(call: Call, origin: str | None) -> None:
    """Check the origin that a browser sends; backends send none. Raises `Forbidden`."""
    if origin is not None and origin not in call.source.origins:
        raise Forbidden(explain_origin(call.name, origin[:200]))


def _check_rate(call: Call) -> None:
    """Hold the source of a call to its rate, and count calls beyond it. Raises `Throttled`."""
    try:
        rate_limiter().check(call.name, call.source.rate, call.now)
    except Throttled:
        metrics.count("calls_throttled")
        raise


def _parse_milliseconds(value: object) -> int | None:
    """Parse a device's clock in milliseconds to microseconds; anything else is ignored."""
    text = str(value)
    if _MILLISECONDS.fullmatch(text):
        return int(text) * 1000
    return None
