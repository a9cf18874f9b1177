"""The SDK's script as it is served, and the cookie that keeps a session."""

from __future__ import annotations

import gzip

import pytest

from sdk import scripts
from tests.http.service import Client, Reply, fresh

ORIGIN = {"origin": "https://shop.example"}
ALL = ",".join(scripts.ADAPTERS)


def script(shop: Client, target: str = "/sdk.js", **headers: str) -> Reply:
    return shop.send(
        "GET", target, None, {n.replace("_", "-"): v for n, v in headers.items()}
    )


def test_the_script(shop: Client) -> None:
    reply = script(shop)
    assert (reply.status, reply.body) == (200, scripts.build_script().content)
    assert reply.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (
        reply.headers["cache-control"]
        == "public, max-age=3600, stale-while-revalidate=86400"
    )
    assert reply.headers["vary"] == "accept-encoding"
    assert reply.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "content-encoding" not in reply.headers


def test_it_is_gzipped_on_request(shop: Client) -> None:
    reply = script(shop, accept_encoding="br, gzip")
    assert reply.headers["content-encoding"] == "gzip"
    assert gzip.decompress(reply.body) == scripts.build_script().content


def test_a_cached_copy_is_not_sent_again(shop: Client) -> None:
    etag = script(shop).headers["etag"]
    again = script(shop, if_none_match=f'"other", {etag}', accept_encoding="gzip")
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == etag
    assert script(shop, if_none_match='"other"').status == 200


def test_requested_adapters_precede_the_core(shop: Client) -> None:
    plain, all_ = script(shop), script(shop, f"/sdk.js?with={ALL}")
    assert all_.body.endswith(plain.body)
    assert len(all_.body) > len(plain.body)
    assert all_.headers["etag"] != plain.headers["etag"]
    assert script(shop, "/sdk.js?with=xo,%20tracardi,,xo").body == (
        script(shop, "/sdk.js?with=tracardi,xo").body
    )


def test_the_error_names_an_unknown_adapter(shop: Client) -> None:
    reply = script(shop, "/sdk.js?with=xo,klingon")
    assert (reply.status, reply.error["field"]) == (400, "with")
    assert "'klingon'" in reply.error["message"]


def test_the_module_exports_it(shop: Client) -> None:
    module = script(shop, "/sdk.mjs?with=xo", **ORIGIN)
    assert (
        module.body
        == script(shop, "/sdk.js?with=xo").body + b"export default self.hardlink;\n"
    )
    assert module.headers["access-control-allow-origin"] == ORIGIN["origin"]


# POST /session


def kept(shop: Client, session: str, cookie: str | None = None, **more: bool) -> Reply:
    body = {"source": {"id": "web-key"}, "session": {"id": session}, **more}
    headers = {} if cookie is None else {"cookie": f"a=b; hardlink_session={cookie}"}
    return shop.post("/session", body, **ORIGIN, **headers)


def test_a_session_is_kept_in_a_cookie(shop: Client) -> None:
    reply = kept(shop, "my-session")
    assert reply.json == {"session": {"id": "my-session"}}
    assert reply.headers["set-cookie"] == (
        "hardlink_session=my-session; Max-Age=34128000; Path=/; Secure; HttpOnly; SameSite=Lax"
    )
    assert reply.headers["access-control-allow-credentials"] == "true"


def test_the_one_that_is_kept_already_is_answered(shop: Client) -> None:
    reply = kept(shop, "new", cookie="old")
    assert reply.json == {"session": {"id": "old"}}
    assert "set-cookie" not in reply.headers


def test_it_is_renewed_and_forgotten_when_it_is_said(shop: Client) -> None:
    renewed = kept(shop, "new", cookie="old", renew=True)
    assert renewed.json == {"session": {"id": "new"}}
    assert renewed.headers["set-cookie"].startswith("hardlink_session=new; ")
    forgotten = kept(shop, "new", cookie="new", forget=True)
    assert forgotten.headers["set-cookie"].startswith("hardlink_session=; Max-Age=0; ")


@pytest.mark.parametrize("cookie", ["", "@customer", "x" * 300, "%00"])
def test_a_cookie_that_names_no_session_is_replaced(shop: Client, cookie: str) -> None:
    reply = kept(shop, "new", cookie=cookie)
    assert reply.json == {"session": {"id": "new"}}
    assert reply.headers["set-cookie"].startswith("hardlink_session=new; ")


def test_any_session_survives_the_cookie(shop: Client) -> None:
    odd = "ä; b=c,d e"
    value = kept(shop, odd).headers["set-cookie"].partition(";")[0].partition("=")[2]
    assert kept(shop, "new", cookie=value).json == {"session": {"id": odd}}


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "source.id"),
        ({"source": {"id": "nobody"}, "session": {"id": "s"}}, 401, "source.id"),
        ({"source": {"id": "web-key"}}, 400, "session.id"),
        (
            {"source": {"id": "web-key"}, "session": {"id": "s"}, "renew": "maybe"},
            400,
            "renew",
        ),
        ({"source": {"id": "web-key"}, "session": {"id": "@s"}}, 400, "session.id"),
    ],
)
def test_what_keeps_nothing(
    shop: Client, body: object, status: int, field: str
) -> None:
    reply = shop.post("/session", body)
    assert (reply.status, reply.error.get("field")) == (status, field)
    assert "set-cookie" not in reply.headers


def test_a_stranger_keeps_nothing(shop: Client) -> None:
    body = {"source": {"id": "web-key"}, "session": {"id": "s"}}
    reply = shop.post("/session", body, origin="https://evil.example")
    assert reply.status == 403
    assert "set-cookie" not in reply.headers


# `sent`: the device's clock, said in the body


@pytest.mark.parametrize(("sent", "corrected"), [(10**12, True), ("1000000000000", True),
    (None, False), (True, False), ("soon", False), (-1, False), ({"a": 1}, False)])  # fmt: skip
def test_a_device_says_when_it_sends(
    shop: Client,
    sent: object,
    corrected: bool,  # noqa: FBT001
) -> None:
    visit = fresh()
    event = {"type": "a", "time": 10**12}
    body = {
        "source": {"id": "web-key"},
        "session": {"id": visit},
        "events": [event],
        "sent": sent,
    }
    assert shop.post("/track", body).json["results"][0]["status"] == "stored"
    (found,) = shop.get("sessions", visit, "events").json["events"]
    assert (found["time"][:4] != "2001") is corrected
