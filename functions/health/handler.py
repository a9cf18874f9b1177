"""GET /health: whether the tables answer."""

from __future__ import annotations

from hardlink import layout
from hardlink.http import Answer, Request, entrypoint
from hardlink.nodes import profile
from hardlink.tables import tables

store = tables()
_PROBES = (layout.session("health", "probe"), layout.head("health", profile("probe")))


@entrypoint
def handler(_request: Request) -> Answer:
    """200 when calls can be carried out, 503 when the tables don't answer."""
    for probe in _PROBES:
        store.get([probe])
    return Answer({"status": "ok"})
