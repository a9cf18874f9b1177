"""Chromium, driven by Playwright: the machine's own, else Playwright's, else Debian's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.engines import Unavailable
from tests.support.engines.dynamodb_local import CACHE
from tests.support.engines.locks import install_lock

if TYPE_CHECKING:  # where Playwright is missing, only the browser tests can't run
    from playwright.sync_api import Browser, BrowserType

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = (
    "--no-sandbox",  # it refuses to start as root with it
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # no page leaves this machine
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
_LAST_WORDS = 300
_LONGEST = 600


@contextmanager
def running() -> Iterator[Browser]:
    """A browser for the length of a `with` block. Raises `Unavailable`, saying what to do."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 (see above)
    except ImportError as error:
        raise Unavailable(
            "no Playwright: pip install -r requirements-dev.txt"
        ) from error
    with sync_playwright() as playwright:
        browser = _launched(playwright.chromium)
        try:
            yield browser
        finally:
            browser.close()


def _launched(chromium: BrowserType) -> Browser:
    """The first browser that starts: what is there already is tried before anything is fetched."""
    reasons: list[str] = []
    sources: tuple[Callable[[], str], ...] = (
        _on_path,
        lambda: chromium.executable_path,
        lambda: _playwrights(chromium),
        _debians,
    )
    for source in sources:
        try:
            with install_lock(CACHE, "chromium"):
                path = _existing(source())
            return chromium.launch(executable_path=path, args=_QUIET)
        except Exception as error:  # noqa: BLE001 (whatever hinders one, the next may start)
            reasons.append(str(error).strip()[:_LAST_WORDS])
    raise Unavailable(
        "no Chromium: install it so that `chromium` is on PATH, or run "
        f"`python -m playwright install --with-deps chromium` ({'; '.join(reasons)})"
    )


def _on_path() -> str:
    return next((found for name in _NAMES if (found := shutil.which(name))), "")


def _playwrights(chromium: BrowserType) -> str:
    _ran([sys.executable, "-m", "playwright", "install", "chromium"])
    return chromium.executable_path


def _debians() -> str:
    """Only root may install, and only where no browser is to be had otherwise."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        raise Unavailable("apt-get can't be used here")
    _ran(["apt-get", "update", "-qq"])
    _ran(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"])
    return _on_path()


def _existing(path: str) -> str:
    if not path or not Path(path).exists():
        raise Unavailable(f"{path or 'no browser on PATH'}: not there")
    return path


def _ran(command: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        check=False,
        env=environment,
    )
    if done.returncode:
        raise Unavailable(
            f"{' '.join(command)} failed: {done.stderr.strip()[-_LAST_WORDS:]}"
        )
