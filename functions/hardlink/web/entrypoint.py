"""Turn a function of a request into a Lambda handler."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from hardlink.domain.errors import HardlinkError
from hardlink.log import flush_metrics, logger
from hardlink.web.request import Event, Request
from hardlink.web.response import Answer, File, InternalFailure, as_lambda_response

_ERRORS, _FAULTS = 400, 500
"""From which status on an answer is the caller's error, and from which on ours."""

LambdaHandler = Callable[[Event, object], dict[str, Any]]

ErrorAnswer = Callable[[HardlinkError], Answer]


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
            response = as_lambda_response(handle(request), request)
        except HardlinkError as error:
            code = error.code
            response = as_lambda_response(error_answer(error), request)
            if error.retry_after:
                response["headers"]["retry-after"] = str(error.retry_after)
        except Exception as error:  # noqa: BLE001 - of whatever kind
            _log(request, context, "failed", 500, type(error).__name__)
            raise InternalFailure(
                error
            ) from None  # Lambda logs it, and API Gateway answers 500 under the same ID
        finally:
            flush_metrics()
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
