"""Bodies that nobody would send: valid ones with a few things wrong, and bytes that are none."""

from __future__ import annotations

import copy
import gzip
import random
from collections.abc import Iterator
from typing import Any

NOISE: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        1.5,
        -0.0,
        1e308,
        -1e308,
        10**30,
        -(10**30),
        2**53,
        1767322800,
        "",
        " ",
        "a",
        "x" * 300,
    ),
    *(
        "null",
        "undefined",
        "nan",
        "Infinity",
        "\x00",
        "\ud800",
        "😀",
        "é" * 200,
        "2026-01-01",
        "{}",
        "[]",
        "a/b",
        "\uffff",
        "#",
        "=",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        {"": None},
        {"id": None},
        {"id": ""},
        {"id": "s-1"},
        {"type": "a"},
        ["a"] * 300,
    ),
    *(
        {"a": {"b": {"c": [1, {"d": None}]}}},
        {"registered": "r-1"},
        {"email": "x@y.z"},
        {"phone": 1},
        {"é": 1},
    ),
    *(
        {str(n): n for n in range(256)},
        "x" * 17_000,
        [{"type": "a"}, 1, None, {"type": ""}],
        "denied",
        "granted",
    ),
]
KEYS = [
    *(
        "source",
        "session",
        "profile",
        "context",
        "properties",
        "events",
        "options",
        "ids",
        "segments",
        "traits",
    ),
    *(
        "time",
        "token",
        "tracking",
        "erase",
        "id",
        "type",
        "tags",
        "debugger",
        "save",
        "saveSession",
        "insert",
        "order",
        "number",
        "total",
        "email",
        "consents",
    ),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place inside a JSON value."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, one in inner:
        yield (*path, name)
        yield from places(one, (*path, name))


def mutated(rng: random.Random, body: dict[str, Any]) -> Any:
    """A valid body with a few things wrong."""
    body = copy.deepcopy(body)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 6))):
        found = list(places(body))
        if not found:
            break  # nothing is left that could be wrong
        *path, last = rng.choice(found)
        holder: Any = body
        for name in path:
            holder = holder[name]
        what = rng.random()
        if what < 0.15:
            del holder[last]
        elif what < 0.75 or not isinstance(holder, dict):
            holder[last] = copy.deepcopy(rng.choice(NOISE))
        else:
            holder[rng.choice(KEYS)] = copy.deepcopy(rng.choice(NOISE))
    return body


def on_the_wire(rng: random.Random, text: bytes) -> tuple[bytes, dict[str, str]]:
    """Bytes and headers: mostly as they should be."""
    what = rng.random()
    headers = dict(
        [
            rng.choice(
                (
                    ("content-type", "application/json"),
                    ("content-type", "text/plain"),
                    ("x-a", "b"),
                )
            )
        ]
    )
    if what < 0.03:
        return rng.randbytes(rng.randrange(60)), headers
    if what < 0.06:
        return text[: rng.randrange(len(text) + 1)], headers
    if what < 0.09 and text:
        place = rng.randrange(len(text))
        return text[:place] + rng.randbytes(rng.randrange(1, 4)) + text[
            place + 1 :
        ], headers
    if what < 0.14:
        return gzip.compress(text), {**headers, "content-encoding": "gzip"}
    if what < 0.16:
        return text, {**headers, "content-encoding": "gzip"}
    if what < 0.20:
        return text, {
            **headers,
            "x-timestamp": rng.choice(("1767322800000", "x", "-1", "9" * 30, "")),
        }
    if what < 0.23:
        return text, {
            **headers,
            "origin": rng.choice(
                ("https://shop.example", "null", "https://evil.example")
            ),
        }
    return text, headers
