"""Exponea's tracking calls: the web SDK's `/bulk`, the tracking API, and what its SDKs ask for."""

from __future__ import annotations

from functools import cache, partial

from dialects.exponea import calls, web_calls
from dialects.exponea.answers import answer_error
from dialects.exponea.calls import Deployment
from dialects.exponea.credentials import open_server_keys
from dialects.exponea.web_calls import WebCall, with_errors_by_field
from hardlink.web import caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer

deployment = Deployment(caller.service(), cache(open_server_keys))
ROUTES: dict[str, WebCall] = {
    "POST /bulk": web_calls.execute_bulk,
    "GET /track/v2/projects/{token}/system/time": calls.answer_time,
    "POST /track/v2/projects/{token}/{call+}": calls.call_tracking_api,
    "GET /track/u/v1/system/time": calls.answer_time,
    "POST /track/u/v1/{call+}": calls.call_tracking_api,
    "POST /managed-tags/show": with_errors_by_field(web_calls.show_managed_tags),
    "POST /crm/customers": web_calls.execute_crm_command,
    "POST /crm/events": web_calls.execute_crm_command,
}
for kind in ("projects", "streams"):
    base = f"/webxp/{kind}/{{token}}"
    ROUTES |= {
        f"GET {base}/bundle": with_errors_by_field(web_calls.read_bundle),
        f"GET {base}/segments": with_errors_by_field(web_calls.read_segments),
        f"POST {base}/cookies/{{cookie}}/link-ids": with_errors_by_field(
            web_calls.link_ids
        ),
    }


@partial(entrypoint, error_answer=answer_error)
def handler(request: Request) -> Answer:
    """Execute the call of the route."""
    return ROUTES[request.route](deployment, request)
