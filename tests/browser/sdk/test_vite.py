"""A shop of React, React Router and TypeScript, built by Vite: in a browser, and rendered on a server."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.browser.sdk.shop import (
    KEY,
    Shop,
    open_page,
    session,
    wait_in_browser,
    wait_until,
)
from tests.browser.sdk.test_package import NAME, run
from tests.clients import npm
from tests.support.engines import Unavailable, tools

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

HERE = Path(__file__).with_name("vite")


@pytest.fixture(scope="module")
def project(sdk_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the shop's sources, with the SDK and all tools installed."""
    try:
        packages = npm.installed(wanted=HERE)
    except Unavailable as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("vite")
    (folder / "node_modules").symlink_to(packages / "node_modules")
    shutil.copytree(HERE / "shop", folder / "shop")
    shutil.copytree(
        sdk_project / "node_modules" / NAME, folder / "shop" / "node_modules" / NAME
    )
    return folder / "shop"


def build(project: Path, *arguments: str) -> None:
    vite = project.parent / "node_modules" / "vite" / "bin" / "vite.js"
    run([*tools.node(), str(vite), "build", *arguments], project)


def test_a_react_shop_tracks_visits_of_its_routes_and_clicks(
    shop: Shop,
    device: BrowserContext,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = f"/{uuid4()}/"
    monkeypatch.setenv("VITE_KEY", KEY)
    monkeypatch.setenv("VITE_TARGET", shop.url)
    build(project, f"--base={base}")
    for path in (project / "dist").rglob("*.*"):
        name = path.relative_to(project / "dist").as_posix()
        shop.site.pages[f"{base}{name}"] = path.read_text(encoding="utf-8")
    traffic = shop.record_traffic(device)
    page = open_page(device, f"{shop.site.origin}{base}index.html")
    page.get_by_role("link", name="Product").click()
    page.get_by_role("button", name="Add to the basket").click()
    wait_in_browser(page, traffic.types, ["page_visit", "page_visit", "add_to_basket"])
    assert traffic.events()[1]["properties"]["path"] == "/product"
    wait_until(lambda: len(shop.session_types(session(page))), 3)


def test_a_server_renders_the_same_pages(project: Path) -> None:
    build(project, "--ssr", "server.tsx", f"--outDir={project / 'rendered'}")
    (script,) = (project / "rendered").glob("server.*js")
    printed = run(
        [*tools.node(), "--unhandled-rejections=strict", str(script)],
        project,
    )
    assert "Add to the basket" in printed


def test_a_page_that_a_server_rendered_tracks_under_a_strict_policy(
    shop: Shop,
    device: BrowserContext,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As with Next.js: the server imports the SDK too, and the browser takes the page over."""
    folder = f"/{uuid4()}"
    monkeypatch.setenv("VITE_KEY", KEY)
    monkeypatch.setenv("VITE_TARGET", shop.url)
    build(project, "--config", "hydrate.config.js", f"--base={folder}/")
    for path in (project / "hydrated").rglob("*.js"):
        name = path.relative_to(project / "hydrated").as_posix()
        shop.site.pages[f"{folder}/{name}"] = path.read_text(encoding="utf-8")
    html = render(project, "/product", f"{folder}/page.js")
    policy = (
        f"default-src 'none'; script-src {shop.site.origin}; connect-src {shop.url}; img-src data:;"
        " base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    shop.site.pages["/product"] = f"<!doctype html>{meta}{html}"
    refused: list[str] = []
    device.on("console", lambda message: refused.append(message.text))
    traffic = shop.record_traffic(device)
    page = open_page(device, f"{shop.site.origin}/product")
    page.get_by_role("button", name="Add to the basket").click()
    wait_in_browser(page, traffic.types, ["page_visit", "add_to_basket"])
    wait_until(lambda: len(shop.session_types(session(page))), 2)
    assert refused == []


def render(project: Path, address: str, script: str) -> str:
    """Render a page on a server: the HTML of an address, which loads this script."""
    build(project, "--ssr", "page.tsx", f"--outDir={project / 'answers'}")
    (server,) = (project / "answers").glob("page.*js")
    command = [*tools.node(), "--unhandled-rejections=strict", str(server)]
    return run([*command, address, script], project)
