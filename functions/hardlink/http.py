"""Between API Gateway (HTTP API, payload 2.0) and the library: requests in, answers out."""

from __future__ import annotations

import base64
import gzip
import json
import math
import zlib
from collections.abc import Callable, Mapping
from functools import cached_property, wraps
from pathlib import Path
from traceback import extract_tb
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from hardlink.errors import HardlinkError, Invalid, TooLarge
from hardlink.log import logger, tell
from hardlink.nodes import NOTHING
from hardlink.values import dump

MOST_BYTES = 5 * 1024 * 1024
"""Largest body: what seed 004 allows one customer (255 values of 16 KB) fits; Lambda itself takes 6 MB."""

DEEPEST = 64
"""Levels of objects and lists in a body: what is stored can always be read and answered."""
MOST_BRACKETS = 100_000
"""Objects and lists in a body: 5 MiB of the smallest would take 150 MB. Those in strings count, to be quick."""
MOST_MEMBERS = 100
"""Of a gzip body: to take the next one copies all that is left, so many of them would take a minute."""
MOST_ANSWERED = 6_200_000
"""Bytes of an answer as Lambda counts them: 6 MB, with room for what is around the body."""
_JSON = {"content-type": "application/json", "cache-control": "no-store"}
"""Of every answer that is no file: it is about somebody, and holds for this moment."""
_LARGE = 1_000_000
_ERRORS, _FAULTS = 400, 500
"""From which status on an answer is the caller's error, and from which on ours."""

Event = Mapping[str, Any]
LambdaHandler = Callable[[Event, object], dict[str, Any]]
ErrorAnswer = Callable[[HardlinkError], "Answer"]


class Answer(NamedTuple):
    """What is answered: JSON, and a status."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = NOTHING


class File(NamedTuple):
    """What is answered as it is, whatever it is: its bytes."""

    content: bytes
    status: int = 200
    headers: Mapping[str, str] = NOTHING


class Failure(Exception):
    """A fault of ours, told by its kind and place alone: what it says itself may be what somebody sent.

    Of an answer of AWS's its kind is told too: `ClientError AccessDeniedException`.
    """

    def __init__(self, error: BaseException) -> None:
        places = (
            f"{Path(frame.filename).name}:{frame.lineno}"
            for frame in extract_tb(error.__traceback__)
        )
        code = getattr(error, "response", {}).get("Error", {}).get("Code")
        kind = f"{type(error).__name__} {code}" if code else type(error).__name__
        super().__init__(f"{kind} at {' > '.join(places)}")


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
        if brackets > MOST_BRACKETS:
            raise TooLarge(f"more than {MOST_BRACKETS} of [ and {{: send it in parts")
        try:
            found: object = json.loads(raw, parse_constant=_finite, parse_float=_finite)
        except (ValueError, RecursionError) as error:
            raise Invalid(f"the body is no JSON: {_reason(error)}", code="bad_json") from error
        if brackets > DEEPEST and _depth(found) > DEEPEST:
            raise Invalid(f"nested deeper than {DEEPEST} levels: flatten it", code="bad_json")
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
            raw = unzipped(raw)
        if len(raw) > MOST_BYTES:
            raise _too_large()
        return raw


def native_error(error: HardlinkError) -> Answer:
    """An error as the native calls answer it."""
    return Answer(error.body(), error.status)


def entrypoint(
    handle: Callable[[Request], Answer | File], error_answer: ErrorAnswer = native_error
) -> LambdaHandler:
    """A Lambda handler: every error is an answer that says what to do, and a line in the log that its ID finds.

    Raises `Failure` for a fault of ours.

    `error_answer`: an error in the words of the client's own system. No line says anything that a caller sent.
    """

    @wraps(handle)
    def handler(event: Event, context: object) -> dict[str, Any]:
        request = Request(event)
        code = None
        try:
            response = _response(handle(request), request)
        except HardlinkError as error:
            code = error.code
            response = _response(error_answer(error), request)
            if error.retry_after:
                response["headers"]["retry-after"] = str(error.retry_after)
        except Exception as error:  # noqa: BLE001 - of whatever kind
            _log(request, context, "failed", 500, type(error).__name__)
            raise Failure(
                error
            ) from None  # Lambda logs it, and API Gateway answers 500 under the same ID
        finally:
            tell()
        _log(request, context, "answered", response["statusCode"], code)
        return response

    return handler


def _log(request: Request, context: object, what: str, status: int, code: str | None) -> None:
    """A line that is found by the ID of the request, and by that of Lambda's own lines about it."""
    line: dict[str, Any] = {"route": request.route, "status": status, "request_id": request.id}
    if code:
        line["code"] = code
    if called := getattr(context, "aws_request_id", None):
        line["function_request_id"] = called
    write = logger.info if status < _ERRORS else logger.warning
    if status >= _FAULTS:
        write = logger.error
    write(what, extra=line)


def _response(answer: Answer | File, request: Request) -> dict[str, Any]:
    if isinstance(answer, File):
        return {
            "statusCode": answer.status,
            "headers": {"x-request-id": request.id, **answer.headers},
            "body": base64.b64encode(answer.content).decode(),
            "isBase64Encoded": True,
        }
    body = dump(answer.body)
    headers = {**_JSON, "x-request-id": request.id, **answer.headers}
    response = {"statusCode": answer.status, "headers": headers, "body": body}
    if len(body) < _LARGE:
        return response
    if "gzip" in (request.header("accept-encoding") or ""):
        headers["content-encoding"] = "gzip"
        body = base64.b64encode(gzip.compress(body.encode(), 1)).decode()
        response |= {"body": body, "isBase64Encoded": True}
    if len(json.dumps(body, ensure_ascii=False).encode()) > MOST_ANSWERED:
        raise TooLarge("the answer is too large: ask for less, or send Accept-Encoding: gzip")
    return response


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


def unzipped(raw: bytes) -> bytes:
    """A gzip body, of one member or of some. Raises `Invalid`, `TooLarge`."""
    found, members = b"", 0
    while raw:
        members += 1
        if members > MOST_MEMBERS:
            raise TooLarge(f"more than {MOST_MEMBERS} gzip members: send one")
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
