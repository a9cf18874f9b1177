"""An HTTP response as API Gateway (HTTP API, payload 2.0) expects it."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from traceback import extract_tb
from typing import Any, NamedTuple

from hardlink.domain.errors import TooLarge
from hardlink.domain.graph import NOTHING
from hardlink.domain.values import to_json
from hardlink.web.request import Request

MOST_ANSWERED = 6_200_000
"""Bytes of an answer as Lambda counts them: 6 MB, with room for what is around the body."""

_JSON = {"content-type": "application/json", "cache-control": "no-store"}
"""Of every answer that is no file: it is about somebody, and holds for this moment."""

_LARGE = 1_000_000


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


class InternalFailure(Exception):
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


def as_lambda_response(answer: Answer | File, request: Request) -> dict[str, Any]:
    """Convert an answer to API Gateway's payload 2.0, zipped where it is large. Raises `TooLarge`."""
    if isinstance(answer, File):
        return {
            "statusCode": answer.status,
            "headers": {"x-request-id": request.id, **answer.headers},
            "body": base64.b64encode(answer.content).decode(),
            "isBase64Encoded": True,
        }
    body = to_json(answer.body)
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
