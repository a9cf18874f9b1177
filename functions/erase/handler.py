"""Erasing somebody, by a call with a server key; and the rest of it, by the queue of erasures that began."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Any

from hardlink.domain.call import new_id
from hardlink.domain.times import MINUTE
from hardlink.log import logger
from hardlink.services import erasure
from hardlink.services.administration import Administration
from hardlink.services.erasure_sweep import ErasureSweep
from hardlink.storage import erasure_queue
from hardlink.web import api_keys, caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer, InternalFailure
from hardlink.web.wiring import read_clock, tables

server_keys = api_keys.ServerKeys(
    api_keys.secret_reader(os.environ["HARDLINK_SERVER_KEYS"]), read_clock
)
administration = Administration(tables(), caller.deployed_sources(), read_clock)
sweeping = ErasureSweep(tables(), read_clock, erasure.Erasure(tables(), read_clock, new_id))
_ACCEPTED = 202

ROUTES: dict[str, Callable[[str, Request], Answer]] = {
    "POST /customers/{type}/{value}/erase": lambda project_id, r: Answer(
        administration.erase_customer(project_id, r.path("type"), r.path("value")), _ACCEPTED
    ),
    "POST /sessions/{id}/erase": lambda project_id, r: Answer(
        administration.erase_session(project_id, r.path("id")), _ACCEPTED
    ),
    "GET /erasures/{id}": lambda project_id, r: Answer(
        administration.read_erasure(project_id, r.path("id"))
    ),
}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A call of the API, or messages about erasures that began."""
    return swept(event) if "Records" in event else answered(event, context)


@entrypoint
def answered(request: Request) -> Answer:
    """Answer a call about the project of the server key. Raises `Unauthorized`."""
    project_id = server_keys.project(request.header("authorization"))
    return ROUTES[request.route](project_id, request)


def swept(event: dict[str, Any]) -> dict[str, Any]:
    """Each message names an erasure, which comes again until it is done: once nothing older is under way any more."""
    unfinished = [message for message in event["Records"] if not _is_done(message)]
    return {"batchItemFailures": [{"itemIdentifier": m["messageId"]} for m in unfinished]}


def _is_done(message: dict[str, Any]) -> bool:
    """Carry one on; what fails comes again, each time a minute later, and keeps back no other."""
    try:
        wait = sweeping.sweep(*erasure_queue.parse_message(message["body"]))
    except Exception as error:  # noqa: BLE001 - of whatever kind
        _tell("not swept", message, error)
        wait = int(message["attributes"]["ApproximateReceiveCount"]) * MINUTE
    if wait:
        _put_off(message, wait)
    return not wait


def _put_off(message: dict[str, Any], wait: int) -> None:
    try:
        erasure_queue.open_queue().postpone(message["receiptHandle"], wait)
    except Exception as error:  # noqa: BLE001 - it comes again anyway, when the queue shows it
        _tell("not put off", message, error)


def _tell(what: str, message: dict[str, Any], error: Exception) -> None:
    hidden = hashlib.sha256(message["body"].encode()).hexdigest()[:16]
    logger.error(what, erasure=hidden, why=str(InternalFailure(error)))
