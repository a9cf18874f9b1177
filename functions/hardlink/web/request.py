"""An HTTP request as API Gateway (HTTP API, payload 2.0) sends it."""

from __future__ import annotations

import base64
import json
import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from hardlink.domain.errors import TooLarge, UnreadableBody
from hardlink.domain.json_types import as_object
from hardlink.domain.values import LeftOut, describe_first, name_path

MOST_BYTES = 5 * 1024 * 1024
"""Bytes of a body: what seed 004 allows one customer (255 values of 16 KB); Lambda takes 6 MB."""

MOST_LEVELS = 64
"""Levels of objects and arrays in a body: whatever is stored can be read and answered."""

MOST_CONTAINERS = 100_000
"""Objects and arrays in a body: 5 MiB of empty ones would take 150 MB of memory.

Brackets within strings count as well, which keeps the check quick.
"""

MOST_GZIP_MEMBERS = 100
"""Members of a gzip body: each copies all bytes behind it, so many of them would take a minute."""

_GZIP_FORMAT, _ZLIB_FORMAT, _RAW_FORMAT = 31, 15, -15
"""Window bits with which zlib expects headers of gzip, of zlib, or none."""
_GZIP_MAGIC = b"\x1f\x8b"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffd]")
"""Characters that no text body has. API Gateway may put U+FFFD for bytes that are no UTF-8."""

NOT_FINITE = "not a finite number, left out"
_MARK = object()
"""Stands for a number that is not finite until the body is parsed."""

Event = Mapping[str, Any]
Path = tuple[str | int, ...]
"""Names and numbers that lead to a part of a body."""


class _Parsed(NamedTuple):
    value: object
    not_finite: Sequence[Path]


class Request:
    """One HTTP request. `event`: API Gateway's payload 2.0."""

    def __init__(self, event: Event) -> None:
        self._event = event
        self._asked: set[str] = set()
        self.source: tuple[str, str] | None = None
        """Source and project of the call, once its key was read.

        A call with a server key comes from no source: the name is empty.
        """

    @property
    def id(self) -> str:
        """The request ID of API Gateway, which is in the answer's headers and in the logs."""
        return str(self._event["requestContext"]["requestId"])

    @property
    def route(self) -> str:
        """The route, such as `POST /track`."""
        return str(self._event["routeKey"])

    @property
    def method(self) -> str:
        """The HTTP method, in capitals."""
        return str(self._event["requestContext"]["http"]["method"])

    @property
    def raw_path(self) -> str:
        """The path as it was called, decoded."""
        return str(self._event["rawPath"])

    def header(self, name: str) -> str | None:
        """Return a header by its lower-case name, `None` if it was not sent.

        API Gateway joins the values of a repeated header with commas.
        """
        headers: Mapping[str, str] = self._event.get("headers", {})
        return headers.get(name)

    def header_text(self, name: str) -> str:
        """Return a header as `header` does, but an empty text if it was not sent."""
        return self.header(name) or ""

    def has_path(self, name: str) -> bool:
        """True if the route has a path parameter of this name."""
        return name in self._named("pathParameters")

    def path(self, name: str) -> str:
        """Return a path parameter, decoded. Raises `KeyError` where the route has none."""
        return str(self._event["pathParameters"][name])

    def query(self, name: str) -> str | None:
        """Return a query parameter, decoded; `None` if it was not sent."""
        self._asked.add(name)
        return self._named("queryStringParameters").get(name)

    def _named(self, part: str) -> Mapping[str, str]:
        """Return the parameters in a part of the event, which API Gateway leaves out or null."""
        return self._event.get(part) or {}

    @property
    def accepts_gzip(self) -> bool:
        """True if the client accepts a gzip answer."""
        return "gzip" in self.header_text("accept-encoding")

    @property
    def address(self) -> str:
        """The client's IP address, which is never stored (see `ip_addresses`)."""
        return str(self._event["requestContext"]["http"]["sourceIp"])

    @property
    def parameters(self) -> dict[str, Any]:
        """All query parameters, decoded; a repeated one is a list."""
        parameters = _parse_form(str(self._event.get("rawQueryString", "")))
        self._asked.update(parameters)
        return parameters

    @property
    def unused_parameters(self) -> list[LeftOut]:
        """The query parameters that nothing has asked for."""
        sent = self._named("queryStringParameters")
        unused = [name for name in sent if name not in self._asked]
        return list(describe_first(unused, _describe_unused, "query"))

    def cookie(self, name: str) -> str | None:
        """Return a cookie by its name, as the browser sent it: not decoded."""
        for cookie in self._event.get("cookies") or ():
            cookie_name, _, value = cookie.partition("=")
            if cookie_name.strip() == name:
                return str(value)
        return None

    @property
    def fields(self) -> object:
        """The body as JSON or as a form; `{}` without a body.

        Raises `UnreadableBody`, `TooLarge`.
        """
        if not self.has_body:
            return {}
        content_type = self.header_text("content-type").partition(";")[0]
        if content_type.strip().lower() == "application/x-www-form-urlencoded":
            return _parse_form(self.raw.decode(errors="replace"))
        return self.json

    @property
    def has_body(self) -> bool:
        """True if the request has a body."""
        return bool(self._event.get("body"))

    @property
    def json(self) -> object:
        """The body as JSON, whatever its Content-Type. Raises `UnreadableBody`, `TooLarge`.

        Without numbers that are not finite, which Python's clients send though JSON has none: a
        member of an object goes, an element of an array becomes null.
        """
        return self._parsed.value

    @property
    def json_object(self) -> Mapping[str, Any]:
        """The body as JSON if it is an object, else an empty one, also without a body.

        For bodies that a client may leave out. Raises `UnreadableBody`, `TooLarge`.
        """
        if not self.has_body:
            return {}
        return as_object(self.json)

    @property
    def not_finite(self) -> Sequence[Path]:
        """The places of numbers that are not finite in the body, once it is parsed."""
        # a body may also be a form, which is never parsed as JSON
        if "_parsed" not in vars(self):
            return ()
        return self._parsed.not_finite

    @property
    def left_out(self) -> Sequence[LeftOut]:
        """The numbers that are not finite, for the warnings of a native call."""
        return describe_first(self.not_finite, _describe_not_finite, "body")

    @cached_property
    def _parsed(self) -> _Parsed:
        """The body as JSON, once for all that ask. Raises `UnreadableBody`, `TooLarge`."""
        numbers = _NumberParser()
        value = _parse_bounded_json(self.raw, numbers)
        not_finite: list[Path] = []
        if not numbers.found_not_finite:  # as in nearly every body
            return _Parsed(value, not_finite)
        return _Parsed(_keep_finite(value, (), not_finite), not_finite)

    @cached_property
    def raw(self) -> bytes:
        """The body, decoded and decompressed. Raises `UnreadableBody`, `TooLarge`."""
        encoding = self.header_text("content-encoding").strip().lower()
        raw = _decompress(self._encoded_body(), encoding)
        if len(raw) > MOST_BYTES:
            raise _body_too_large()
        return raw

    def _encoded_body(self) -> bytes:
        """Decode the body as API Gateway encodes it: base64 where it is not text.

        Empty without a body. Raises `UnreadableBody`.
        """
        body = self._event.get("body") or ""
        try:
            if self._event.get("isBase64Encoded"):
                return base64.b64decode(body, validate=True)
            return str(body).encode()
        except ValueError as error:
            raise UnreadableBody("the body cannot be decoded: send UTF-8") from error


