"""Reads with a server key: customers, sessions, live; undo of links, and corrections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from customers.corrections import CorrectionCalls
from hardlink.queries.api import ReadApi
from hardlink.services.administration import Administration
from hardlink.services.answers import with_warnings
from hardlink.web import api_keys, declarations
from hardlink.web.entrypoint import entrypoint
from hardlink.web.names import read_customer_name, read_session_name
from hardlink.web.request import Request
from hardlink.web.response import Answer
from hardlink.web.wiring import read_clock, tables

# Made once a process: clients and cached keys serve all calls of it.
server_keys = api_keys.ServerKeys(api_keys.server_key_reader(), read_clock)
queries = ReadApi(tables(), declarations.deployed_sources(), read_clock)
administration = Administration(tables(), declarations.deployed_sources(), read_clock)
corrections = CorrectionCalls(
    declarations.deployed_sources().projects, queries, administration
)


@entrypoint
def handler(request: Request) -> Answer:
    """Answer a call of the project that the server key may read. Raises `Unauthorized`."""
    project_id = server_keys.project(request.header_text("authorization"))
    answer = ROUTES[request.route](project_id, request)
    return Answer(with_warnings(answer, request.unused_parameters))


def _customer(project_id: str, request: Request) -> dict[str, Any]:
    """Read a customer's values, identifiers and sessions. Raises `Invalid`, `NotFound`."""
    type_, value = read_customer_name(request)
    return queries.read_customer(project_id, type_, value, request.query)


def _customer_events(project_id: str, request: Request) -> dict[str, Any]:
    type_, value = read_customer_name(request)
    return queries.read_customer_events(project_id, type_, value, request.query)


def _export(project_id: str, request: Request) -> dict[str, Any]:
    type_, value = read_customer_name(request)
    zipped = request.accepts_gzip
    return queries.export_customer(
        project_id, type_, value, request.query, zipped=zipped
    )


def _recent(project_id: str, _: Request) -> dict[str, Any]:
    return queries.read_recent_customers(project_id)


def _why(project_id: str, request: Request) -> dict[str, Any]:
    type_, value = read_customer_name(request)
    return queries.explain_identifier(project_id, type_, value)


def _session(project_id: str, request: Request) -> dict[str, Any]:
    return queries.read_session(project_id, read_session_name(request))


def _session_events(project_id: str, request: Request) -> dict[str, Any]:
    return queries.read_session_events(
        project_id, read_session_name(request), request.query
    )


def _verdicts(project_id: str, request: Request) -> dict[str, Any]:
    return queries.read_verdicts(project_id, read_session_name(request))


def _unlink(project_id: str, request: Request) -> dict[str, Any]:
    """Undo the newest link, or the one that `evidence` in the body names."""
    evidence = request.json_object.get("evidence")
    if evidence is not None:
        evidence = str(evidence)
    administration.undo_link(project_id, read_session_name(request), evidence)
    return _session(project_id, request)


def _live(project_id: str, request: Request) -> dict[str, Any]:
    return queries.read_live(project_id, request.query)


def _tracking_user(project_id: str, request: Request) -> dict[str, Any]:
    return queries.find_tracking_user(project_id, request.query)


def _newsletter_content(project_id: str, request: Request) -> dict[str, Any]:
    return queries.read_newsletter_content(project_id, request.query)


def _project(project_id: str, _: Request) -> dict[str, Any]:
    return queries.describe_project(project_id)


ROUTES: dict[str, Callable[[str, Request], dict[str, Any]]] = {
    "GET /customers": _customer,
    "GET /customers/events": _customer_events,
    "GET /customers/export": _export,
    "GET /customers/{type}/{value}": _customer,
    "GET /customers/{type}/{value}/events": _customer_events,
    "GET /customers/{type}/{value}/export": _export,
    "GET /customers/recent": _recent,
    "GET /customers/why": _why,
    "POST /customers/merge": corrections.merge,
    "POST /customers/remove-identifier": corrections.remove_identifier,
    "POST /customers/undo": corrections.undo,
    "GET /sessions": _session,
    "GET /sessions/events": _session_events,
    "GET /sessions/verdicts": _verdicts,
    "POST /sessions/unlink": _unlink,
    "GET /sessions/{id}": _session,
    "GET /sessions/{id}/events": _session_events,
    "GET /sessions/{id}/verdicts": _verdicts,
    "POST /sessions/{id}/unlink": _unlink,
    "GET /live": _live,
    "GET /tracking-user": _tracking_user,
    "GET /newsletter/content": _newsletter_content,
    "GET /project": _project,
}
