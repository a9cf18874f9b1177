"""IP addresses are kept nowhere, under whichever of their usual names a client sends them. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMES = frozenset(
    {
        *("ip", "ips", "ipaddress", "ipaddr", "ipv4", "ipv6", "requestip", "hostip", "visitorip"),
        *("clientip", "clientipaddress", "userip", "useripaddress", "remoteip", "remoteipaddress"),
        *("remoteaddress", "remoteaddr", "sourceip", "sourceipaddress", "httpclientip", "lastip"),
        *("xforwardedfor", "httpxforwardedfor", "xrealip", "xclientip", "cfconnectingip"),
        "trueclientip",
    }
)
"""In lower case, without what stands between words."""
_BETWEEN = str.maketrans("", "", "$_-. ")


def strip_ip_addresses(said: Mapping[str, Any]) -> dict[str, Any]:
    """A context, properties or attributes without IP addresses, at whatever depth."""
    return {name: _without(value) for name, value in said.items() if not _is_address(name)}


def _without(value: Any) -> Any:
    if isinstance(value, Mapping):
        return strip_ip_addresses(value)
    if isinstance(value, list):
        return [_without(one) for one in value]
    return value


def _is_address(name: str) -> bool:
    lower = name.lower()
    hinted = "ip" in lower or "addr" in lower or "forwarded" in lower  # else it can't be: quick
    return hinted and lower.translate(_BETWEEN) in _NAMES
