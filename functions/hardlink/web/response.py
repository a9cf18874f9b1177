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
from hardlink.web import cors
from hardlink.web.request import Request

MOST_ANSWERED = 6_200_000
"""Bytes of an answer as Lambda counts them: 6 MB, with room for what is around the body."""

_JSON_HEADERS = {"content-type": "application/json", "cache-control": "no-store"}
"""Answers are about persons, and may change at any moment: no cache keeps them."""

_ZIPPED_FROM = 1_000_000
"""Characters from which a body is zipped."""


class Answer(NamedTuple):
    """A JSON body with a status.

    `is_refusal`: the caller may not make this call, and a page of any origin may read why.
    """

    body: Any
    status: int = 200
    headers: Mapping[str, str] = NOTHING
    is_refusal: bool = False


class File(NamedTuple):
    """A body of bytes, answered as they are."""

    content: bytes
    status: int = 200
    headers: Mapping[str, str] = NOTHING


class InternalFailure(Exception):
    """An unexpected exception, reduced to its type and place: its own text may be personal data.

    For an error of AWS the code is added: `ClientError AccessDeniedException at store.py:12`.
    """

    def __init__(self, error: BaseException) -> None:
        frames = extract_tb(error.__traceback__)
        places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]
        kind = type(error).__name__
        aws_code = getattr(error, "response", {}).get("Error", {}).get("Code")
        if aws_code:
            kind = f"{kind} {aws_code}"
        super().__init__(f"{kind} at {' > '.join(places)}")


def as_lambda_response(answer: Answer | File, request: Request) -> dict[str, Any]:
    """Convert an answer to API Gateway's payload 2.0, zipped if it is large. Raises `TooLarge`."""
    if isinstance(answer, File):
        return _file_response(answer, request)
    body = to_json(answer.body)
    headers = {
        **_JSON_HEADERS,
        "x-request-id": request.id,
        **cors.answer_headers(request, is_refusal=answer.is_refusal),
        **answer.headers,
    }
    response = {"statusCode": answer.status, "headers": headers, "body": body}
    if len(body) < _ZIPPED_FROM:
        return response
    if request.accepts_gzip:
        # The quickest level: the caller waits, and the answer is sent once.
        headers["content-encoding"] = "gzip"
        body = base64.b64encode(gzip.compress(body.encode(), 1)).decode()
        response |= {"body": body, "isBase64Encoded": True}
    if _size_in_lambda(body) > MOST_ANSWERED:
        raise TooLarge(
            "the answer is too large: ask for less, or send Accept-Encoding: gzip"
        )
    return response


def _file_response(file: File, request: Request) -> dict[str, Any]:
    """Convert a file: API Gateway takes bytes as base64."""
    cors_headers = cors.answer_headers(request, is_refusal=False)
    headers = {
        "x-request-id": request.id,
        **cors_headers,
        **file.headers,
        **_join_vary(cors_headers, file.headers),
    }
    return {
        "statusCode": file.status,
        "headers": headers,
        "body": base64.b64encode(file.content).decode(),
        "isBase64Encoded": True,
    }


def _join_vary(*parts: Mapping[str, str]) -> dict[str, str]:
    """Join the headers `vary` of the parts of an answer; no header where none of them has one.

    A cache must look at all of them: at the origin of a page, and at what its file depends on.
    """
    varies = [headers["vary"] for headers in parts if "vary" in headers]
    if not varies:
        return {}
    return {"vary": ", ".join(dict.fromkeys(varies))}


def _size_in_lambda(body: str) -> int:
    """Count the bytes of a body as Lambda does: as a string within JSON."""
    return len(json.dumps(body, ensure_ascii=False).encode())
