"""Limits on the cost of one call, on every path that takes a body."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest

from infra.routes import ROUTES, Route
from tests.http.service import fresh
from tests.security.shop import BASIC, BEARER, PUBLIC_READING, READING, Shop, path

REFUSED = {400, 413, 422}
MIB = 1024 * 1024
BODIES = [
    r
    for r in ROUTES
    if r.method == "POST"
    and r.function not in ("orders", "erase")
    and r.key not in PUBLIC_READING
]
"""The order feed is read piece by piece, and has tests of its own; erasing, and what the public key may read, take no
body."""
ONE_A_FUNCTION = list(
    {r.function: r for r in BODIES if "redirect" not in r.path}.values()
)
GZIP = {"content-encoding": "gzip"}


def keyed(route: Route) -> dict[str, str]:
    """A key that the call wants, so that its body is looked at."""
    if route.function in ("exponea", "exponeadata"):
        return {"authorization": BASIC}
    return {"authorization": BEARER} if route.key in READING else {}


def ids(route: Route) -> str:
    return route.key


@pytest.mark.parametrize("route", BODIES, ids=ids)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"a":' * 2000 + b"1" + b"}" * 2000, id="2,000 levels"),
        pytest.param(b'{"a":' * 70 + b"1" + b"}" * 70, id="70 levels"),
        pytest.param(b"[" * 200_000, id="200,000 levels, unfinished"),
        pytest.param(b'{"a": [' + b"{}," * 100_000 + b"{}]}", id="100,000 objects"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", id="a number of 5,000 digits"),
    ],
)
def test_json_that_is_hostile_is_refused(shop: Shop, route: Route, body: bytes) -> None:
    if route.function == "collect" and "redirect" in route.path:
        reply = shop.send(
            "POST", path(route), body, {"content-type": "application/json"}
        )
        assert (
            reply.status == 307
        )  # whoever follows a link is led on; what it said is not kept
        assert reply.json["warnings"]
        return
    reply = shop.send("POST", path(route), body, keyed(route))
    assert reply.status in REFUSED, (reply.status, reply.body[:300])
    assert reply.json


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """100 MiB in a tenth of one."""
    zipped = gzip.compress(b'{"a": "' + b" " * 100 * MIB + b'"}', 9)
    assert len(zipped) < MIB // 5
    return zipped


@pytest.mark.parametrize("route", ONE_A_FUNCTION, ids=ids)
def test_what_is_small_zipped_and_large_unzipped_is_not_unzipped(
    shop: Shop, route: Route, bomb: bytes
) -> None:
    tracemalloc.start()
    try:
        reply = shop.send("POST", path(route), bomb, {**GZIP, **keyed(route)})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reply.status in REFUSED
    assert peak < 40 * MIB


@pytest.mark.parametrize("route", ONE_A_FUNCTION, ids=ids)
def test_more_than_5_mib_are_refused(shop: Shop, route: Route) -> None:
    body = b'{"a": "' + b"x" * (5 * MIB) + b'"}'
    reply = shop.send(
        "POST", path(route), body, {"content-type": "text/plain", **keyed(route)}
    )
    assert reply.status in REFUSED


def test_names_beyond_255_have_no_room_wherever_they_stand(shop: Shop) -> None:
    many = {f"n{number}": 1 for number in range(256)}
    source, session = {"id": "web-key"}, {"id": fresh()}
    for said in ({"properties": many}, {"traits": many}, {"segments": list(many)}):
        reply = shop.post("/update", {"source": source, "session": session, **said})
        (warning,) = reply.json["warnings"]
        assert warning.endswith("more than 255 names, left out")
    reply = shop.track(fresh(), events=[{"type": "a", "properties": many}])
    (warning,) = reply.json["warnings"]
    assert warning == "events[0].properties.n255: more than 255 names, left out"


@pytest.mark.parametrize(
    ("where", "body", "status"),
    [
        ("/track", {"source": {"id": "web-key"}, "events": [{"type": "a"}] * 501}, 413),
        ("/v1/batch", {"writeKey": "web-key", "batch": [{"type": "page"}] * 2501}, 400),
        ("/bulk", {"commands": [{"name": "system/time"}] * 51}, 400),
        ("/web-key", [{"action": "a"}] * 501, 413),
        (
            "/track/v2/projects/web-key/batch",
            {"commands": [{"name": "system/time"}] * 51},
            400,
        ),
    ],
)
def test_so_many_events_a_call(
    shop: Shop, where: str, body: object, status: int
) -> None:
    reply = shop.post(where, body, authorization=BASIC)
    assert reply.status == status, reply.body[:300]


def test_the_activities_of_many_users_are_no_more(shop: Shop) -> None:
    """Each would be a visit of its own: nobody opens thousands of sessions with one call."""
    many = [
        {"action": "view", "target": {}, "user": {"identities": {"sessionId": fresh()}}}
        for _ in range(501)
    ]
    assert shop.post("/web-key", many).status == 413
    first = many[0]["user"]["identities"]["sessionId"]  # type: ignore[index]
    assert shop.get(f"/sessions/{first}").status == 404
