"""What the write functions share: the service of this deployment, and who calls it."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from hardlink import sources
from hardlink.call import Call
from hardlink.errors import Forbidden
from hardlink.http import Request
from hardlink.service import Service
from hardlink.sources import Policy, Sources
from hardlink.tables import clock, tables

_DIGITS = 14
"""Of milliseconds, up to the year 5138."""


@cache
def declared() -> Sources:
    """The sources of this deployment."""
    return sources.deployed(Path(os.environ["HARDLINK_SOURCES"]))


@cache
def service() -> Service:
    """All write calls."""
    return Service(tables(), declared(), clock)


def call(request: Request, write_key: str, policy: Policy = "move") -> Call:
    """Who calls; `policy`: of their system, where the source declares none.

    Raises `UnknownSource`, and `Forbidden` where a browser calls from another site.
    """
    found = service().call(write_key, policy=policy, evidence=request.id, sent=_sent(request))
    origin = request.header("origin")
    if origin is not None and origin not in found.source.origins:
        raise Forbidden(
            f"source {found.name!r} does not allow calls from {origin[:200]}: add it to its origins"
        )
    return found


def _sent(request: Request) -> int | None:
    """The device's clock in Tracardi's `x-timestamp`: milliseconds."""
    text = request.header("x-timestamp") or ""
    return int(text) * 1000 if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None
