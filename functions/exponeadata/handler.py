"""/data/v2/projects/{token}/...: Exponea's data and GDPR calls, and consent categories."""

from __future__ import annotations

from functools import partial

from dialects.exponea import credentials, data_calls
from dialects.exponea.data_answers import answer_error
from hardlink.queries.computed import ComputedValues
from hardlink.queries.export_reader import ExportReader
from hardlink.queries.timeline import Timeline
from hardlink.web import declarations
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer
from hardlink.web.wiring import read_clock, tables

server_keys = credentials.open_server_keys()
readers = data_calls.Readers(
    ExportReader(tables(), read_clock),
    ComputedValues(
        tables(),
        declarations.deployed_sources(),
        Timeline(tables(), read_clock),
        read_clock,
    ),
)


@partial(entrypoint, error_answer=answer_error)
def handler(request: Request) -> Answer:
    """Read customers, or the consent categories."""
    if "{call}" in request.route:
        return data_calls.call_data_api(readers, server_keys, request)
    return data_calls.read_categories(server_keys, request)
