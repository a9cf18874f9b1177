"""Strip IP addresses from what clients send: they are never stored, under any usual name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMES = frozenset(
    {
        "ip",
        "ips",
        "ipaddress",
        "ipaddr",
        "ipv4",
        "ipv6",
        "requestip",
        "hostip",
        "visitorip",
        "clientip",
        "clientipaddress",
        "userip",
        "useripaddress",
        "remoteip",
        "remoteipaddress",
        "remoteaddress",
        "remoteaddr",
        "sourceip",
        "sourceipaddress",
        "httpclientip",
        "lastip",
        "xforwardedfor",
        "httpxforwardedfor",
        "xrealip",
        "xclientip",
        "cfconnectingip",
        "trueclientip",
    }
)
"""Lower-case names without word separators."""
_WORD_SEPARATORS = str.maketrans("", "", "$_-. ")


def strip_ip_addresses(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a context, properties or attributes without IP addresses, at any depth."""
    stripped: dict[str, Any] = {}
    for name, value in fields.items():
        if not _is_ip_name(name):
            stripped[name] = _strip_value(value)
    return stripped


def _strip_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return strip_ip_addresses(value)
    # Objects may stand in lists: `{"requests": [{"ip": ...}]}`.
    if isinstance(value, list):
        return [_strip_value(member) for member in value]
    return value


def _is_ip_name(name: str) -> bool:
    lower = name.lower()
    # Every name above contains one of these: most others need no translation.
    if "ip" in lower or "addr" in lower or "forwarded" in lower:
        return lower.translate(_WORD_SEPARATORS) in _NAMES
    return False
