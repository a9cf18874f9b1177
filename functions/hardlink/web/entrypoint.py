"""Turn a function of a request into a Lambda handler."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from hardlink import metrics
from hardlink.domain.errors import Failed, HardlinkError, is_refusal
from hardlink.log import flush_metrics, logger
from hardlink.web.request import Event, Request
from hardlink.web.response import Answer, File, InternalFailure, as_lambda_response

_CLIENT_ERROR, _SERVER_ERROR = 400, 500

_FAILED_MESSAGE = (
    "an error of the service: send the call again, and if it stays, "
    "quote the header x-request-id to whoever runs the service"
)

LambdaHandler = Callable[[Event, object], dict[str, Any]]

ErrorAnswer = Callable[[HardlinkError], Answer]
RecordRefusal = Callable[[Request, HardlinkError], None]


def native_error(error: HardlinkError) -> Answer:
    """Format an error as the native calls answer it."""
    return Answer(error.body(), error.status)


def entrypoint(
    handle: Callable[[Request], Answer | File],
    error_answer: ErrorAnswer = native_error,
    record_refusal: RecordRefusal | None = None,
) -> LambdaHandler:
    """Create a Lambda handler that answers errors, and logs one line per call.

    The line has the request's ID and nothing that the caller sent. `error_answer` formats errors
    for the clients of another system. Any other exception is answered 500 `internal`, logged by its
    kind and place, and counted as `calls_failed`. It is not raised, because a page cannot read the
    500 that API Gateway answers then: that one has no CORS headers. `record_refusal` gets the
    errors of calls that the live list shows.
    """

    @wraps(handle)
    def handler(event: Event, context: object) -> dict[str, Any]:
        request = Request(event)
        code = why = None
        try:
            response = as_lambda_response(handle(request), request)
        except HardlinkError as error:
            code = error.code
            response = _error_response(error_answer(error), error, request)
            if record_refusal:
                record_refusal(request, error)
        except Exception as error:  # noqa: BLE001 - the log must not show the exception's own text
            failed = Failed(_FAILED_MESSAGE)
            code = failed.code
            response = _error_response(error_answer(failed), failed, request)
            metrics.count("calls_failed")
            why = str(InternalFailure(error))
        flush_metrics()  # also of calls that fail, which are counted as well
        _log_call(request, context, response["statusCode"], code, why)
        return response

    return handler


def _error_response(
    answer: Answer, error: HardlinkError, request: Request
) -> dict[str, Any]:
    """Convert the answer of an error; `retry-after` tells when to send the call again."""
    answer = answer._replace(is_refusal=is_refusal(error))
    response = as_lambda_response(answer, request)
    if error.retry_after:
        response["headers"]["retry-after"] = str(error.retry_after)
    return response


def _log_call(
    request: Request, context: object, status: int, code: str | None, why: str | None
) -> None:
    """Log a line that the IDs of API Gateway and of Lambda find.

    `why`: kind and place of an exception that no code expects.
    """
    fields: dict[str, Any] = {
        "route": request.route,
        "status": status,
        "request_id": request.id,
    }
    message = "answered"
    if code:
        fields["code"] = code
    if why:
        message = "failed"
        fields["why"] = why
    lambda_request_id = getattr(context, "aws_request_id", None)
    if lambda_request_id:
        fields["function_request_id"] = lambda_request_id
    if status >= _SERVER_ERROR:
        logger.error(message, extra=fields)
    elif status >= _CLIENT_ERROR:
        logger.warning(message, extra=fields)
    else:
        logger.info(message, extra=fields)
