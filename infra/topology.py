"""Functions, tables, streams and queues as data, for the stack and for the local service.

The routes are in `infra.routes`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = ROOT / "functions"
# The clone's own files declare the demo, which the tests use. A shop names files of its own.
SOURCES = Path(
    os.environ.get("HARDLINK_SOURCES") or ROOT / "infra" / "sources.toml"
).resolve()
STAGES = Path(
    os.environ.get("HARDLINK_STAGES") or ROOT / "infra" / "stages.toml"
).resolve()
REQUIREMENTS = ROOT / "requirements.txt"


def hash_sources(path: Path) -> str:
    """Hash a file of sources, to tell whether it is the one that is deployed."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


Action = Literal[
    "BatchGetItem",
    "ConditionCheckItem",
    "DeleteItem",
    "GetItem",
    "PartiQLInsert",
    "PutItem",
    "Query",
    "Scan",
    "UpdateItem",
]
"""A DynamoDB action of the store, in IAM's spelling. A transaction needs those of its parts."""

Access = Mapping[str, tuple[Action, ...]]
"""Allowed actions by table. Every other action is denied."""

QueueAction = Literal["ChangeMessageVisibility", "SendMessage"]
"""An SQS action that function code uses. Receiving is done by Lambda's event source mapping."""

StreamFilter = Mapping[str, object]
"""A pattern of Lambda's event filtering, which selects the stream records of a function."""


