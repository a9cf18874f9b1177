"""Erases customers and visitors: by a call with a server key, and then by the queue of erasures."""

from __future__ import annotations

import hashlib
import os
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

server_keys = api_keys.ServerKeys(
    api_keys.secret_reader(os.environ["HARDLINK_SERVER_KEYS"]), read_clock
)
administration = Administration(tables(), declarations.deployed_sources(), read_clock)
sweep = ErasureSweep(tables(), read_clock)
_ACCEPTED = 202
_LONGEST = 10 * MINUTE
"""Time of one message, of the quarter of an hour that Lambda allows: what is left comes again."""


def _erase_customer(project_id: str, request: Request) -> Answer:
    type_, value = read_customer_name(request)
    return Answer(administration.erase_customer(project_id, type_, value), _ACCEPTED)


def _erase_session(project_id: str, request: Request) -> Answer:
    return Answer(
        administration.erase_session(project_id, read_session_name(request)), _ACCEPTED
    )


def _read_erasure(project_id: str, request: Request) -> Answer:
    return Answer(administration.read_erasure(project_id, request.path("id")))


ROUTES: dict[str, Callable[[str, Request], Answer]] = {
    "POST /customers/erase": _erase_customer,
    "POST /customers/{type}/{value}/erase": _erase_customer,
    "POST /sessions/erase": _erase_session,
    "POST /sessions/{id}/erase": _erase_session,
    "GET /erasures/{id}": _read_erasure,
}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle a call of the API, or messages of the queue of erasures."""
    return handle_messages(event) if "Records" in event else handle_call(event, context)


@entrypoint
def handle_call(request: Request) -> Answer:
    """Answer a call about the project of the server key. Raises `Unauthorized`."""
    project_id = server_keys.project(request.header("authorization"))
    return ROUTES[request.route](project_id, request)


def handle_messages(event: dict[str, Any]) -> dict[str, Any]:
    """Carry out the erasures of messages; those that are not done are delivered again."""
    unfinished = [
        message for message in event["Records"] if not _sweep_erasure(message)
    ]
    return {
        "batchItemFailures": [{"itemIdentifier": m["messageId"]} for m in unfinished]
    }


def _sweep_erasure(message: dict[str, Any]) -> bool:
    """Carry one erasure on; `False` where it is to be delivered again."""
    try:
        wait = _carry_on(*erasure_queue.parse_message(message["body"]))
    except Exception as error:  # noqa: BLE001 - one that fails must keep back no other
        _log_failure("not swept", message, error)
        # A minute later after each failure, so that a broken one does not fill the log.
        wait = int(message["attributes"]["ApproximateReceiveCount"]) * MINUTE
    if wait:
        _postpone(message, wait)
    return not wait


def _carry_on(project_id: str, erasure_id: str) -> int:
    """Sweep an erasure in bounded runs, as long as there is something to do and there is time.

    Answers after how many microseconds to go on; 0: it is done.
    """
    end = read_clock() + _LONGEST
    while True:
        wait = sweep.sweep(project_id, erasure_id)
        if wait != AT_ONCE or read_clock() >= end:
            return wait


def _postpone(message: dict[str, Any], wait: int) -> None:
    try:
        erasure_queue.open_queue().postpone(message["receiptHandle"], wait)
    except Exception as error:  # noqa: BLE001 - the queue delivers it again anyway, only later
        _log_failure("not put off", message, error)


def _log_failure(fault: str, message: dict[str, Any], error: Exception) -> None:
    hashed = hashlib.sha256(message["body"].encode()).hexdigest()[:16]
    logger.error(fault, erasure=hashed, why=str(InternalFailure(error)))
