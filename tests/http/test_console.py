"""The console's files, and the calls that only it makes."""

from __future__ import annotations

import re

import pytest

from infra import topology
from tests.http.service import OTHER_KEY, Client, fresh

STATIC = topology.FUNCTIONS / "console" / "static"
FILES = sorted(path.name for path in STATIC.iterdir())


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_served_to_everybody_and_only_once(
    shop: Client, name: str
) -> None:
    first = shop.get("console", name, key=None)
    assert (first.status, first.body) == (200, (STATIC / name).read_bytes())
    assert first.headers["cache-control"] == "public, no-cache"
    assert first.headers["x-content-type-options"] == "nosniff"
    for known in (first.headers["etag"], f'W/{first.headers["etag"]}, "other"'):
        again = shop.send("GET", f"/console/{name}", None, {"if-none-match": known})
        assert (again.status, again.body) == (304, b"")
    other = shop.send("GET", f"/console/{name}", None, {"if-none-match": '"other"'})
    assert other.status == 200


def test_the_page_allows_nothing_but_its_own_files(shop: Client) -> None:
    page = shop.get("console", key=None)
    assert page.headers["content-type"] == "text/html;charset=utf-8"
    policy = dict(
        part.split(" ", 1)
        for part in page.headers["content-security-policy"].split("; ")
    )
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "https: data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert set(re.findall(rb'(?:src|href)="(?!data:)([^"]+)"', page.body)) == {
        b"console/style.css",
        b"console/app.js",
    }


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("nothing.js", 404),
        ("../handler.py", 404),
        pytest.param("..%2fhandler.py", 400, id="a path that API Gateway misreads"),
        ("%2e%2e", 404),
    ],
)
def test_nothing_else_is_served(shop: Client, name: str, status: int) -> None:
    assert shop.send("GET", f"/console/{name}").status == status


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_no_script_makes_markup_of_text(name: str) -> None:
    text = (STATIC / name).read_text(encoding="utf-8")
    made = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(|srcdoc"
    assert not re.search(made, text)
    assert len(text) < 10_000


def test_a_project_says_by_what_its_customers_are_known(shop: Client) -> None:
    found = shop.get("project").json
    assert found["project"] == {"name": "shop"}
    assert {"type": "registered", "kind": "hard"} in found["identifiers"]
    assert {"type": "email", "kind": "soft"} in found["identifiers"]
    assert shop.get("project", key=OTHER_KEY).json["project"] == {"name": "other"}


@pytest.mark.parametrize(
    "path",
    [("live",), ("project",), ("sessions", "any", "verdicts")],
    ids=lambda path: path[-1],
)
def test_a_server_key_is_demanded(shop: Client, path: tuple[str, ...]) -> None:
    assert shop.get(*path, key=None).status == 401
    assert shop.get(*path, key="wrong").status == 401


def test_who_looks_on_sees_their_own_project_alone(shop: Client) -> None:
    session = fresh()
    shop.track(session, "view", "")
    keys = {"key": OTHER_KEY}
    mine, others = shop.get("live").json, shop.get("live", **keys).json
    assert {one["status"] for one in mine["events"] if one["session"] == session} == {
        "stored",
        "rejected",
    }
    assert [one for one in others["events"] if one["session"] == session] == []
    assert shop.get("sessions", session, "verdicts", **keys).status == 404


@pytest.mark.parametrize("cursor", ["no cursor", "!", "e30"])
def test_a_cursor_that_is_none_is_told(shop: Client, cursor: str) -> None:
    reply = shop.get("live", since=cursor)
    assert (reply.status, reply.error["code"], reply.error["field"]) == (
        400,
        "invalid",
        "since",
    )
