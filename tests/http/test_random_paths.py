"""Paths, queries, cookies and keys that nobody would send, to every route: no 500, and JSON where JSON is answered."""

from __future__ import annotations

import base64
import copy
import json
import random
import re
from collections import Counter
from urllib.parse import quote

from infra import routes
from infra.local import lambda_runtime
from infra.local.api_gateway import Gateway, HttpRequest
from infra.routes import Route
from tests.http.noise import NOISE, on_the_wire
from tests.http.service import KEY, SOURCES

EACH = 100
"""Requests to each route."""
SEED = 20_261_125
FILES = {"sdk", "console", "preflight"}
"""They answer files, or no body."""
GOOD = {
    "call": (
        "customers",
        "customers/events",
        "batch",
        "export-one",
        "events",
        "track",
        "t",
    ),
    "cookie": ("c-1",),
    "event_type": ("view",),
    "id": ("s-1", "@web"),
    "kind": ("pageview", "conversion", "customer"),
    "redirect_id": ("sale",),
    "session_id": ("s-1",),
    "source_id": ("tracardi-key", "web-key"),
    "token": ("PROJTOKEN", "web-key"),
    "trackerKey": ("web-key",),
    "type": ("registered", "email", "profile", "session", "order"),
    "value": ("gordon", "g@x.y"),
}
BAD = (
    *(
        "@",
        "@=recent",
        "=",
        "..",
        "../..",
        "%",
        "%2",
        "%zz",
        "\x00",
        "\n",
        "\xff",
        "é",
        "😀",
        "a b",
    ),
    *(
        "#",
        "{x}",
        "x" * 300,
        "0",
        "undefined",
        "null",
        "[object Object]",
        "!x",
        "-",
        "~",
        "a/b",
    ),
)
QUERIES = (
    *(
        "",
        "",
        "limit=0",
        "limit=x",
        "limit=99999999999999999999",
        "cursor=%%%",
        "cursor=LTEKYQpi",
    ),
    *(
        "since=x",
        "since=nan",
        "since=9999999999999999",
        "until=2026-01-01T00:00:00%2B25:00",
    ),
    *(
        "type=%00",
        "registered=gordon",
        "email=g@x.y&limit=2",
        "id=s-1",
        "id=@web&type=view",
        "profile=%2F%3F%25",
        "type=first_session&limit=2",
        "type=session_end",
        "type=merge",
        "email=%00",
    ),
    *(
        "email=g@x.y&customer_id=gordon",
        "customer_id=undefined",
        "with=xo,../../x",
        "a=1&a=2&a[]=3",
    ),
    *(
        "access_token=PROJTOKEN",
        "stream_id=PROJTOKEN",
        "writeKey=web-key",
        "profile_less=true",
        "=&&=",
    ),
)
COOKIES = (
    *(
        "xnpe_PROJTOKEN=c-1",
        "xnpe_PROJTOKEN=",
        "xnpe_PROJTOKEN=@x",
        "__exponea_etc__=\x01",
        "=;=;",
    ),
    *("tracardi-session-id=%00", "tracardi-session-id=s-1", "a" * 5000),
)
BASIC = [
    base64.b64encode(user).decode()
    for user in (f"id:{KEY}".encode(), b"web-key:", b"\xff", b"")
]
KEYS = (
    *(
        f"Bearer {KEY}",
        f"bearer  {KEY} ",
        "Bearer",
        "Bearer é",
        "",
        "Token PROJTOKEN",
        "Token é",
    ),
    *(f"Basic {coded}" for coded in BASIC),
)
BODIES: tuple[object, ...] = (
    {
        "commands": [
            {"name": "system/ids", "data": {"project_id": "PROJTOKEN", "customer": {}}}
        ]
    },
    {
        "customer_ids": {"registered": "gordon"},
        "event_types": ["view"],
        "format": "native_json",
    },
    {"company_id": "PROJTOKEN", "customer_ids": {"cookie": "c-1"}},
    {"external_ids": {"registered": "gordon"}},
    {
        "source": {"id": "web-key"},
        "session": {"id": "s-1"},
        "events": [{"type": "view"}],
    },
    {
        "websiteUuid": "web-key",
        "trackingUserId": "s-1",
        "customerId": "gordon",
        "orderNumber": 1,
    },
    [{"orderNumber": 1, "date": "2026-11-01", "email": "g@x.y"}],
    {
        "batch": [{"type": "track", "event": "view", "anonymousId": "s-1"}],
        "writeKey": "web-key",
    },
)


def target(rng: random.Random, route: Route) -> str:
    """A path of this route, and a query."""

    def part(parameter: re.Match[str]) -> str:
        if rng.random() < 0.6 and parameter[1] in GOOD:
            return rng.choice(GOOD[parameter[1]])
        bad = rng.choice(BAD)
        return quote(bad, safe="") if rng.random() < 0.7 else bad

    query = rng.choice(QUERIES)
    return re.sub(r"\{(\w+)\+?\}", part, route.path) + (f"?{query}" if query else "")


def request(rng: random.Random, route: Route) -> HttpRequest:
    """A call of this route with a few things wrong."""
    sent: dict[str, str] = {}
    body = b""
    if route.method != "GET":
        found = copy.deepcopy(rng.choice(BODIES if rng.random() < 0.8 else NOISE))
        body, sent = on_the_wire(rng, json.dumps(found).encode())
    if rng.random() < 0.8:
        sent["authorization"] = rng.choice(KEYS)
    if rng.random() < 0.3:
        sent["cookie"] = rng.choice(COOKIES)
    if rng.random() < 0.1:
        sent |= {
            "sentat": rng.choice(("x", "9" * 40)),
            "content-type": "application/x-www-form-urlencoded",
        }
    return HttpRequest(route.method, target(rng, route), tuple(sent.items()), body)


def test_every_route_answers_whatever_it_is_asked() -> None:
    rng = random.Random(SEED)
    seen: Counter[int] = Counter()
    with lambda_runtime.run_deployment(
        SOURCES, {"shop": KEY, "other": f"{KEY}-other"}
    ) as deployment:
        gateway = Gateway(routes.ROUTES, deployment.invoke)
        for route in routes.ROUTES:
            for _ in range(EACH):
                asked = request(rng, route)
                answer = gateway.answer(asked)
                assert answer.status < 500, (asked, answer)
                if route.function not in FILES:
                    json.loads(answer.body)
                seen[answer.status // 100] += 1
    assert seen[2] > 200, seen  # what is all refused would prove little
    assert seen[4] > 200, seen
