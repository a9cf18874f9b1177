"""Routes, functions and tables as plain data: stated once, used by the stack and by the local server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = ROOT / "functions"
SOURCES = Path(os.environ.get("HARDLINK_SOURCES") or ROOT / "infra" / "sources.toml").resolve()
STAGES = Path(os.environ.get("HARDLINK_STAGES") or ROOT / "infra" / "stages.toml").resolve()
"""Files of the shop's own, where it names them: the clone's are the demo's, for which the tests are."""
REQUIREMENTS = ROOT / "requirements.txt"

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
"""Everything that the store does, as IAM names it. A transaction needs what its actions need."""

Access = Mapping[str, tuple[Action, ...]]
"""What a function may do, by table. Whatever is not named is forbidden; only who answers all customers may scan."""

QueueAction = Literal["ChangeMessageVisibility", "SendMessage"]
"""What code does with a queue itself; that it is brought its messages is Lambda's part."""


@dataclass(frozen=True, slots=True)
class Table:
    """A DynamoDB table: on demand, keys only on its stream, TTL on `expires`."""

    name: str
    partition: str
    sort: str = "item"
    expires: str = "expires"


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function: `functions/<name>/handler.py`.

    `access`: what its own code path does with the tables, and no more; `erasures`: with the queue of erasures that
    began. `server_keys`: may read them; `signing_keys`: those, where sources want identities signed.
    `hard_types`: is told which identifier types are hard, and needs no more of `sources.toml`.
    `busy`: called for events, so that whatever it adds to a call is paid for a million times.
    `timeout` in seconds; `memory` in MB, which is also its share of a processor.
    """

    name: str
    access: Access
    erasures: tuple[QueueAction, ...] = ()
    server_keys: bool = False
    signing_keys: bool = False
    hard_types: bool = False
    busy: bool = False
    timeout: int = 10
    memory: int = 1024


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls of one route: `a_second` in the long run, and `at_once`. Beyond, API Gateway answers 429."""

    a_second: int
    at_once: int


WRITES = Rate(1000, 2000)
"""What visitors send; the whole API's rate as well, as of whatever is not stated."""
READS = Rate(100, 200)
"""What the shop's own systems and people ask: a customer may have much to read."""
FEEDS_AND_EXPORTS = Rate(20, 40)
"""Calls that read a whole table, or write half a thousand orders."""
UNTHROTTLED = Rate(10_000, 5_000)
"""What AWS allows an account and region unless asked for more."""


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the HTTP API, as API Gateway writes it, and the function behind it.

    Exponea's web SDK drops what is answered 429, and keeps what is answered 503, as API Gateway does when a function
    has no room: its route is held back by that alone.
    """

    method: str
    path: str
    function: str
    rate: Rate = WRITES

    @property
    def key(self) -> str:
        """`POST /track`."""
        return f"{self.method} {self.path}"


TABLES = (Table("sessions", "session"), Table("customers", "customer"))

_WAITING, _BATCHES = 256, 512
"""MB: of functions that wait for the tables most of their time, and of those that are sent much at once."""
_OPEN: tuple[Action, ...] = ("GetItem", "PutItem")
"""Find a session, or make it."""
_LINK: tuple[Action, ...] = (
    "GetItem",
    "BatchGetItem",
    "Query",
    "PutItem",
    "DeleteItem",
    "ConditionCheckItem",
)
"""Read nodes and histories, count a customer's profiles, write a link.

