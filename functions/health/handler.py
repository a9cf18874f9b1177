"""GET /health: whether the tables answer."""

from __future__ import annotations

from hardlink import layout
from hardlink.http import Answer, Request, entrypoint
from hardlink.tables import tables

store = tables()
_PROBE = layout.session("health", "probe")


@entrypoint
def handler(_request: Request) -> Answer:
    """200 when calls can be carried out, 503 when the tables don't answer."""
    store.get([_PROBE])
    return Answer({"status": "ok"})
