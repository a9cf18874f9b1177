"""The npm package: it is packed, imported on a server, type-checked, and bundled for a page."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.browser.sdk.shop import (
    KEY,
    QUIET,
    Shop,
    call,
    open_page,
    wait_in_browser,
    wait_until,
)
from tests.http.service import fresh
from tests.support.engines import tools

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

NAME = "hardlink-sdk"
PARTS = (
    "adopt",
    "consentmode",
    "debug",
    "ecommerce",
    "helloretail",
    "newsletter",
    "profile",
    "tcf",
    "tracardi",
    "visitor",
    "visits",
    "xo",
)


@pytest.fixture(scope="session")
def project(sdk_project: Path) -> Path:
    """The folder of a project in which the package is installed."""
    return sdk_project


def bundle(project: Path, packages: Path, code: str) -> dict[str, str]:
    """Bundle a page's module as a shop's build does, in parts that are loaded when they are needed."""
    (project / "page.js").write_text(code, encoding="utf-8")
    out = project / f"out-{uuid4()}"
    run(
        [
            *tools.node(),
            str(packages / "node_modules/esbuild/bin/esbuild"),
            *("page.js", "--bundle", "--format=esm", "--splitting", "--minify"),
            *(f"--outdir={out}", "--log-level=error"),
        ],
        project,
    )
    return {path.name: path.read_text(encoding="utf-8") for path in out.iterdir()}


def publish(shop: Shop, files: dict[str, str], before: str = "") -> str:
    """Publish the files of a bundle and a page that loads it; returns the page's URL."""
    folder = f"/{uuid4()}"
    for name, text in files.items():
        shop.site.pages[f"{folder}/{name}"] = text
    source = f"{shop.site.origin}{folder}/page.js"
    return shop.raw_page(f'{before}<script type="module" src="{source}"></script>')


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


def options(shop: Shop) -> str:
    return json.dumps({**QUIET, "token": KEY, "target": shop.url})


def test_it_contains_what_a_page_needs_and_nothing_of_the_function(
    project: Path,
) -> None:
    folder = project / "node_modules" / NAME
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    assert files == {
        "README.md",
        "package.json",
        "hardlink.d.ts",
        *(f"package/{name}.js" for name in (*PARTS, "index", "loading")),
        "package/global.d.ts",
        *(f"served/{name}.js" for name in (*PARTS, "hardlink")),
    }


def test_its_version_is_that_of_the_sdk(project: Path) -> None:
    folder = project / "node_modules" / NAME
    version = json.loads((folder / "package.json").read_text())["version"]
    assert f'version:"{version}"' in (folder / "served" / "hardlink.js").read_text()


def test_a_server_may_import_it_and_call_it(project: Path) -> None:
    (project / "server.js").write_text(
        f"""
        import hardlink from "{NAME}"
        import "{NAME}/xo"
        hardlink.start({{token: "demo", target: "https://x.example"}})
        hardlink.track("nobody waits for this one")
        const outcome = await hardlink.xo.send({{action: "view"}}).catch(error => error.code)
        console.log(outcome, typeof globalThis.hardlink)
        """,
        encoding="utf-8",
    )
    printed = run(
        [*tools.node(), "--unhandled-rejections=strict", "server.js"], project
    )
    assert printed.split() == ["no_browser", "undefined"]


def test_a_bundled_page_tracks_and_identifies(
    shop: Shop, device: BrowserContext, project: Path, packages: Path
) -> None:
    customer = fresh("c")
    code = f"""
        import hardlink from "{NAME}"
        import "{NAME}/helloretail"
        hardlink.track("before-it-is-started")
        hardlink.start({options(shop)})
        window.session = hardlink.getSession()
        hardlink.identify({customer!r})
        hardlink.helloretail.trackClick("box").then(() => hardlink.track("later"))
    """
    page = open_page(device, publish(shop, bundle(project, packages, code)))
    wait_until(
        lambda: [event["type"] for event in shop.events("registered", customer)],
        ["before-it-is-started", "click", "later"],
    )
    found = call(page, "session.then(id => id === hardlink.getSession())")
    assert found == {"ok": True}


def test_a_page_with_a_strict_policy_needs_no_more_than_its_own_scripts(
    shop: Shop, device: BrowserContext, project: Path, packages: Path
) -> None:
    code = f"""
        import hardlink from "{NAME}"
        hardlink.start({options(shop)})
        window.result = hardlink.track("strict")
    """
    policy = (
        f"default-src 'none'; script-src {shop.site.origin}; img-src data:; connect-src {shop.url};"
        " require-trusted-types-for 'script'; trusted-types 'none'"
    )
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    page = open_page(device, publish(shop, bundle(project, packages, code), meta))
    assert page.evaluate("result.then(verdict => verdict.status)") == "stored"


def test_navigation_of_a_router_is_a_page_visit(
    shop: Shop, device: BrowserContext, project: Path, packages: Path
) -> None:
    """Routers of React, Vue and others change the address with `history.pushState`."""
    code = f"""
        import hardlink from "{NAME}"
        hardlink.start({{...{options(shop)}, track: {{visits: true}}}})
        window.session = hardlink.getSession()
    """
    traffic = shop.record_traffic(device)
    page = open_page(device, publish(shop, bundle(project, packages, code)))
    page.evaluate("history.pushState({}, '', '/product/1')")
    wait_in_browser(page, traffic.types, ["page_visit", "page_visit"])
    assert traffic.events()[1]["properties"]["path"] == "/product/1"


def test_an_adapter_that_was_not_imported_is_named(
    shop: Shop, device: BrowserContext, project: Path, packages: Path
) -> None:
    code = f"""
        import hardlink from "{NAME}"
        hardlink.start({options(shop)})
        window.call = () => hardlink.xo.send({{}}).catch(error => error.message)
    """
    page = open_page(device, publish(shop, bundle(project, packages, code)))
    assert 'import "hardlink-sdk/xo" first' in page.evaluate("call()")


def test_its_types_check_a_project(project: Path, packages: Path) -> None:
    (project / "shop.ts").write_text(
        f"""
        import hardlink from "{NAME}"
        import "{NAME}/ecommerce"
        hardlink.start({{token: "demo", target: "https://x", anonymizeOnConflict: true}})
        const status: Promise<string> = hardlink.track("a").then(verdict => verdict.status)
        window.hardlink.identify("gordon")
        globalThis.hardlink.anonymize()
        // @ts-expect-error not an option
        hardlink.start({{tokn: "demo"}})
        """,
        encoding="utf-8",
    )
    compiler = str(packages / "node_modules/typescript/bin/tsc")
    types = ("--types", f"{NAME}/global", "--moduleResolution", "bundler")
    strict = ("--strict", "--noEmit", "--target", "es2022", "--module", "es2022")
    run([*tools.node(), compiler, *strict, *types, "shop.ts"], project)
