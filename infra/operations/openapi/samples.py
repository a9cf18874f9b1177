"""Examples of bodies: those of the sample events, which tests send to the service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from infra import topology

_EVENTS = topology.ROOT / "events"


@cache
def read_examples() -> Mapping[str, Any]:
    """Read an example body of each route, of the sample event with the shortest name."""
    examples: dict[str, Any] = {}
    for path in sorted(_EVENTS.glob("*.json"), key=_shortest_first):
        event = json.loads(path.read_text(encoding="utf-8"))
        body = event.get("body")
        # A body of another form than JSON, such as a feed's XML, is no example of a schema.
        if body and body.startswith(("{", "[")):
            examples.setdefault(event["routeKey"], json.loads(body))
    return examples


def _shortest_first(path: Path) -> tuple[int, str]:
    return len(path.stem), path.stem