@dataclass(frozen=True, slots=True)
class Table:
    """A DynamoDB table: on demand, keys only on its stream, TTL on the attribute `expires`.

    `stream`: it has one `always`, or only where a stage is `forwarding` events.
    """

    name: str
    partition: str
    stream: Literal["always", "forwarding"] = "always"
    sort: str = "item"
    expires: str = "expires"


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function, whose code is `functions/<name>/handler.py`.

    `access`: actions of its code on the tables. `erasures`: actions on the erasure queue.
    `server_keys`, `signing_keys`: may read these secrets.
    `names_sources`: its environment has the hash of `sources.toml`, for `redrive`.
    `per_event`: runs for every event, so its costs per call count a million times.
    `timeout`: in seconds. `memory`: in MB; Lambda gives CPU in proportion to it.
    """

    name: str
    access: Access
    erasures: tuple[QueueAction, ...] = ()
    server_keys: bool = False
    signing_keys: bool = False
    names_sources: bool = False
    per_event: bool = False
    timeout: int = 10
    memory: int = 1024


TABLES = (
    Table("sessions", "session"),
    Table("customers", "customer"),
    # Association never reads an event, so its stream would have no reader.
    Table("events", "s", stream="forwarding"),
)

_IO_BOUND_MB, _BATCH_MB = 256, 512
# API Gateway gives up after 30 s: a function with a second less can still answer.
_GATEWAY_TIMEOUT = 29
_LAMBDA_MAX_TIMEOUT = 900
_ONE_CPU_MB = 1769

# Read a session, or create it.
_OPEN: tuple[Action, ...] = ("GetItem", "PutItem")
# Widen the bounds of a session as well.
_VISIT: tuple[Action, ...] = (*_OPEN, "UpdateItem")
# Store events one by one. A large one is looked up before its pieces are written; an order that is
# told again is read with what was added to it, and must still be there when more is added.
_STORE: tuple[Action, ...] = (
    "PutItem",
    "GetItem",
    "BatchGetItem",
    "ConditionCheckItem",
)
_STORE_BATCHES: tuple[Action, ...] = (*_STORE, "PartiQLInsert")
# Read nodes and histories, count a customer's profiles, write a link. An identifier that passes
# to another customer is deleted under the previous one.
_LINK: tuple[Action, ...] = (
    "GetItem",
    "BatchGetItem",
    "Query",
    "PutItem",
    "DeleteItem",
    "ConditionCheckItem",
)

_FUNCTIONS = (
    Function(
        "track",
        {"sessions": _VISIT, "customers": _LINK, "events": _STORE_BATCHES},
        per_event=True,
        signing_keys=True,
        timeout=20,
        memory=_IO_BOUND_MB,
    ),
    Function(
        "xo",
        {"sessions": _VISIT, "customers": _LINK, "events": _STORE_BATCHES},
        per_event=True,
        timeout=20,
        memory=_IO_BOUND_MB,
    ),
    Function(
        "helloretail",
        {"sessions": _VISIT, "customers": _LINK, "events": _STORE},
        per_event=True,
        timeout=20,
        memory=_IO_BOUND_MB,
    ),
    Function(
        "exponea",
        {
            "sessions": _VISIT,
            "customers": _LINK,
            "events": (*_STORE_BATCHES, "Query"),
        },
        server_keys=True,
        per_event=True,
        timeout=20,
        memory=_BATCH_MB,
    ),
    Function(
        "collect",
        {"sessions": _VISIT, "customers": _LINK, "events": _STORE},
        per_event=True,
        timeout=20,
        memory=_IO_BOUND_MB,
    ),
    Function(
        "orders",
        {"sessions": _VISIT, "customers": _LINK, "events": _STORE},
        server_keys=True,
        timeout=_LAMBDA_MAX_TIMEOUT,  # a large file takes several runs
        memory=_ONE_CPU_MB,
    ),
    Function(
        "segment",
        {"sessions": _VISIT, "customers": _LINK, "events": _STORE_BATCHES},
        per_event=True,
        timeout=_GATEWAY_TIMEOUT,  # its batches are large
        memory=_BATCH_MB,
    ),
    # A session of a Tracardi source begins with events of its own.
    Function(
        "identify",
        {"sessions": _OPEN, "customers": _LINK, "events": ("PutItem",)},
        signing_keys=True,
    ),
    Function(
        "update",
        {"sessions": _OPEN, "customers": _LINK, "events": ("PutItem",)},
        signing_keys=True,
    ),
    # It reads the consent of the profile that is left.
    Function(
        "anonymize",
        {
            "sessions": _OPEN,
            "customers": ("GetItem", "PutItem"),
            "events": ("PutItem",),
        },
    ),
    Function(
        "consent",
        # It also begins the erasure that a visitor asks for: ends the session that is named, and
        # takes the visitor away from their customers.
        {
            "sessions": (*_OPEN, "BatchGetItem", "UpdateItem", "DeleteItem"),
            "customers": _LINK,
        },
    ),
    Function(
        "customers",
        {
            "sessions": ("GetItem", "BatchGetItem", "Query"),
            # Whoever summarised a session keeps that for the next reader.
            "events": ("GetItem", "BatchGetItem", "Query", "PutItem"),
            "customers": (
                *_LINK,
                "UpdateItem",
            ),  # undo marks the entries of the history
        },
        server_keys=True,
        timeout=_GATEWAY_TIMEOUT,  # an export reads everything stored about a customer
    ),
    Function(
        "exponeadata",
        {
            "sessions": ("GetItem", "BatchGetItem"),
            "events": ("GetItem", "BatchGetItem", "Query", "PutItem"),
            "customers": ("GetItem", "BatchGetItem", "Query", "Scan"),
        },
        server_keys=True,
        timeout=_GATEWAY_TIMEOUT,  # its export reads the whole table
    ),
    Function(
        "erase",
        {
            "sessions": (
                *_OPEN,
                "BatchGetItem",
                "Query",
                "UpdateItem",
                "DeleteItem",
                "ConditionCheckItem",
            ),
            "events": ("GetItem", "BatchGetItem", "Query", "DeleteItem"),
            "customers": (*_LINK, "UpdateItem"),
        },
        erasures=("ChangeMessageVisibility",),  # sets the pause before the next run
        server_keys=True,
        timeout=_LAMBDA_MAX_TIMEOUT,  # it deletes every event of a customer
    ),
    Function(
        "visitor",
        {
            "sessions": ("GetItem", "BatchGetItem"),
            "customers": ("GetItem", "BatchGetItem", "Query"),
            "events": ("GetItem", "BatchGetItem", "Query", "PutItem"),
        },
        signing_keys=True,
    ),
    Function("preflight", {}),
    Function("sdk", {}),
    Function("session", {}),
    Function("console", {}, memory=256),
    Function(
        "health",
        {"sessions": ("GetItem",), "customers": ("GetItem",), "events": ("GetItem",)},
    ),
    Function(
        "associate",
        {
            "sessions": (
                "GetItem",
                "BatchGetItem",
                "PutItem",
                "UpdateItem",  # a session's copy of the consent
                "DeleteItem",
            ),
            "customers": _LINK,
        },
        # The stream that it reads has new erasures too; AWS advises two readers of a stream.
        erasures=("SendMessage",),
        names_sources=True,
        per_event=True,
        timeout=60,
        memory=_BATCH_MB,
    ),
)
FUNCTIONS_BY_NAME = {function.name: function for function in _FUNCTIONS}

FORWARD = Function(
    "forward",
    # Opening the connection is a GetItem of `sessions` (`hardlink.web.wiring`).
    {
        "sessions": ("GetItem", "BatchGetItem"),
        "customers": ("GetItem", "BatchGetItem"),
        "events": ("BatchGetItem",),
    },
    per_event=True,
    timeout=60,
)
"""Deployed only in a stage that forwards events."""

MAX_STREAM_READERS = 2
"""Readers of one stream, as AWS advises: all share five reads a second of each shard."""
STREAM_BATCH = 100
STREAM_RETRIES = -1
"""No limit: a record is retried until it is too old."""
STREAM_MAX_AGE = 2 * 3600
"""Seconds. So long a failure of AWS may last, and so long one bad record may hold up those of its
shard's quarter that come after it."""
STREAM_WINDOW = 1
"""Seconds in which a batch is gathered, because a visitor's first calls come together."""
STREAM_PARALLEL = 4
"""Concurrent batches of one shard; Lambda keeps the order of changes of one item."""
STREAM_FILTERS: Mapping[str, StreamFilter] = {
    "sessions": {"dynamodb": {"Keys": {"item": {"S": ["#"]}}}},
    "customers": {"dynamodb": {"Keys": {"item": {"S": ["#", "~", "~shop"]}}}},
}
"""Records for `associate`: changes of a session or a node, and erasures. Never events."""
FORWARD_FILTERS: Mapping[str, StreamFilter] = {
    "events": {
        "eventName": ["INSERT"],
        "dynamodb": {"Keys": {"item": {"S": [{"prefix": "e/"}]}}},
    },
    "customers": {
        "eventName": ["INSERT", "MODIFY"],  # undoing a link modifies its entry
        "dynamodb": {"Keys": {"item": {"S": [{"prefix": "l/"}]}}},
    },
}
"""Records for `forward`: new events, new links and undone links. Deletions are not forwarded."""
FORWARD_DAYS = 90
"""Retention of forwarded lines in the bucket."""

