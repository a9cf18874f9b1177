"""POST /data/v2/projects/{token}/...: Exponea's data and GDPR calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial

from exponea import credentials
from exponeadata import dialect
from hardlink import keys, writing
from hardlink.customer import Customer
from hardlink.errors import Forbidden, Invalid
from hardlink.events import ANSWERED
from hardlink.exports import Asked, Exports
from hardlink.http import Answer, Request, entrypoint
from hardlink.sources import Project
from hardlink.tables import clock, tables

MOST_ZIPPED = 16 * 1024 * 1024
"""Bytes of an answer that is sent as gzip: a sixth of it, as JSON of a kind comes to, is what Lambda answers."""

server_keys = keys.ServerKeys(keys.secret(os.environ["HARDLINK_SERVER_KEYS"]), clock)
exports = Exports(tables(), clock)


@partial(entrypoint, error_answer=dialect.error_answer)
def handler(request: Request) -> Answer:
    """Whoever has the private key reads everything; the consent categories are for the public key too."""
    if "{call}" not in request.route:
        return _categories(request)
    space = _readable(request)
    call = CALLS.get(request.path("call"))
    project = writing.declared().projects[space]
    return call(request, space, project) if call else dialect.no_such_call(request.path("call"))


def _readable(request: Request) -> str:
    """The project that a call may read. Raises `UnknownSource`, `Unauthorized`, `Forbidden`."""
    token, sources = request.path("token"), writing.declared()
    sources.named(token)
    found = _given(request)
    if found.kind == "public":
        raise Forbidden("a public key can't read: send Basic with a server key as its secret")
    return credentials.may_read(found, token, sources, server_keys)


def _categories(request: Request) -> Answer:
    token, sources = request.path("token"), writing.declared()
    _, _, project = sources.named(token)
    of_stream = "/streams/" in request.route
    if not (of_stream and credentials.is_of_stream(request.header("authorization"))):
        credentials.may_write(_given(request), token, sources, server_keys)
    return dialect.categories(project.consent_categories)


def _given(request: Request) -> credentials.Credentials:
    return credentials.given(request.header("authorization"), request.query("access_token"))


def _customer(request: Request, space: str, project: Project) -> Customer:
    who = dialect.who(request.json, project)
    return exports.customer(space, who.nodes, who.session)


def _export_one(request: Request, space: str, project: Project) -> Answer:
    customer = _customer(request, space, project)
    budget = exports.budget(_most(request), dialect.EVENTS_HINT)
    found = exports.events(customer, Asked(), budget)
    return Answer(dialect.one(customer, exports.values(customer), found, project))


def _attributes(request: Request, space: str, project: Project) -> Answer:
    asked = dialect.attributes(request.json)
    customer = _customer(request, space, project)
    return Answer(dialect.results(asked, customer, exports.values(customer), project, clock()))


def _events(request: Request, space: str, project: Project) -> Answer:
    asked = dialect.events(request.json)
    customer = _customer(request, space, project)
    budget = exports.budget(_most(request), dialect.EVENTS_HINT)
    found = exports.events(customer, asked, budget)
    return Answer({"success": True, "data": [dialect.event(one) for one in found]})


def _export(request: Request, space: str, project: Project) -> Answer:
    wanted = dialect.columns(request.json, project)
    budget = exports.budget(_most(request), dialect.EXPORT_HINT)
    fields, rows = dialect.table(exports.everyone(space, budget), wanted, project)
    return Answer({"success": True, "fields": fields, "data": list(budget.held(rows))})


def _anonymize(*_: object) -> Answer:
    raise Invalid(dialect.NO_ANONYMIZE)


def _most(request: Request) -> int:
    """Bytes that this answer may have."""
    return MOST_ZIPPED if "gzip" in (request.header("accept-encoding") or "") else ANSWERED


CALLS: Mapping[str, Callable[[Request, str, Project], Answer]] = {
    "export-one": _export_one,
    "attributes": _attributes,
    "events": _events,
    "export": _export,
    "anonymize": _anonymize,
    "anonymize_bulk": _anonymize,
}
