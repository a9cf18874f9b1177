"""POST /data/v2/projects/{token}/...: Exponea's data and GDPR calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial

from dialects.exponea import credentials, data_api
from hardlink.domain.errors import Forbidden, Invalid
from hardlink.domain.events import MOST_ANSWERED_BYTES
from hardlink.domain.sources import Project
from hardlink.queries.customer import Customer
from hardlink.queries.export_reader import ExportReader, ExportRequest
from hardlink.web import api_keys, caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer
from hardlink.web.wiring import read_clock, tables

MOST_ZIPPED = 16 * 1024 * 1024
"""Bytes of an answer that is sent as gzip: a sixth of it, as JSON of a kind comes to, is what Lambda answers."""

server_keys = api_keys.ServerKeys(
    api_keys.secret_reader(os.environ["HARDLINK_SERVER_KEYS"]), read_clock
)
exports = ExportReader(tables(), read_clock)


@partial(entrypoint, error_answer=data_api.error_answer)
def handler(request: Request) -> Answer:
    """Whoever has the private key reads everything; the consent categories are for the public key too."""
    if "{call}" not in request.route:
        return _categories(request)
    project_id = _readable(request)
    call = CALLS.get(request.path("call"))
    project = caller.deployed_sources().projects[project_id]
    return (
        call(request, project_id, project) if call else data_api.no_such_call(request.path("call"))
    )


def _readable(request: Request) -> str:
    """The project that a call may read. Raises `UnknownSource`, `Unauthorized`, `Forbidden`."""
    token, sources = request.path("token"), caller.deployed_sources()
    sources.named(token)
    found = _given(request)
    if found.kind == "public":
        raise Forbidden("a public key can't read: send Basic with a server key as its secret")
    return credentials.may_read(found, token, sources, server_keys)


def _categories(request: Request) -> Answer:
    token, sources = request.path("token"), caller.deployed_sources()
    _, _, project = sources.named(token)
    of_stream = "/streams/" in request.route
    if not (of_stream and credentials.is_of_stream(request.header("authorization"))):
        credentials.may_write(_given(request), token, sources, server_keys)
    return data_api.categories(project.consent_categories)


def _given(request: Request) -> credentials.Credentials:
    return credentials.given(request.header("authorization"), request.query("access_token"))


def _customer(request: Request, project_id: str, project: Project) -> Customer:
    who = data_api.who(request.json, project)
    return exports.find_customer(project_id, who.nodes, who.session)


def _export_one(request: Request, project_id: str, project: Project) -> Answer:
    customer = _customer(request, project_id, project)
    budget = exports.open_budget(_most(request), data_api.EVENTS_HINT)
    found = exports.read_events(customer, ExportRequest(), budget)
    return Answer(data_api.one(customer, exports.read_values(customer), found, project))


def _attributes(request: Request, project_id: str, project: Project) -> Answer:
    asked = data_api.attributes(request.json)
    customer = _customer(request, project_id, project)
    return Answer(
        data_api.results(asked, customer, exports.read_values(customer), project, read_clock())
    )


def _events(request: Request, project_id: str, project: Project) -> Answer:
    asked = data_api.events(request.json)
    customer = _customer(request, project_id, project)
    budget = exports.open_budget(_most(request), data_api.EVENTS_HINT)
    found = exports.read_events(customer, asked, budget)
    return Answer({"success": True, "data": [data_api.event(one) for one in found]})


def _export(request: Request, project_id: str, project: Project) -> Answer:
    wanted = data_api.columns(request.json, project)
    budget = exports.open_budget(_most(request), data_api.EXPORT_HINT)
    fields, rows = data_api.table(exports.read_all_customers(project_id, budget), wanted, project)
    return Answer({"success": True, "fields": fields, "data": list(budget.charge(rows))})


def _anonymize(*_: object) -> Answer:
    raise Invalid(data_api.NO_ANONYMIZE)


def _most(request: Request) -> int:
    """Bytes that this answer may have."""
    return (
        MOST_ZIPPED if "gzip" in (request.header("accept-encoding") or "") else MOST_ANSWERED_BYTES
    )


CALLS: Mapping[str, Callable[[Request, str, Project], Answer]] = {
    "export-one": _export_one,
    "attributes": _attributes,
    "events": _events,
    "export": _export,
    "anonymize": _anonymize,
    "anonymize_bulk": _anonymize,
}
