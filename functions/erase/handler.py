"""Erasing somebody, by a call with a server key; and the rest of it, by the stream of `customers`."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from typing import Any

from hardlink import erasing, keys, layout, writing
from hardlink.call import new_id
from hardlink.http import Answer, Failure, Request, entrypoint
from hardlink.instants import SECOND
from hardlink.log import logger
from hardlink.reading import Reading
from hardlink.sweeping import Sweeping
from hardlink.tables import clock, tables

server_keys = keys.ServerKeys(keys.secret(os.environ["HARDLINK_SERVER_KEYS"]), clock)
reading = Reading(tables(), writing.declared(), clock)
sweeping = Sweeping(tables(), clock, erasing.Erasing(tables(), clock, new_id))
_ACCEPTED = 202
_SHORTEST = SECOND // 10

ROUTES: dict[str, Callable[[str, Request], Answer]] = {
    "POST /customers/{type}/{value}/erase": lambda space, r: Answer(
        reading.erase_customer(space, r.path("type"), r.path("value")), _ACCEPTED
    ),
    "POST /sessions/{id}/erase": lambda space, r: Answer(
        reading.erase_session(space, r.path("id")), _ACCEPTED
    ),
    "GET /erasures/{id}": lambda space, r: Answer(reading.erasure(space, r.path("id"))),
}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A call of the API, or records of erasures that began."""
    return _swept(event) if "Records" in event else answered(event, context)


@entrypoint
def answered(request: Request) -> Answer:
    """See `Reading`; the server key says which project it is about."""
    space = server_keys.project(request.header("authorization"))
    return ROUTES[request.route](space, request)


def _swept(event: dict[str, Any]) -> dict[str, Any]:
    """Carry out what began, all of it once and then, as soon as nothing older is under way, once more."""
    waiting = {record["dynamodb"]["SequenceNumber"]: record for record in event["Records"]}
    failed: list[dict[str, str]] = []
    while waiting:
        waits: list[int] = []
        for number, record in list(waiting.items()):
            wait = _sweep(record)
            if wait:
                waits.append(wait)
                continue
            del waiting[number]
            if wait is None:
                failed.append({"itemIdentifier": number})
        if waits:
            time.sleep(max(_SHORTEST, *waits) / SECOND)
    return {"batchItemFailures": failed}


def _sweep(record: dict[str, Any]) -> int | None:
    """See `Sweeping.sweep`; nothing where it failed: the record comes again."""
    space, rest = layout.project_of(record["dynamodb"]["Keys"]["customer"]["S"])
    try:
        return sweeping.sweep(space, rest.removeprefix(f"{layout.ERASURE}/"))
    except Exception as error:  # noqa: BLE001 - of whatever kind
        hidden = hashlib.sha256(rest.encode()).hexdigest()[:16]
        logger.error("not swept", erasure=hidden, why=str(Failure(error)))
        return None
