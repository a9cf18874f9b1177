"""Erases customers and visitors: by a call with a server key, and then by the queue of erasures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from hardlink.domain.times import MINUTE
from hardlink.log import logger
from hardlink.services.administration import Administration
from hardlink.services.erasure.sweep import AT_ONCE, ErasureSweep
from hardlink.storage import erasure_queue
from hardlink.web import api_keys, declarations
from hardlink.web.entrypoint import entrypoint
from hardlink.web.names import read_customer_name, read_session_name
from hardlink.web.request import Request
from hardlink.web.response import Answer, InternalFailure
from hardlink.web.wiring import read_clock, tables

server_keys = api_keys.ServerKeys(api_keys.server_key_reader(), read_clock)
administration = Administration(tables(), declarations.deployed_sources(), read_clock)
sweep = ErasureSweep(tables(), read_clock)
_ACCEPTED = 202
_LONGEST = 10 * MINUTE
"""Time of one message, of the quarter of an hour that Lambda allows: what is left comes again."""


def _erase_customer(project_id: str, request: Request) -> Answer:
    """Begin the erasure of a customer and all that is theirs; 202 with the erasure's ID."""
    type_, value = read_customer_name(request)
    return Answer(administration.erase_customer(project_id, type_, value), _ACCEPTED)


def _erase_session(project_id: str, request: Request) -> Answer:
    """Begin the erasure of a visitor by a session; 202 with the erasure's ID."""
    session_id = read_session_name(request)
    return Answer(administration.erase_session(project_id, session_id), _ACCEPTED)


def _read_erasure(project_id: str, request: Request) -> Answer:
    """Answer how far an erasure has come. Raises `NotFound` for an unknown ID."""
    return Answer(administration.read_erasure(project_id, request.path("id")))


ROUTES: dict[str, Callable[[str, Request], Answer]] = {
    "POST /customers/erase": _erase_customer,
    "POST /customers/{type}/{value}/erase": _erase_customer,
    "POST /sessions/erase": _erase_session,
    "POST /sessions/{id}/erase": _erase_session,
    "GET /erasures/{id}": _read_erasure,
}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle a call of the API, or messages of the queue of erasures.

    `event`: API Gateway's payload 2.0, or a batch of SQS messages; the answer has the form of
    either.
    """
    if "Records" in event:
        return handle_messages(event)
    return handle_call(event, context)


@entrypoint
def handle_call(request: Request) -> Answer:
    """Answer a call about the project of the server key.

    Raises `Unauthorized`, and what the call of the route raises.
    """
    project_id = server_keys.project(request.header_text("authorization"))
    return ROUTES[request.route](project_id, request)


def handle_messages(event: dict[str, Any]) -> dict[str, Any]:
    """Carry out the erasures of messages; those that are not done are delivered again.

    Answers the IDs of these as Lambda reads them: `batchItemFailures`.
    """
    unfinished: list[dict[str, str]] = []
    for message in event["Records"]:
        wait = _sweep_erasure(message)
        if wait:
            _postpone(message, wait)
            unfinished.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": unfinished}


def _sweep_erasure(message: dict[str, Any]) -> int:
    """Carry one erasure on; return after how many microseconds to go on, 0 where it is done."""
    try:
        return _carry_on(*erasure_queue.parse_message(message["body"]))
    except Exception as error:  # noqa: BLE001 - one that fails must keep back no other
        _log_failure("not swept", message, error)
        # A minute later after each failure, so that a broken one does not fill the log.
        return int(message["attributes"]["ApproximateReceiveCount"]) * MINUTE


def _carry_on(project_id: str, erasure_id: str) -> int:
    """Sweep an erasure in bounded runs, as long as there is something to do and there is time.

    Returns after how many microseconds to go on; 0: it is done. What a run has not reached is in
    the tables, so the next one, of this or another process, goes on there.
    """
    end = read_clock() + _LONGEST
    while True:
        wait = sweep.sweep(project_id, erasure_id)
        if wait != AT_ONCE or read_clock() >= end:
            return wait


def _postpone(message: dict[str, Any], wait: int) -> None:
    """Let the queue deliver a message after so many microseconds. Raises nothing."""
    try:
        queue = erasure_queue.find_queue(message["eventSourceARN"])
        queue.postpone(message["receiptHandle"], wait)
    except Exception as error:  # noqa: BLE001 - the queue delivers it again anyway, only later
        _log_failure("not put off", message, error)


def _log_failure(fault: str, message: dict[str, Any], error: Exception) -> None:
    """Log which erasure failed, and where; its message is hashed, as it names a customer."""
    hashed = hashlib.sha256(message["body"].encode()).hexdigest()[:16]
    logger.error(fault, erasure=hashed, why=str(InternalFailure(error)))
