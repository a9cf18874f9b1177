"""Every operation and behaviour of the other systems' clients, by row; a test names in its docstring the rows it holds.

`python -m tests.clients.operations` prints the table: row, what it is, its tests.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
_SPAN = re.compile(r"\b(EX|XO|TR|HR|SG)-(\d\d)(?: to (?:\1-)?(\d\d))?\b")

OPERATIONS: Mapping[str, str] = {
    "EX-01": "identify with a string means registered",
    "EX-02": "identify with several IDs; empty ones dropped",
    "EX-03": "identify carries properties, callbacks, immediate",
    "EX-04": "anonymous events follow to the login",
    "EX-05": "an undeclared ID type discards the call",
    "EX-06": "another ID alone is another customer; both together are one",
    "EX-07": "a second login takes the device, not its history",
    "EX-08": "two hard IDs of a type never merge",
    "EX-09": "merge: direction, newer property wins, the merge event",
    "EX-10": "update creates properties on demand",
    "EX-11": "255 attributes of 16 KB",
    "EX-12": "anonymize: a new cookie, the old profile stays",
    "EX-13": "track with nested lists and objects",
    "EX-14": "default properties os, browser, device, location",
    "EX-15": "session_start, session_end, first_session are derived",
    "EX-16": "path and referrer on automatic events",
    "EX-17": "trackLink",
    "EX-18": "trackEnhancedEcommerce",
    "EX-19": "deferred bulk and immediate",
    "EX-20": "success and error callbacks",
    "EX-21": "an analytics ID undoes anonymize",
    "EX-22": "system commands of a bulk",
    "EX-23": "tracking API: customers, events, batch, time",
    "EX-24": "update_timestamp, property by property",
    "EX-25": "data API: export-one, attributes, export, events",
    "EX-26": "data API: anonymize, anonymize_bulk",
    "EX-27": "consents",
    "EX-28": "keys: Token, Basic, access_token",
    "EX-29": "error bodies",
    "EX-30": "mobile calls and their retries",
    "EX-31": "clock: system/time, age, timestamp",
    "EX-32": "the unload beacon",
    "EX-33": "link-ids, segments, transfer_identity, campaign click",
    "XO-01": "POST /{trackerKey}, an array, X-SDK",
    "XO-02": "a single activity",
    "XO-03": "the session ID is made, kept, sent with everything",
    "XO-04": "addUserIdentity",
    "XO-05": "setUserIdentities",
    "XO-06": "the first joint activity brings the session's history along",
    "XO-07": "across devices by one e-commerce ID",
    "XO-08": "segments and traits",
    "XO-09": "clearUser",
    "XO-10": "optOut, optIn",
    "XO-11": "a user of its own for one activity",
    "XO-12": "only the session ID survives a page load",
    "XO-13": "tag manager: identities as key-value pairs",
    "XO-14": "401, 422, 200 with profiles",
    "XO-15": "schema errors name the field",
    "XO-16": "actions, purchase per item, price in cents",
    "XO-17": "Do-Not-Track",
    "TR-01": "POST /track, minimal and full",
    "TR-02": "an unknown source is 401",
    "TR-03": "several events, each with its own context, options, tags, time",
    "TR-04": "no profile: one is made and answered",
    "TR-05": "an unknown profile is never adopted",
    "TR-06": "a known session restores a lost profile",
    "TR-07": "the session's profile wins",
    "TR-08": "same profile, new session: a new visit",
    "TR-09": "same session: one visit",
    "TR-10": "old profile IDs keep resolving",
    "TR-11": "no session: one is made",
    "TR-12": "static profile IDs",
    "TR-13": "profile-less, /collect, /redirect",
    "TR-14": "saveSession, saveEvents, debugger",
    "TR-15": "IDs trimmed, headers stripped",
    "TR-16": "the answer's shape, 226, null, x-process-time",
    "TR-17": "system events, visit count",
    "TR-18": "__tr_pid pass",
    "TR-19": "merge on an identification point",
    "TR-20": "mappings of consent-update, profile-update and others",
    "HR-01": "a tracking user ID is made",
    "HR-02": "a new tracking user is nobody's",
    "HR-03": "setCustomerId",
    "HR-04": "customerId in trackConversion",
    "HR-05": "earlier activity becomes the customer's",
    "HR-06": "all tracking users of a customer",
    "HR-07": "association takes a moment",
    "HR-08": "another customer ID moves this tracking user alone",
    "HR-09": "the order feed binds historic orders",
    "HR-10": "newsletter: the most recent tracking user",
    "HR-11": "view, cart, conversion",
    "HR-12": "the cart is replaced whole",
    "HR-13": "an order number counts once",
    "SG-01": "track, identify, page, screen, group, alias, batch",
    "SG-02": "short paths, text/plain",
    "SG-03": "Basic write key",
    "SG-04": "limits",
    "SG-05": "messageId counts once",
    "SG-06": "clock skew by sentAt",
    "SG-07": "gzip",
    "SG-08": "sourceConfig",
}


def rows(text: str) -> Iterator[str]:
    """The rows that a text names: `EX-04`, `EX-12 to EX-20`."""
    for system, first, last in _SPAN.findall(text):
        for number in range(int(first), int(last or first) + 1):
            yield f"{system}-{number:02d}"


def covered() -> Mapping[str, list[str]]:
    """The tests that hold each row, as pytest names them."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for row in rows(ast.get_docstring(node) or ""):
                    found[row].append(f"{path.relative_to(TESTS.parent)}::{node.name}")
    return found


if __name__ == "__main__":
    by_row = covered()
    for row, what in OPERATIONS.items():
        sys.stdout.write(f"{row}  {what}\n")
        sys.stdout.writelines(
            f"       {test}\n" for test in by_row.get(row, ["(no test)"])
        )
