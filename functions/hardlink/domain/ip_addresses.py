"""Strip IP addresses from what clients send: they are never stored, under any usual name. Pure."""

from __future__ import annotations

import re
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
_PART_OF_NAME = re.compile("ip|addr|forwarded")
"""Every name above contains one of these."""
_WORD_SEPARATORS = str.maketrans("", "", "$_-. ")


def strip_ip_addresses(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a context, properties or attributes without IP addresses, at any depth.

    An address is told by its name alone, not by its value: versions of software look alike.
    """
    stripped: dict[str, Any] = {}
    for name, value in fields.items():
        if not _is_ip_name(name):
            stripped[name] = _strip_value(value)
    return stripped


def _strip_value(value: Any) -> Any:
    """Copy a value without IP addresses.

    Objects may stand in lists: `{"requests": [{"ip": ...}]}`.
    """
    if isinstance(value, Mapping):
        return strip_ip_addresses(value)
    if isinstance(value, list):
        return list(map(_strip_value, value))
    return value


def _is_ip_name(name: str) -> bool:
    """Tell whether a field of this name holds an IP address, in any spelling.

    Most names contain nothing of the known ones, and so need no translation.
    """
    lower = name.lower()
    if _PART_OF_NAME.search(lower) is None:
        return False
    return lower.translate(_WORD_SEPARATORS) in _NAMES
