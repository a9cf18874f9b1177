"""The data API's calls: authenticate, read, answer. Reading is the library's (`queries`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from dialects.exponea import credentials, data_answers, data_requests
from dialects.exponea.data_answers import Viewed
from hardlink.domain.errors import Forbidden, Invalid
from hardlink.domain.events import MOST_ANSWERED_BYTES
from hardlink.domain.sources.registry import Project
from hardlink.queries.computed import ComputedValues
from hardlink.queries.customer import Customer
from hardlink.queries.export_budget import Budget
from hardlink.queries.export_reader import ExportReader, ExportRequest
from hardlink.web import declarations
from hardlink.web.api_keys import ServerKeys
from hardlink.web.request import Request
from hardlink.web.response import Answer
from hardlink.web.wiring import read_clock

MOST_ZIPPED_BYTES = 16 * 1024 * 1024
"""Of an answer before it is zipped. JSON of one kind shrinks to a sixth, which Lambda answers."""
_EVENTS_HINT = (
    "ask customers/events for fewer event_types, or for a part at a time with limit and skip; "
    "every answer holds more with Accept-Encoding: gzip"
)
_EXPORT_HINT = (
    "name the attributes that you need ({'type': 'some', 'list': [...]}), "
    "send Accept-Encoding: gzip, or ask for customers one by one with customers/export-one"
)
_NO_ANONYMIZE = (
    "anonymizing is not offered, and nothing was changed: "
    "POST /customers/erase?<type>=<value> forgets a customer with all their events, "
    "POST /consent opts a visitor out"
)


class Readers(NamedTuple):
    """What reads whole customers, and what computes their traits and segments."""

    exports: ExportReader
    computed: ComputedValues


class DataCall:
    """One call about customers, by a private key."""

    def __init__(self, readers: Readers, request: Request, project_id: str) -> None:
        self._exports = readers.exports
        self._computed = readers.computed
        self._request = request
        self._project_id = project_id
        self._project: Project = declarations.deployed_sources().projects[project_id]

    def export_one(self) -> Answer:
        """Everything about a customer."""
        customer = self._find_customer()
        events = self._exports.read_events(
            customer, ExportRequest(), self._budget(_EVENTS_HINT)
        )
        return data_answers.answer_customer(self._view(customer), events)

    def read_attributes(self) -> Answer:
        """Some attributes of a customer."""
        attributes = data_requests.read_attributes(self._request.json)
        viewed = self._view(self._find_customer())
        viewed = viewed._replace(computed=self._compute(attributes, viewed))
        return data_answers.answer_attributes(attributes, viewed, read_clock())

    def _compute(
        self, attributes: Sequence[object], viewed: Viewed
    ) -> Mapping[str, Any]:
        """Compute the traits and segments that attributes name: no event is read for others."""
        catalogue = self._computed.catalogue(self._project_id)
        wanted = data_requests.list_computed(attributes, catalogue)
        if not (wanted.traits or wanted.segments):
            return viewed.computed
        reading = self._computed.read(self._project_id, viewed.customer, wanted)
        return self._computed.compute(self._project_id, reading, viewed.values, wanted)

    def read_events(self) -> Answer:
        """Events of a customer."""
        wanted = data_requests.read_events_request(self._request.json)
        customer = self._find_customer()
        events = self._exports.read_events(customer, wanted, self._budget(_EVENTS_HINT))
        return data_answers.answer_events(events)

    def export(self) -> Answer:
        """Every customer of the project."""
        columns = data_requests.read_columns(self._request.json, self._project)
        budget = self._budget(_EXPORT_HINT)
        customers = self._exports.read_all_customers(self._project_id, budget)
        fields, rows = data_answers.build_table(customers, columns, self._project)
        return data_answers.answer_export(fields, budget.charge(rows))

    def refuse_anonymize(self) -> Answer:
        """Exponea's anonymizing keeps the events, which would join the visitor again."""
        raise Invalid(_NO_ANONYMIZE)

    def _find_customer(self) -> Customer:
        """Find the customer whom the body names. Raises `Invalid`, `NotFound`."""
        visitor = data_requests.read_visitor(self._request.json, self._project)
        return self._exports.find_customer(
            self._project_id, visitor.nodes, visitor.session
        )

    def _view(self, customer: Customer) -> Viewed:
        """Read the values of a customer, for the parts of an answer that show them."""
        return Viewed(customer, self._exports.read_values(customer), self._project)

    def _budget(self, hint: str) -> Budget:
        """Open the budget of an answer, in bytes: a larger one where the caller takes gzip.

        `hint`: what the caller can do where the budget is exceeded.
        """
        most = MOST_ANSWERED_BYTES
        if self._request.accepts_gzip:
            most = MOST_ZIPPED_BYTES
        return self._exports.open_budget(most, hint)


_CALLS: Mapping[str, Callable[[DataCall], Answer]] = {
    "export-one": DataCall.export_one,
    "attributes": DataCall.read_attributes,
    "events": DataCall.read_events,
    "export": DataCall.export,
    "anonymize": DataCall.refuse_anonymize,
    "anonymize_bulk": DataCall.refuse_anonymize,
}


def call_data_api(
    readers: Readers, server_keys: ServerKeys, request: Request
) -> Answer:
    """Execute the call about customers that the path names, with a private key."""
    project_id = _find_readable_project(server_keys, request)
    call = _CALLS.get(request.path("call"))
    if call is None:
        return data_answers.answer_no_such_call(request.path("call"))
    return call(DataCall(readers, request, project_id))


def read_categories(server_keys: ServerKeys, request: Request) -> Answer:
    """Answer the consent categories, with a public key too: pages and apps show them."""
    token, sources = request.path("token"), declarations.deployed_sources()
    _, _, project = sources.resolve_key(token)
    is_stream = "/streams/" in request.route
    if not (is_stream and credentials.needs_no_key(request)):
        given = credentials.read_credentials(request)
        credentials.check_may_write(given, token, sources, server_keys)
    return data_answers.answer_categories(project.consent_categories)


def _find_readable_project(server_keys: ServerKeys, request: Request) -> str:
    """The project that a call may read. Raises `UnknownSource`, `Unauthorized`, `Forbidden`."""
    token, sources = request.path("token"), declarations.deployed_sources()
    sources.resolve_key(token)
    given = credentials.read_credentials(request)
    if given.kind == "public":
        raise Forbidden(credentials.NO_PUBLIC_READS)
    return credentials.find_readable_project(given, token, sources, server_keys)
