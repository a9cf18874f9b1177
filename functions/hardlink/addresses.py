"""IP addresses are kept nowhere, under whichever of their usual names a client sends them. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMES = frozenset(
    {
        *(
            "ip",
            "$ip",
            "ips",
            "request_ip",
            "ip_address",
            "ip-address",
            "ipaddress",
            "ipv4",
            "ipv6",
        ),
        *("clientip", "client_ip", "userip", "user_ip", "remoteip", "remote_ip"),
        *("remoteaddress", "remote_addr", "sourceip", "source_ip", "x-forwarded-for", "x-real-ip"),
    }
)
"""In lower case."""


def without(said: Mapping[str, Any]) -> dict[str, Any]:
    """A context, properties or attributes without IP addresses, at whatever depth."""
    return {name: _without(value) for name, value in said.items() if name.lower() not in _NAMES}


def _without(value: Any) -> Any:
    if isinstance(value, Mapping):
        return without(value)
    if isinstance(value, list):
        return [_without(one) for one in value]
    return value
