"""Call functions with sample events: `python -m infra.local.invoke events/track.json`.

The tables are empty at the start. Several files are called in their order, on the same tables:
track.json identify-soft.json associate-customers.json customer-events.json show how the events of
a session become a customer's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from infra import routes, topology
from infra.local import lambda_runtime

SERVER_KEY = "sample-server-key"
"""The key in sample events of routes that need a server key."""


def find_function(event: dict[str, Any]) -> str:
    """Find the function of an event. Raises `ValueError` if no route, stream or queue has one."""
    if "Records" in event:
        if event["Records"][0]["eventSource"] == "aws:sqs":
            return "erase"
        items = {record["dynamodb"]["Keys"]["item"]["S"] for record in event["Records"]}
        return "associate" if items <= {"#", "~", "~shop"} else topology.FORWARD.name
    for route in routes.ROUTES:
        if route.key == event.get("routeKey"):
            return route.function
    raise ValueError(f"no function has the route {event.get('routeKey')!r}")


def read_event(path: Path) -> dict[str, Any]:
    """Read an event from its file."""
    event: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return event


def main(names: list[str]) -> int:
    """Call the functions with the events of these files, and print their results."""
    if not names:
        print(__doc__, file=sys.stderr)
        return 2
    project = next(iter(lambda_runtime.load_sources(topology.SOURCES).projects))
    with lambda_runtime.run_deployment(
        topology.SOURCES, {project: SERVER_KEY}
    ) as deployment:
        for path in map(Path, names):
            event = read_event(path)
            function = find_function(event)
            answer = deployment.invoke(function, event)
            print(f"{path} -> {function}: {_format_result(answer)}", flush=True)
    return 0


def _format_result(answer: Any) -> str:
    if "statusCode" not in answer:
        return json.dumps(answer, indent=2)
    return f"{answer['statusCode']} {json.dumps(json.loads(answer['body']), indent=2)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