An identifier that changes hands is deleted where it was.
"""
_IDENTIFY: tuple[Action, ...] = tuple(action for action in _LINK if action != "GetItem")
"""A call that names identifiers reads several items at a time, always."""

FUNCTIONS_BY_NAME = {
    function.name: function
    for function in (
        Function(
            "track",
            {"sessions": (*_OPEN, "UpdateItem", "PartiQLInsert"), "customers": _LINK},
            busy=True,
            signing_keys=True,
            timeout=20,
            memory=_WAITING,
        ),
        Function(
            "xo",
            {"sessions": (*_OPEN, "UpdateItem", "PartiQLInsert"), "customers": _LINK},
            busy=True,
            timeout=20,
            memory=_WAITING,
        ),
        Function(
            "helloretail",
            {"sessions": (*_OPEN, "UpdateItem"), "customers": _LINK},
            busy=True,
            timeout=20,
            memory=_WAITING,
        ),
        Function(
            "exponea",
            {"sessions": (*_OPEN, "Query", "UpdateItem", "PartiQLInsert"), "customers": _LINK},
            server_keys=True,
            busy=True,
            timeout=20,
            memory=_BATCHES,
        ),
        Function(
            "collect",
            {"sessions": (*_OPEN, "UpdateItem"), "customers": _LINK},
            busy=True,
            timeout=20,
            memory=_WAITING,
        ),
        Function(
            "orders",
            {"sessions": (*_OPEN, "UpdateItem"), "customers": _LINK},
            server_keys=True,
            timeout=900,  # the most there is: a large file takes several runs
            memory=1769,  # one whole processor
        ),
        Function(
            "segment",
            {"sessions": (*_OPEN, "UpdateItem", "PartiQLInsert"), "customers": _LINK},
            busy=True,
            timeout=29,  # as long as API Gateway waits: its batches are large
            memory=_BATCHES,
        ),
        Function("identify", {"sessions": _OPEN, "customers": _IDENTIFY}, signing_keys=True),
        Function("update", {"sessions": _OPEN, "customers": _LINK}, signing_keys=True),
        Function("anonymize", {"sessions": _OPEN, "customers": ("PutItem",)}),
        Function(
            "consent",
            {
                "sessions": (*_OPEN, "BatchGetItem", "UpdateItem"),
                # and erase who asks for it
                "customers": _LINK,
            },
        ),
        Function(
            "customers",
            {
                "sessions": ("GetItem", "BatchGetItem", "Query"),
                "customers": (*_LINK, "UpdateItem"),  # undo marks the entries that it takes back
            },
            server_keys=True,
            timeout=29,  # as long as API Gateway waits: an export reads all that there is of a customer
        ),
        Function(
            "exponeadata",
            {
                "sessions": ("GetItem", "BatchGetItem", "Query"),
                "customers": ("GetItem", "BatchGetItem", "Query", "Scan"),
            },
            server_keys=True,
            timeout=29,  # as long as API Gateway waits: an export reads the whole table
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
                "customers": (*_LINK, "UpdateItem"),
            },
            erasures=("ChangeMessageVisibility",),  # says when one comes again
            server_keys=True,
            timeout=900,  # the most there is: it deletes every event of somebody
        ),
        Function("sdk", {}),
        Function("session", {}),
        Function("console", {}, memory=256),
        Function("health", {"sessions": ("GetItem",), "customers": ("GetItem",)}),
        Function(
            "associate",
            {"sessions": ("GetItem", "BatchGetItem", "UpdateItem"), "customers": _LINK},
            erasures=("SendMessage",),  # it reads where they begin
            hard_types=True,
            busy=True,
            timeout=60,
            memory=_BATCHES,
        ),
    )
}

FORWARD = Function(
    "forward",
    {"sessions": ("BatchGetItem",), "customers": ("GetItem", "BatchGetItem")},
    busy=True,
    timeout=60,
)
"""Of a stage that tells onward what it stores, and of no other."""

ROUTES = (
    Route("POST", "/track", "track"),
    Route("PUT", "/track", "track"),
    Route("POST", "/identify", "identify"),
    Route("POST", "/update", "update"),
    Route("POST", "/anonymize", "anonymize"),
    Route("POST", "/consent", "consent"),
    Route("GET", "/customers/{type}/{value}", "customers", READS),
    Route("GET", "/customers/{type}/{value}/events", "customers", READS),
    Route("GET", "/customers/{type}/{value}/export", "customers", READS),
    Route("GET", "/sessions/{id}", "customers", READS),
    Route("GET", "/sessions/{id}/events", "customers", READS),
    Route("GET", "/sessions/{id}/verdicts", "customers", READS),
    Route("POST", "/sessions/{id}/unlink", "customers", READS),
    Route("POST", "/customers/{type}/{value}/erase", "erase", READS),
    Route("POST", "/sessions/{id}/erase", "erase", READS),
    Route("GET", "/erasures/{id}", "erase", READS),
    Route("GET", "/live", "customers", READS),
    Route("GET", "/project", "customers", READS),
    Route("GET", "/console", "console"),
    Route("GET", "/console/{file}", "console"),
    Route("GET", "/tracking-user", "customers", READS),
    Route("GET", "/sdk.js", "sdk"),
    Route("GET", "/sdk.mjs", "sdk"),
    Route("POST", "/session", "session"),
    Route("GET", "/health", "health"),
    Route("POST", "/{trackerKey}", "xo"),
    *(
        Route(method, path, "collect")
        for path in (
            "/collect/{event_type}/{source_id}",
            "/collect/{event_type}/{source_id}/{session_id}",
            "/redirect/{redirect_id}",
            "/redirect/{redirect_id}/{session_id}",
        )
        for method in ("GET", "POST")
    ),
    Route("POST", "/data/v2/projects/{token}/customers/{call}", "exponeadata", FEEDS_AND_EXPORTS),
    Route("POST", "/data/v2/projects/{token}/consent/categories", "exponeadata", READS),
    Route("POST", "/data/v2/streams/{token}/consent/categories", "exponeadata", READS),
    Route("POST", "/orders", "orders", FEEDS_AND_EXPORTS),
    Route("POST", "/serve/trackingUser", "helloretail"),
    Route("POST", "/serve/collect/{kind}", "helloretail"),
    Route("POST", "/bulk", "exponea", UNTHROTTLED),
    Route("GET", "/track/v2/projects/{token}/system/time", "exponea"),
    Route("POST", "/track/v2/projects/{token}/{call+}", "exponea"),
    Route("GET", "/track/u/v1/system/time", "exponea"),
    Route("POST", "/track/u/v1/{call+}", "exponea"),
    Route("POST", "/managed-tags/show", "exponea"),
    *(
        Route(method, f"/webxp/{kind}/{{token}}/{path}", "exponea")
        for kind in ("projects", "streams")
        for method, path in (
            ("GET", "bundle"),
            ("GET", "segments"),
            ("POST", "cookies/{cookie}/link-ids"),
        )
    ),
    Route("POST", "/v1/{call}", "segment"),
    Route("POST", "/beacon/v1/batch", "segment"),
    Route("POST", "/batch", "segment"),
    Route(
        "POST", "/batch/{proxy+}", "segment"
    ),  # no route may end with a slash: /batch/ is found here
    Route("GET", "/sourceConfig", "segment"),
    Route("GET", "/sourceConfig/{proxy+}", "segment"),
)

CORS_HEADERS = (
    "anonymousid",
    "authorization",
    "content-type",
    "sentat",
    "x-retry-count",
    "x-sdk",
    "x-timestamp",
)
CORS_METHODS = ("GET", "POST")
CORS_EXPOSED = ("apigw-requestid", "retry-after", "x-request-id")
"""What a page may read of an answer: what to quote (the first one in all of them), and when to come again."""
CORS_MAX_AGE = 7200
"""Seconds for which a browser may remember a preflight: the longest that Chromium honours."""

STREAM_BATCH = 100
STREAM_RETRIES = 10
STREAM_MAX_AGE = 24 * 3600
Filter = Mapping[str, object]
"""Which records of a stream reach a function, as Lambda's event filtering has it."""
STREAM_FILTERS: Mapping[str, Filter] = {
    "sessions": {"dynamodb": {"Keys": {"item": {"S": ["#"]}}}},
    "customers": {"dynamodb": {"Keys": {"item": {"S": ["#", "~"]}}}},
}
"""What reaches `associate`: changes of a session or a node, and erasures. Events never do."""
FORWARD_FILTERS: Mapping[str, Filter] = {
    "sessions": {
        "eventName": ["INSERT"],
        "dynamodb": {"Keys": {"item": {"S": [{"prefix": "e/"}]}}},
    },
    "customers": {
        "eventName": ["INSERT", "MODIFY"],  # a link that is taken back is marked
        "dynamodb": {"Keys": {"item": {"S": [{"prefix": "l/"}]}}},
    },
}
"""What reaches `forward`: new events, and links. What is deleted is told to nobody."""
FORWARD_DAYS = 90
"""For so long the lines are kept in the bucket: read them into where they are wanted."""
STREAM_WINDOW = 1
"""Seconds to gather a batch in: a visitor's first calls come together."""
STREAM_PARALLEL = 4
"""Batches of one shard at a time; the order of one item's changes is kept."""

FEEDS, RESULTS = "feeds/", "results/"
"""Where a shop's order feeds lie in the bucket, by project, and what became of them."""
FEED_DAYS = 30
"""For so long feeds and results are kept: they hold personal data, and the tables have it."""
FEED_RUNS = 50
"""Runs of a quarter of an hour that one file may take before it counts as failed."""
FEEDS_AT_ONCE = 2

ERASURE_RUNS = 20
"""Runs that one erasure may take before it counts as failed: two where all is well, the others over some hours."""
ERASURE_HIDDEN = 6 * FUNCTIONS_BY_NAME["erase"].timeout
"""Seconds after which it comes again if its run did not end: six times as long as a run, as AWS advises."""
ERASURES_AT_ONCE = 5
MOST_READERS = 2
"""Of one stream: AWS advises no more, as each shard is read five times a second in all."""

LOG_RETENTION = "ONE_MONTH"
ACCESS_LOG = " ".join(
    (
        "$context.requestId",
        "$context.routeKey",
        "$context.status",
        "$context.integrationErrorMessage",
    )
)
"""Of every call: each letter has its price. The route, not the path, which may name a customer; nobody's address."""
QUEUE_DAYS = 14
"""For so long a stream record that failed waits to be looked at: the most that SQS keeps."""
