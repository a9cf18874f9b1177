"""What the write functions share: the service of this deployment, and who calls it."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from hardlink import metrics
from hardlink.domain import sources
from hardlink.domain.call import Call
from hardlink.domain.errors import Forbidden, Throttled
from hardlink.domain.signed_identity import Keys
from hardlink.domain.sources import Policy, Sources
from hardlink.services.service import Service
from hardlink.web import api_keys, bots
from hardlink.web.rate_limit import RateLimiter
from hardlink.web.request import Request
from hardlink.web.wiring import read_clock, tables

_DIGITS = 14
"""Of milliseconds, up to the year 5138."""


@cache
def deployed_sources() -> Sources:
    """The sources of this deployment."""
    return sources.load_deployed(Path(os.environ["HARDLINK_SOURCES"]))


@cache
def service() -> Service:
    """All write calls."""
    return Service(tables(), deployed_sources(), read_clock, signing_keys=_signing_keys())


@cache
def rate_limiter() -> RateLimiter:
    """What holds back sources that call too often, in this process."""
    return RateLimiter()


def _signing_keys() -> Keys | None:
    """Those of this deployment, for functions that may read them."""
    names = os.environ.get("HARDLINK_SIGNING_KEYS")
    if names is None:
        return None
    secrets = cache(lambda: api_keys.secret_reader(names))

    def fetch() -> api_keys.Keys:  # only who checks a token waits for its client
        return secrets()()

    return api_keys.SigningKeys(fetch, read_clock)


def authenticate(
    request: Request, write_key: str, policy: Policy = "move", *, sent: object = None
) -> Call:
    """Who calls; `policy`: of their system, where the source declares none.

    `sent`: the device's clock in the body, milliseconds; a header `x-timestamp` (Tracardi's) says it as well.

    Raises `UnknownSource`, `Forbidden` where a browser calls from another site, and `Throttled`.
    """
    told = _sent(request.header("x-timestamp") or sent)
    found = service().call(write_key, policy=policy, evidence=request.id, sent=told)
    origin = request.header("origin")
    if origin is not None and origin not in found.source.origins:
        raise Forbidden(
            f"source {found.name!r} does not allow calls from {origin[:200]}: add it to its origins"
        )
    try:
        rate_limiter().check(found.name, found.source.rate, found.now)
    except Throttled:
        metrics.count("calls_throttled")
        raise
    is_bot = found.source.bots == "drop" and bots.is_bot(request.header("user-agent"))
    return found._replace(bot=is_bot)


def _sent(told: object) -> int | None:
    """The device's clock when it sent the call, microseconds, from the milliseconds that it tells."""
    text = str(told)
    return int(text) * 1000 if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None