def _decompress(raw: bytes, encoding: str) -> bytes:
    """Decompress a body as its content shows, because some clients send a wrong header or none.

    `encoding`: its Content-Encoding. Raises `UnreadableBody` naming it, `TooLarge`.
    """
    if raw.startswith(_GZIP_MAGIC):
        return decompress_gzip(raw)
    if encoding in ("", "identity"):
        return _check_unzipped(raw)
    if _is_text(raw):
        return raw
    if encoding == "deflate":
        return _decompress_deflate(raw)
    if encoding in ("gzip", "x-gzip"):
        raise UnreadableBody(
            f"the body is not valid gzip, though its Content-Encoding is {encoding}"
        )
    raise UnreadableBody(
        f"Content-Encoding {encoding[:64]!r} cannot be read: "
        "send gzip, deflate, or an uncompressed body"
    )


def _check_unzipped(raw: bytes) -> bytes:
    """Refuse a gzip body that API Gateway took for text, because no header says that it is none."""
    if raw.startswith(_GZIP_MAGIC[:1]):
        raise UnreadableBody(
            "the body seems to be gzip: send it with Content-Encoding: gzip"
        )
    return raw


def _is_text(raw: bytes) -> bool:
    """Tell whether a body is text, and so not compressed, whatever its header says."""
    try:
        return _CONTROL.search(raw.decode()) is None
    except UnicodeDecodeError:
        return False


def _decompress_deflate(raw: bytes) -> bytes:
    """Decompress a deflate body; some clients send it without the header of zlib.

    Raises `UnreadableBody`, `TooLarge`.
    """
    for wbits in (_ZLIB_FORMAT, _RAW_FORMAT):
        decompressor = zlib.decompressobj(wbits=wbits)
        try:
            content = decompressor.decompress(raw, MOST_BYTES + 1)
        except zlib.error:
            continue
        _check_room(content, decompressor.unconsumed_tail)
        if decompressor.eof:
            return content
    raise UnreadableBody(
        "the body is not valid deflate, though its Content-Encoding is deflate"
    )


def decompress_gzip(raw: bytes) -> bytes:
    """Decompress a gzip body of one or several members. Raises `UnreadableBody`, `TooLarge`.

    Never more is decompressed than a body may have, so that a small one can't fill the memory.
    """
    content, members = b"", 0
    # Members may follow each other: gzip files are joined by writing one behind the other.
    while raw:
        members += 1
        if members > MOST_GZIP_MEMBERS:
            raise TooLarge(f"more than {MOST_GZIP_MEMBERS} gzip members: send one")
        decompressor = zlib.decompressobj(wbits=_GZIP_FORMAT)
        room = MOST_BYTES + 1 - len(content)
        try:
            content += decompressor.decompress(raw, room)
        except zlib.error as error:
            raise UnreadableBody("the body is not valid gzip") from error
        _check_room(content, decompressor.unconsumed_tail)
        if not decompressor.eof:
            raise UnreadableBody("the gzip body is incomplete")
        raw = decompressor.unused_data
    return content


