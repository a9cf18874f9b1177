"""The native calls through the deployed stack's HTTP API: what they mean there, beyond that they are answered."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from hardlink.web import cors
from infra import topology
from sdk import scripts
from tests.emulator.deployment import Api, Deployment
from tests.http.service import Reply, eventually, fresh

ORIGIN = "http://127.0.0.1:8787"
"""An origin that the demo's sources allow."""
STATIC = topology.FUNCTIONS / "console" / "static"


def written(shop: Api, path: str, session: str, **more: Any) -> Reply:
    return shop.post(
        path, {"source": {"id": "demo"}, "session": {"id": session}, **more}
    )


def test_health(shop: Api) -> None:
    reply = shop.get("health", key=None)
    assert (reply.status, reply.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("count", [1, 30], ids=["one event", "more than a batch"])
def test_events_are_stored_and_read(shop: Api, count: int) -> None:
    session = fresh()
    reply = shop.track(session, *["view"] * count, source="demo")
    assert [r["status"] for r in reply.json["results"]] == ["stored"] * count
    page = shop.get("sessions", session, "events", limit=100).json
    assert len(page["events"]) == count


def test_a_body_may_be_zipped(shop: Api) -> None:
    body = {
        "source": {"id": "demo"},
        "session": {"id": fresh()},
        "events": [{"type": "view"}],
    }
    headers = {"content-encoding": "gzip"}
    reply = shop.send(
        "POST", "/track", gzip.compress(json.dumps(body).encode()), headers
    )
    assert [r["status"] for r in reply.json["results"]] == ["stored"]


def test_values_of_a_visitor_are_the_customers(shop: Api) -> None:
    session, who = fresh(), fresh("c")
    written(shop, "/update", session, properties={"age": 27}, segments=["vip"])
    shop.identify(session, {"registered": who}, source="demo", traits={"size": "L"})

    def seen() -> Any:
        found = shop.get("customers", "registered", who)
        return found.status == 200 and [
            found.json[part] for part in ("attributes", "segments", "traits")
        ]

    eventually(seen, [{"age": 27}, ["vip"], {"size": "L"}], shop.patience)


def test_who_opts_out_is_not_tracked_until_they_opt_in(shop: Api) -> None:
    session = fresh()
    for tracking, status in (("denied", "dropped"), ("granted", "stored")):
        assert (
            written(shop, "/consent", session, tracking=tracking).json["tracking"]
            == tracking
        )
        reply = shop.track(session, "view", source="demo")
        assert [r["status"] for r in reply.json["results"]] == [status]


def test_a_verdict_that_is_no_yes_can_be_read_again(shop: Api) -> None:
    shop.track(session := fresh(), "view", "", source="demo")
    verdicts = shop.get("sessions", session, "verdicts").json["verdicts"]
    assert "rejected" in json.dumps(verdicts)


def test_an_event_that_came_is_in_the_live_list(shop: Api) -> None:
    session = fresh()
    shop.track(session, "view", source="demo")

    def live() -> bool:
        events = shop.get("live").json["events"]
        return any(event["session"] == session for event in events)

    eventually(live, wanted=True, seconds=shop.patience)


def test_a_session_is_kept_in_a_cookie(shop: Api) -> None:
    """The emulator hands no cookies to functions: `tests/http/test_sdk.py` reads it back."""
    reply = written(shop, "/session", session := fresh())
    assert reply.json == {"session": {"id": session}}
    assert reply.headers["set-cookie"].startswith(f"hardlink_session={session}; ")


def test_the_sdk_is_the_one_that_was_built(shop: Api) -> None:
    assert shop.get("sdk.js", key=None).body == scripts.build_script().content
    zipped = shop.send("GET", "/sdk.js", None, {"accept-encoding": "gzip"})
    assert gzip.decompress(zipped.body) == scripts.build_script().content
    assert shop.get("sdk.mjs", key=None).body.endswith(
        b"export default self.hardlink;\n"
    )


@pytest.mark.parametrize("name", sorted(path.name for path in STATIC.iterdir()))
def test_the_consoles_files_are_served(shop: Api, name: str) -> None:
    reply = shop.get("console", name, key=None)
    assert (reply.status, reply.body) == (200, (STATIC / name).read_bytes())


def test_the_console_is_served_under_its_policy(shop: Api) -> None:
    page = shop.get("console", key=None)
    assert page.status == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_only_the_stacks_own_key_reads(shop: Api) -> None:
    assert shop.get("project").json["project"] == {"name": "demo"}
    for key in ("wrong", shop.key[:-1], "demo", None):
        reply = shop.get("project", key=key)
        assert (reply.status, reply.error["code"]) == (401, "unauthorized")


def test_a_key_that_was_rotated_reads_and_so_does_the_one_before(
    stack: Deployment, shop: Api
) -> None:
    new = fresh("key")
    name = stack.outputs["ServerKeys"].replace("<project>", "demo")
    vault = stack.emulator.client("secretsmanager")
    vault.put_secret_value(SecretId=name, SecretString=new)

    def read() -> list[int]:
        return [shop.get("project", key=key).status for key in (new, shop.key)]

    eventually(read, [200, 200], shop.patience)


def test_browsers_of_declared_origins_may_call(shop: Api) -> None:
    """Preflights are not shown here: the emulator answers `OPTIONS` itself, whatever the routes."""
    body = {"source": {"id": "demo"}, "session": {"id": fresh()}, "events": []}
    answered = shop.post("/track", body, origin=ORIGIN)
    said = {
        n: v for n, v in answered.headers.items() if n.startswith("access-control-")
    }
    assert said == {
        "access-control-allow-origin": ORIGIN,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": ",".join(cors.EXPOSED_HEADERS),
    }


def test_p3_browsers_of_other_origins_may_not_and_read_why(shop: Api) -> None:
    body = {
        "source": {"id": "demo"},
        "session": {"id": fresh()},
        "events": [{"type": "view"}],
    }
    reply = shop.post("/track", body, origin="https://evil.example")
    assert (reply.status, reply.error["code"]) == (403, "origin_not_allowed")
    assert reply.headers["access-control-allow-origin"] == "https://evil.example"
