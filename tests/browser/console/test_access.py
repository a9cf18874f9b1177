"""Accessibility by axe in both themes, on desktop and phone; keyboard access; and the type check of the scripts."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.console.test_customer import GORDON, identify_visitor
from tests.http.service import KEY, Client, fresh
from tests.support.engines import tools

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
RUN = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations.map(
    one => [one.id, one.impact, one.nodes.map(node => node.html.slice(0, 160)).slice(0, 3)])"""


@pytest.fixture(scope="module")
def views(shop: Client) -> list[str]:
    """The hash of every view, with data to show."""
    customer, session = fresh("c"), fresh()
    more: dict[str, Any] = {
        "segments": ["vip"],
        "consents": {"newsletter": True, "ads": False},
    }
    shop.track(session, "")
    identify_visitor(shop, session, fresh("first"), "view", "search")
    identify_visitor(shop, session, customer, "view", properties=GORDON, **more)
    backend = {
        "source": {"id": "web-key"},
        "server_side": True,
        "ids": {"registered": customer},
    }
    shop.post("/track", {**backend, "events": [{"type": "invoice"}]})
    mine = f"#/customers/registered/{customer}"
    return [
        "#/live",
        "#/overview",
        "#/customers",
        mine,
        f"{mine}/graph",
        f"{mine}/sessions",
        f"#/sessions/{session}",
        "#/api",
        "#/customers/registered/no-such-customer",
    ]


def violations(page: Page, checks: Path) -> list[Any]:
    page.evaluate(
        (checks / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
    )
    found: list[Any] = page.evaluate(RUN)
    return found


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(
    browser: Browser, url: str, views: list[str], checks: Path, theme: Any, size: str
) -> None:
    width, height = SIZES[size]
    viewport: Any = {"width": width, "height": height}
    with browser.new_context(
        color_scheme=theme, viewport=viewport, bypass_csp=True, reduced_motion="reduce"
    ) as context:
        page = context.new_page()
        page.goto(url)
        page.get_by_label("Server key").wait_for()
        found = {"sign-in": violations(page, checks)}
        page.get_by_label("Server key").fill(KEY)
        page.keyboard.press("Enter")
        page.locator(".bar").wait_for()
        for view in views:
            page.evaluate("view => { location.hash = view }", view)
            page.locator("main h1").wait_for()
            polls = view in ("#/live", "#/overview")
            page.wait_for_load_state("load" if polls else "networkidle")
            if view == "#/overview":
                page.locator(".chart").wait_for()
                page.get_by_text("The figures").click()
            for summary in page.locator(".entry summary, .call > summary").all()[:3]:
                summary.click(position={"x": 5, "y": 5})
            found[view] = violations(page, checks)
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert page.evaluate(wide) <= 0, f"{view} is wider than the screen"
        page.keyboard.press("?")
        found["help"] = violations(page, checks)
        assert [(view, *one) for view, some in found.items() for one in some] == []


def test_all_controls_are_reached_by_tab(console: Page, shop: Client) -> None:
    shop.track(fresh(), "view")
    console.locator(".entry").first.wait_for()
    console.locator(".skip").focus()
    reached = ["Skip to content"]
    for _ in range(18):
        console.keyboard.press("Tab")
        reached.append(
            console.evaluate(
                "(e => e.getAttribute('aria-label') || e.textContent.slice(0, 30))(document.activeElement)"
            )
        )
    first_controls = [
        "Skip to content",
        "Hardlink",
        "Live",
        "Overview",
        "Customers",
        "API",
        "Type of identifier",
        "Identifier",
    ]
    assert reached[: len(first_controls)] == first_controls
    assert {"Filter events", "Verdict", "Pause", "Raw JSON"} <= set(reached)


def check_types(checks: Path, project: Path) -> None:
    """Assert that TypeScript accepts the scripts that a `tsconfig.json` includes."""
    command = [
        *tools.node(),
        str(checks / "node_modules/typescript/bin/tsc"),
        "-p",
        str(project),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_scripts_pass_the_type_check(checks: Path) -> None:
    check_types(checks, Path(__file__).with_name("tsconfig.json"))