def _check_room(content: bytes, unconsumed: bytes) -> None:
    """Raise `TooLarge` if a body has more than it may have.

    `content`: what was decompressed so far; `unconsumed`: what was left for want of room.
    """
    if unconsumed or len(content) > MOST_BYTES:
        raise _body_too_large()


def _parse_bounded_json(raw: bytes, numbers: _NumberParser) -> object:
    """Parse JSON of a bounded size and depth. Raises `UnreadableBody`, `TooLarge`.

    Numbers that are not finite are marks yet.
    """
    brackets = raw.count(b"[") + raw.count(b"{")
    if brackets > MOST_CONTAINERS:
        raise TooLarge(f"more than {MOST_CONTAINERS} of [ and {{: send it in parts")
    value = _parse_json(raw, numbers)
    # Most bodies have fewer brackets than levels are allowed, and need no second look.
    if brackets > MOST_LEVELS and _count_levels(value) > MOST_LEVELS:
        raise UnreadableBody(f"nested deeper than {MOST_LEVELS} levels: flatten it")
    return value


class _NumberParser:
    """Parses numbers; `NaN`, `Infinity` and `1e999` become the mark of one that is not finite."""

    found_not_finite = False

    def parse(self, text: str) -> object:
        """Parse a number with a point or an exponent, or a name of one that is not finite."""
        number = float(text)
        if math.isfinite(number):
            return number
        self.found_not_finite = True
        return _MARK


def _parse_json(raw: bytes, numbers: _NumberParser) -> object:
    """Parse JSON as RFC 8259 has it. Raises `UnreadableBody` with the place of the fault."""
    try:
        return json.loads(raw, parse_constant=numbers.parse, parse_float=numbers.parse)
    except RecursionError as error:
        reason = "it is nested too deeply"
        raise UnreadableBody(f"the body is not valid JSON: {reason}") from error
    except ValueError as error:
        reason = str(error)[:200]
        raise UnreadableBody(f"the body is not valid JSON: {reason}") from error


def _keep_finite(value: object, path: Path, not_finite: list[Path]) -> object:
    """Leave out the marks of numbers that are not finite, and list where they stood.

    It calls itself for each level, of which a body has few (`MOST_LEVELS`).
    """
    if value is _MARK:
        not_finite.append(path)
        return None
    if isinstance(value, list):
        return [
            _keep_finite(member, (*path, number), not_finite)
            for number, member in enumerate(value)
        ]
    if not isinstance(value, dict):
        return value
    kept: dict[str, object] = {}
    for name, member in value.items():
        member_path = (*path, name)
        if member is _MARK:
            not_finite.append(member_path)
        else:
            kept[name] = _keep_finite(member, member_path, not_finite)
    return kept


def format_path(path: Path) -> str:
    """Format a path as `events[0].properties.price`."""
    text = ""
    for step in path:
        text = f"{text}[{step}]" if isinstance(step, int) else name_path(text, step)
    return text.removeprefix(".")


def _describe_unused(name: str) -> LeftOut:
    """Say that a query parameter was not used, so that a misspelled one is noticed."""
    path = name_path("", name).removeprefix(".")
    return LeftOut(path, "not a parameter of this call, ignored")


def _describe_not_finite(path: Path) -> LeftOut:
    """Say that a number was left out of the body, and where it stood."""
    return LeftOut(format_path(path), NOT_FINITE)


def _parse_form(text: str) -> dict[str, Any]:
    """Parse URL-encoded fields to `{"a": "1", "b": ["2", "3"]}`: a repeated one is a list."""
    values: dict[str, list[str]] = {}
    # Blank values too: a form field that was left empty was still sent.
    for name, value in parse_qsl(text, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    fields: dict[str, Any] = dict(values)
    for name, found in values.items():
        if len(found) == 1:
            fields[name] = found[0]
    return fields


def _count_levels(value: object) -> int:
    """Count the levels of objects and arrays.

    Without recursion, which would overflow the stack where the body is hostile.
    """
    depth = 0
    level = _containers([value])
    while level:
        depth += 1
        members: list[object] = []
        for container in level:
            members += container.values() if isinstance(container, dict) else container
        level = _containers(members)
    return depth


def _containers(values: Iterable[object]) -> list[dict[str, object] | list[object]]:
    """Take the objects and arrays among values: only they have a level below."""
    return [value for value in values if isinstance(value, dict | list)]


def _body_too_large() -> TooLarge:
    """Make the error of a body with more than `MOST_BYTES`, sent so or decompressed to so many."""
    return TooLarge(f"the body has more than {MOST_BYTES} bytes: send it in parts")
