"""A shop's own tests, in a project outside the tree, run a Hardlink of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra import topology
from infra.testing.local_hardlink import NotReady, NotSeen, run_local_hardlink
from tests.http.service import Client, fresh
from tests.support.engines.site import Site

CONFTEST = """
import pytest

pytest_plugins = ["infra.testing.pytest_plugin", *PLUGINS]


@pytest.fixture(scope="session")
def hardlink_origins():
    return [ORIGIN]
"""
TESTS = """
import pytest


def track(hardlink, *events, **more):
    body = {"source": {"id": hardlink.write_key}, "session": {"id": "s"}, **more}
    return hardlink.service.send("POST", "/track", {**body, "events": list(events)})


def test_what_came_in_is_told(hardlink):
    track(hardlink, {"type": "purchase", "properties": {"total_price": 7.99}}, {"type": 7})
    (event,) = hardlink.wait_for("purchase", seconds=60)
    assert event["properties"] == {"total_price": 7.99}
    (refused,) = hardlink.refused()
    assert refused["status"] == "rejected"
    assert refused["reason"]
    assert len(hardlink.all()) == 2
    assert hardlink.good("other") == []


def test_each_test_begins_with_nothing(hardlink):
    assert hardlink.all() == []
    assert hardlink.service.find("/sessions", id="s") is None


@pytest.mark.parametrize("run", range(3))
def test_a_customer_is_waited_for_and_forgotten(hardlink, run):
    assert hardlink.service.find("/customers", registered="gordon") is None
    track(hardlink, {"type": "view"}, ids={"registered": "gordon"})
    customer = hardlink.wait_for_customer("registered", "gordon", "view", seconds=60)
    assert customer["visits"] == 1


def test_what_does_not_come_fails_with_what_did(hardlink):
    track(hardlink, {"type": "view"})
    with pytest.raises(AssertionError, match="1 x 'purchase' did not come in.*view stored"):
        hardlink.wait_for("purchase", seconds=0)


def test_a_page_may_have_the_snippet(hardlink):
    assert hardlink.url in hardlink.snippet
"""
BROWSER_TESTS = """
import pytest

from infra.testing.browser import install_sdk, redirect_calls


def test_a_page_without_the_snippet(page, hardlink):
    install_sdk(page, hardlink)
    page.goto(PAGE)
    hardlink.wait_for("page_visit", seconds=60)
    page.evaluate("hardlink.track('purchase', {total_price: 7.99}, null, null, true)")
    (event,) = hardlink.wait_for("purchase", seconds=60)
    assert event["properties"]["total_price"] == 7.99
    assert hardlink.refused() == []


def test_a_page_with_the_snippet_of_the_deployed_service(page, hardlink):
    deployed = "https://hardlink.shop.example"
    with redirect_calls(page, deployed, hardlink) as redirected:
        page.goto(PAGE)
        page.set_content(hardlink.snippet.replace(hardlink.url, deployed))
        redirected.wait_for("page_visit", seconds=60)


@pytest.mark.parametrize("run", range(3))
def test_a_page_may_close_while_it_calls(page, hardlink, run):
    deployed = "https://hardlink.shop.example"
    with redirect_calls(page, deployed, hardlink) as redirected:
        page.goto(PAGE)
        page.set_content(hardlink.snippet.replace(hardlink.url, deployed))
        redirected.wait_for("page_visit", seconds=60)
        page.evaluate("for (let n = 0; n < 30; n++) hardlink.track('view', {n}, null, null, true)")
"""


def run_project(
    folder: Path, tests: str, page: str, *plugins: str
) -> subprocess.CompletedProcess[str]:
    """Run a shop's tests, in a process that finds Hardlink as an installed package."""
    origin = page.rpartition("/")[0]
    head = f"ORIGIN, PAGE = {origin!r}, {page!r}\nPLUGINS = {list(plugins)!r}\n"
    (folder / "conftest.py").write_text(head + CONFTEST)
    (folder / "test_shop.py").write_text(head + tests)
    paths = [str(topology.ROOT), str(topology.FUNCTIONS)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_shop_asks_what_came_in(tmp_path: Path) -> None:
    ran = run_project(tmp_path, TESTS, "http://localhost:5173/")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "7 passed" in ran.stdout


def test_pages_in_a_browser_send_to_it(
    tmp_path: Path, site: Site, browser: object
) -> None:
    """`browser` skips it where there is none; the project starts one of its own."""
    ran = run_project(
        tmp_path, BROWSER_TESTS, site.page("shop", ""), "tests.support.browsing"
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "5 passed" in ran.stdout


def test_a_service_that_does_not_start_says_why(tmp_path: Path) -> None:
    sources = tmp_path / "sources.toml"
    sources.write_text("[sources.web]\n")
    with (
        pytest.raises(NotReady, match=r"sources\.toml"),
        run_local_hardlink((), sources),
    ):
        pass


def test_a_reset_needs_the_server_key_and_the_setting(tmp_path: Path) -> None:
    with run_local_hardlink() as local:
        assert local.service.send("POST", "/_local/reset").status == 401
        with pytest.raises(NotSeen):
            local.wait_for("nothing", seconds=0)


def test_a_service_that_is_not_for_tests_forgets_nothing(shop: Client) -> None:
    session = fresh()
    shop.track(session, "view")
    key = {"authorization": f"Bearer {shop.key}"}
    assert shop.send("POST", "/_local/reset", b"", key).status == 404
    assert shop.get("sessions", session).status == 200
