"""GET /health: a check that the tables answer."""

from __future__ import annotations

from hardlink.domain.graph import profile_node
from hardlink.storage import keys
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer
from hardlink.web.wiring import tables

store = tables()
_PROBES = (
    keys.session_head("health", "probe"),
    keys.node_head("health", profile_node("probe")),
    keys.session_event("health", "probe", 0, "probe"),
)


@entrypoint
def handler(_request: Request) -> Answer:
    """Answer 200, or 503 if the tables do not answer."""
    for probe in _PROBES:
        store.get([probe])
    return Answer({"status": "ok"})
