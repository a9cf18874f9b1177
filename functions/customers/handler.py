"""The read calls, and undo: everything that needs a server key."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hardlink.queries.api import Reading
from hardlink.web import api_keys, caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer
from hardlink.web.wiring import read_clock, tables

server_keys = api_keys.ServerKeys(api_keys.secret(os.environ["HARDLINK_SERVER_KEYS"]), read_clock)
reading = Reading(tables(), caller.declared(), read_clock)

ROUTES: dict[str, Callable[[str, Request], dict[str, Any]]] = {
    "GET /customers/{type}/{value}": lambda project_id, r: reading.customer(
        project_id, r.path("type"), r.path("value")
    ),
    "GET /customers/{type}/{value}/events": lambda project_id, r: reading.customer_events(
        project_id, r.path("type"), r.path("value"), r.query
    ),
    "GET /customers/{type}/{value}/export": lambda project_id, r: reading.export(
        project_id, r.path("type"), r.path("value"), r.query, zipped=_zipped(r)
    ),
    "GET /sessions/{id}": lambda project_id, r: reading.session(project_id, r.path("id")),
    "GET /sessions/{id}/events": lambda project_id, r: reading.session_events(
        project_id, r.path("id"), r.query
    ),
    "GET /sessions/{id}/verdicts": lambda project_id, r: reading.verdicts(project_id, r.path("id")),
    "GET /live": lambda project_id, r: reading.live(project_id, r.query),
    "GET /project": lambda project_id, _: reading.project(project_id),
    "POST /sessions/{id}/unlink": lambda project_id, r: reading.unlink(
        project_id, r.path("id"), _evidence(r)
    ),
    "GET /tracking-user": lambda project_id, r: reading.tracking_user(project_id, r.query),
}


def _zipped(request: Request) -> bool:
    return "gzip" in (request.header("accept-encoding") or "")


def _evidence(request: Request) -> str | None:
    """Which link to take back, if the call says so."""
    body = request.json if request.has_body else None
    evidence = body.get("evidence") if isinstance(body, dict) else None
    return None if evidence is None else str(evidence)


@entrypoint
def handler(request: Request) -> Answer:
    """See `Reading`; the server key says which project may be read."""
    project_id = server_keys.project(request.header("authorization"))
    return Answer(ROUTES[request.route](project_id, request))
