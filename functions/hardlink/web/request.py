"""An HTTP request as API Gateway (HTTP API, payload 2.0) hands it over."""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from hardlink.domain.errors import Invalid, TooLarge

MOST_BYTES = 5 * 1024 * 1024
"""Largest body: what seed 004 allows one customer (255 values of 16 KB) fits; Lambda itself takes 6 MB."""

MOST_LEVELS = 64
"""Levels of objects and lists in a body: what is stored can always be read and answered."""

MOST_CONTAINERS = 100_000
"""Objects and lists in a body: 5 MiB of the smallest would take 150 MB. Those in strings count, to be quick."""

MOST_GZIP_MEMBERS = 100
"""Of a gzip body: to take the next one copies all that is left, so many of them would take a minute."""

Event = Mapping[str, Any]


class Request:
    """One HTTP request as API Gateway hands it over."""

    def __init__(self, event: Event) -> None:
        self._event = event

    @property
    def id(self) -> str:
        """The ID that API Gateway gave it: a client can quote it, the logs have it."""
        return str(self._event["requestContext"]["requestId"])

    @property
    def route(self) -> str:
        """`POST /track`."""
        return str(self._event["routeKey"])

    def header(self, name: str) -> str | None:
        """A header by its lower-case name."""
        value = self._event.get("headers", {}).get(name)
        return None if value is None else str(value)

    def path(self, name: str) -> str:
        """A part of the path, decoded."""
        return str(self._event["pathParameters"][name])

    def query(self, name: str) -> str | None:
        """A query parameter, decoded."""
        value = (self._event.get("queryStringParameters") or {}).get(name)
        return None if value is None else str(value)

    @property
    def accepts_gzip(self) -> bool:
        """Whether the client accepts a gzip answer."""
        return "gzip" in (self.header("accept-encoding") or "")

    @property
    def address(self) -> str:
        """Where it came from."""
        return str(self._event["requestContext"]["http"]["sourceIp"])

    @property
    def parameters(self) -> dict[str, Any]:
        """Every query parameter, decoded: a list where it is there more than once."""
        return _fields(str(self._event.get("rawQueryString", "")))

    def cookie(self, name: str) -> str | None:
        """A cookie that the browser sent along."""
        pairs = (cookie.partition("=") for cookie in self._event.get("cookies") or ())
        return next((value for found, _, value in pairs if found.strip() == name), None)

    @property
    def fields(self) -> object:
        """The body as JSON, or the fields of a form; an empty one has none. Raises `Invalid`, `TooLarge`."""
        if not self.has_body:
            return {}
        type_ = (self.header("content-type") or "").partition(";")[0].strip().lower()
        if type_ == "application/x-www-form-urlencoded":
            return _fields(self.raw.decode(errors="replace"))
        return self.json

    @property
    def has_body(self) -> bool:
        """Whether anything was sent."""
        return bool(self._event.get("body"))

    @cached_property
    def json(self) -> object:
        """The body as JSON, whatever its Content-Type, unzipped where it is zipped. Raises `Invalid`, `TooLarge`."""
        raw = self.raw
        brackets = raw.count(b"[") + raw.count(b"{")
        if brackets > MOST_CONTAINERS:
            raise TooLarge(f"more than {MOST_CONTAINERS} of [ and {{: send it in parts")
        try:
            found: object = json.loads(raw, parse_constant=_finite, parse_float=_finite)
        except (ValueError, RecursionError) as error:
            raise Invalid(f"the body is no JSON: {_reason(error)}", code="bad_json") from error
        if brackets > MOST_LEVELS and _depth(found) > MOST_LEVELS:
            raise Invalid(f"nested deeper than {MOST_LEVELS} levels: flatten it", code="bad_json")
        return found

    @cached_property
    def raw(self) -> bytes:
        """The body, unzipped where it is said to be zipped. Raises `Invalid`, `TooLarge`."""
        body = self._event.get("body") or ""
        try:
            raw = (
                base64.b64decode(body, validate=True)
                if self._event.get("isBase64Encoded")
                else body.encode()
            )
        except ValueError as error:
            raise Invalid("the body can't be decoded: send UTF-8", code="bad_json") from error
        if (self.header("content-encoding") or "").strip().lower() == "gzip":
            raw = decompress_gzip(raw)
        if len(raw) > MOST_BYTES:
            raise _too_large()
        return raw


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:32]} is no JSON number that can be kept")
    return number


def _fields(text: str) -> dict[str, Any]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return {name: some if len(some) > 1 else some[0] for name, some in found.items()}


def decompress_gzip(raw: bytes) -> bytes:
    """A gzip body, of one member or of some. Raises `Invalid`, `TooLarge`."""
    found, members = b"", 0
    while raw:
        members += 1
        if members > MOST_GZIP_MEMBERS:
            raise TooLarge(f"more than {MOST_GZIP_MEMBERS} gzip members: send one")
        unzip = zlib.decompressobj(wbits=31)
        try:
            found += unzip.decompress(raw, MOST_BYTES + 1 - len(found))
        except zlib.error as error:
            raise Invalid("the body is said to be gzip, and is not", code="bad_json") from error
        if unzip.unconsumed_tail or len(found) > MOST_BYTES:
            raise _too_large()
        if not unzip.eof:
            raise Invalid("the gzip body ends too early", code="bad_json")
        raw = unzip.unused_data
    return found


def _depth(value: object) -> int:
    """How many levels of objects and lists there are, without a call for each."""
    depth, level = 0, [value]
    while level := [v for v in level if isinstance(v, list | dict)]:
        depth += 1
        level = [i for v in level for i in (v.values() if isinstance(v, dict) else v)]
    return depth


def _too_large() -> TooLarge:
    return TooLarge(f"the body has more than {MOST_BYTES} bytes: send it in parts")


def _reason(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