EVENT_COPY_DAYS = 8
"""Retention of a weekly copy of `events`: a day longer than the next one takes to come."""

FEEDS_PREFIX, RESULTS_PREFIX = "feeds/", "results/"
"""Folders of the feed bucket: order feeds by project, and the result of each import."""
FEED_DAYS = 30
"""Retention of feeds and results, which hold personal data that the tables have as well."""
FEED_MAX_RUNS = 50
"""Runs of `orders` (15 minutes each) for one file before it counts as failed."""
FEED_CONCURRENCY = 2

ERASURE_MAX_RUNS = 20
"""Runs of `erase` for one erasure before it counts as failed; normally it takes two."""
ERASURE_VISIBILITY_TIMEOUT = 6 * FUNCTIONS_BY_NAME["erase"].timeout
"""Seconds until an erasure whose run was killed is retried: six runs, as AWS advises."""
ERASURE_CONCURRENCY = 5
VISITOR_ERASURE_CONCURRENCY = 2
"""Runs at a time for erasures that visitors ask for: the least that SQS allows.

Anyone can ask for them with the public key. So however many there are, they take no run from those
that the shop asks for, and no more of the tables' throughput than this.
"""

QUEUE_DAYS = 14
"""Retention of messages in failure queues: the maximum of SQS."""
# Every character of a line is paid for. It holds the route instead of the path, because a path may
# name a customer, and no IP address.
ACCESS_LOG = " ".join(
    (
        "$context.requestId",
        "$context.routeKey",
        "$context.status",
        "$context.integrationErrorMessage",
    )
)
