"""The service's functions behind its gateway, on DynamoDB Local: `<endpoint> <port> <sessions> <customers>`.

A process of its own, so that its memory is that of serving alone. A thread delivers the streams to `associate`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from unittest.mock import patch

from hardlink.domain.records import Table
from hardlink.storage.dynamodb import connect
from hardlink.storage.keys import PARTITION, SORT
from infra import routes, topology
from infra.local import lambda_runtime
from infra.local.api_gateway import Gateway
from infra.local.http_server import HttpServer
from infra.local.lambda_runtime import Handler, LambdaContext
from tests.support.engines import ENVIRONMENT, tables
from tests.support.engines.tables import Engine
from tests.support.memory_store import Change

FUNCTIONS = ("track", "identify", "update", "associate")
ROUTES = tuple(route for route in routes.ROUTES if route.function in FUNCTIONS)
_GLANCE = 0.02
Record = dict[str, Any]


def main(endpoint: str, port: str, sessions: str, customers: str, events: str) -> None:
    """Serve until a signal comes."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    names: dict[Table, str] = {
        "sessions": sessions,
        "customers": customers,
        "events": events,
    }
    handlers = _handlers(endpoint, names)

    def invoke(function: str, event: dict[str, Any]) -> Any:
        return handlers[function](event, LambdaContext(function, "load"))

    with tables.dynamodb_local(endpoint) as clients:
        server = HttpServer(("127.0.0.1", int(port)), Gateway(ROUTES, invoke))
        stream = threading.Thread(
            target=_deliver, args=(Engine(clients, names), handlers["associate"], over)
        )
        stream.start()
        with server.running():
            over.wait()
        stream.join()


def _handlers(endpoint: str, names: Mapping[Table, str]) -> Mapping[str, Handler]:
    os.environ.update(
        {
            **ENVIRONMENT,
            "HARDLINK_SESSIONS_TABLE": names["sessions"],
            "HARDLINK_CUSTOMERS_TABLE": names["customers"],
            "HARDLINK_EVENTS_TABLE": names["events"],
            "HARDLINK_SOURCES": str(topology.SOURCES),
            "POWERTOOLS_LOG_LEVEL": "ERROR",
        }
    )
    with patch("hardlink.web.wiring.connect", lambda: connect(endpoint)):
        return {name: lambda_runtime.load_handler(name) for name in FUNCTIONS}


def _deliver(engine: Engine, associate: Handler, over: threading.Event) -> None:
    """Batches as Lambda makes them, as many at once, those of one item after each other; what failed comes again."""
    numbers = count(1)
    at_once = topology.STREAM_PARALLEL
    waiting: list[list[Record]] = [[] for _ in range(at_once)]

    def carried_out(mine: list[Record]) -> list[Record]:
        batch, rest = mine[: topology.STREAM_BATCH], mine[topology.STREAM_BATCH :]
        if not batch:
            return []
        answer = associate({"Records": batch}, LambdaContext("associate", "load"))
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        return [
            one for one in batch if one["dynamodb"]["SequenceNumber"] in failed
        ] + rest

    with ThreadPoolExecutor(at_once) as threads:
        while not over.wait(0 if any(waiting) else _GLANCE):
            if not all(waiting):  # else they wait in the stream
                for change in engine.next_taken():
                    waiting[hash(change) % at_once].append(
                        _record(change, next(numbers))
                    )
            waiting = list(threads.map(carried_out, waiting))


def _record(change: Change, number: int) -> Record:
    table, partition = change
    keys = {PARTITION[table]: {"S": partition}, SORT: {"S": "#"}}
    return {
        "eventID": str(number),
        "eventName": "MODIFY",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": keys,
            "SequenceNumber": str(number),
            "StreamViewType": "KEYS_ONLY",
        },
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
