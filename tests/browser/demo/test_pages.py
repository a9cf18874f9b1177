"""The shop's pages: accessibility on all screens and in both themes, and how they are served."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra import routes
from infra.local.demo_shop import FILES
from infra.snippet import render_snippet
from tests.browser.console.test_access import SIZES, check_types, violations
from tests.browser.demo.device import device
from tests.http.service import Client, fresh

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGES = (
    "",
    "?room=desk",
    "/product/lamp",
    "/product/nothing",
    "/basket",
    "/checkout",
    "/newsletter",
)
CUSTOMER_PAGES = ("/account", "/login", "/order")
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(
    browser: Browser, url: str, checks: Path, theme: str, size: str
) -> None:
    width, height = SIZES[size]
    options: dict[str, Any] = {"color_scheme": theme, "reduced_motion": "reduce"}
    viewport = {"width": width, "height": height}
    with device(browser, url, viewport=viewport, bypass_csp=True, **options) as visitor:
        page = visitor.go()
        found = {"consent banner": violations(page, checks)}
        visitor.accept_tracking()
        visitor.look_at("Dusk lamp")
        visitor.add_to_basket()
        page.locator(".panel summary").click()
        found["panel"] = violations(page, checks)
        for path in PAGES:
            visitor.go(path)
            found[path] = violations(page, checks)
            assert page.evaluate(WIDE) <= 0, f"{path} is wider than the screen"
        visitor.log_in("Ada Lovelace", f"{fresh('ada')}@example.com")
        for path in CUSTOMER_PAGES:
            visitor.go(path)
            page.get_by_text("customer: Ada").wait_for()
            found[path] = violations(page, checks)
            assert page.evaluate(WIDE) <= 0, f"{path} is wider than the screen"
        assert [(path, *one) for path, some in found.items() for one in some] == []


def test_the_scripts_pass_the_type_check(checks: Path) -> None:
    check_types(checks, Path(__file__).with_name("tsconfig.json"))


@pytest.mark.parametrize("path", ["", "/", "/product/lamp", "/basket", "/order"])
def test_a_page_has_the_snippet_and_a_strict_content_security_policy(
    shop: Client, url: str, path: str
) -> None:
    answers = [shop.send("GET", f"/demo{path}") for _ in range(2)]
    nonces = set()
    for answer in answers:
        assert answer.status == 200
        assert answer.headers["cache-control"] == "no-store"
        text, policy = answer.body.decode(), answer.headers["content-security-policy"]
        (nonce,) = set(re.findall(r'nonce="([^"]+)"', text))
        nonces.add(nonce)
        assert policy == (
            f"default-src 'none'; script-src 'nonce-{nonce}' 'self' {url}; connect-src {url}; "
            "style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        )
        pasted = (
            text.replace(f' nonce="{nonce}"', "")
            .replace(', consent: "required"', "")
            .replace("?with=ecommerce,visitor", "")
        )
        assert render_snippet(url, "demo") in pasted
    assert len(nonces) == 2


def test_an_unknown_page_is_not_found(shop: Client) -> None:
    for path in (
        "/nothing",
        "/product",
        "/basket/x",
        "/app.txt",
        "/page.html",
        "/none.js",
    ):
        answer = shop.send("GET", f"/demo{path}")
        assert answer.status == 404
        assert answer.headers["content-type"] == "text/html;charset=utf-8"


@pytest.mark.parametrize("name", sorted(path.name for path in FILES.iterdir()))
def test_files_are_served_and_never_parse_markup(shop: Client, name: str) -> None:
    raw = (FILES / name).read_bytes()
    if not name.endswith(".html"):
        assert shop.send("GET", f"/demo/{name}").body == raw
        assert shop.send("HEAD", f"/demo/{name}").body == b""
    markup_functions = rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(|srcdoc"
    assert not re.search(markup_functions, raw)
    assert not re.search(rb"""(?:src|href|url\(|from|import)\W{0,3}https?:""", raw)


@pytest.mark.parametrize(
    "path",
    [
        "/demo/../demo_shop.py",
        "/demo/%2e%2e/demo_shop.py",
        "/demo/..%2fdemo_shop.py",
        "/demo//app.js",
    ],
)
def test_files_outside_the_demo_are_not_served(shop: Client, path: str) -> None:
    assert shop.send("GET", path).status == 404


def test_the_demo_does_not_change_the_api(shop: Client) -> None:
    assert not [route for route in routes.ROUTES if route.path.startswith("/demo")]
    posted = shop.send(
        "POST", "/demo", b"{}"
    )  # a call of Attraqt XO with the tracker key `demo`
    assert (posted.status, posted.headers["content-type"]) == (422, "application/json")
    assert shop.send("GET", "/demos").status == 404
    assert shop.send("GET", "/").status == 404


@pytest.mark.parametrize("size", SIZES)
def test_the_open_panel_covers_no_controls(
    browser: Browser, url: str, size: str
) -> None:
    width, height = SIZES[size]
    with device(browser, url, viewport={"width": width, "height": height}) as visitor:
        visitor.accept_tracking()
        visitor.look_at("Dusk lamp")
        visitor.add_to_basket()
        visitor.page.locator(".panel summary").click()
        visitor.page.get_by_role("link", name="View basket").click()
        for name in ("Go to checkout", "Privacy settings", "Hardlink console"):
            found = visitor.page.get_by_text(name)
            found.evaluate("element => element.scrollIntoView({block: 'center'})")
            found.click(trial=True, timeout=10_000)
