"""The API below a path of a shop's own site: what it answers there, and what pages are told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from infra.local import lambda_runtime, service
from infra.local.api_gateway import HttpApp, HttpRequest, HttpResponse
from infra.local.service import UnusableSetting
from tests.http.service import SOURCES

KEY = "server-key-of-this-test"
SOURCE = {"source": {"id": "web-key"}, "session": {"id": "s1"}}


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpApp]:
    """The local service as `PREFIX=/hl` composes it."""
    monkeypatch.setenv("PREFIX", "/hl/")
    with lambda_runtime.run_deployment(
        SOURCES, {"shop": KEY, "other": f"{KEY}-other"}
    ) as deployment:
        yield service._create_app(service.PORT, deployment, (), KEY)


def send(app: HttpApp, method: str, target: str, body: object = None) -> HttpResponse:
    """Send a call of a page of the site."""
    sent = b"" if body is None else json.dumps(body).encode()
    headers = [("authorization", f"Bearer {KEY}")] if method == "GET" else []
    return app.answer(HttpRequest(method, target, headers, sent))


def test_calls_below_the_path_are_the_calls_of_the_api(app: HttpApp) -> None:
    visit = {**SOURCE, "events": [{"type": "view"}]}
    assert send(app, "POST", "/hl/track", visit).status == 200
    for target in ("/hl/sessions/events?id=s1", "/sessions/events?id=s1"):
        answer = json.loads(send(app, "GET", target).body)
        assert [event["type"] for event in answer["events"]] == ["view"]
    assert send(app, "GET", "/hl/sdk.js?with=debug").status == 200
    assert send(app, "GET", "/hlx/sessions/events?id=s1").status == 404


def test_the_cookie_is_kept_for_the_whole_site(app: HttpApp) -> None:
    headers = dict(send(app, "POST", "/hl/session", SOURCE).headers)
    assert "hardlink_session=s1" in headers["set-cookie"]
    assert "Path=/;" in headers["set-cookie"]
    assert "Domain" not in headers["set-cookie"]


def test_the_console_names_its_files_below_the_path(app: HttpApp) -> None:
    page = send(app, "GET", "/hl/console").body.decode()
    named = re.findall(r'(?:href|src)="([^"#:]+)"', page)
    assert named
    for file in named:
        assert not file.startswith("/")
        assert send(app, "GET", f"/hl/{file}").status == 200


def test_pages_are_given_the_path(app: HttpApp) -> None:
    answer = send(app, "GET", "/demo")
    page = answer.body.decode()
    url = f"http://127.0.0.1:{service.PORT}"
    assert f'target: "{url}/hl"' in page
    assert f'src="{url}/hl/sdk.js' in page
    policy = dict(answer.headers)["content-security-policy"]
    # A source with a path and no slash at its end is that path alone, and nothing below it.
    assert f"connect-src {url};" in policy


def test_a_path_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in ("hl", "/hl?", "//hl", "https://shop.example/hl"):
        monkeypatch.setenv("PREFIX", given)
        with pytest.raises(UnusableSetting, match="is not a path"):
            service.read_prefix()
    monkeypatch.delenv("PREFIX")
    assert service.read_prefix() == ""
