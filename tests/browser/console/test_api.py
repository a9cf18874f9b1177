"""The page of the API: every call of the OpenAPI document, with its fields, an example and its answer."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from infra.operations.openapi import __main__ as openapi
from tests.browser.console.test_live import expect_count
from tests.support.engines import tools

if TYPE_CHECKING:
    from playwright.sync_api import Page


# Every rule that its authors recommend, and each of them counts.
LINT = """
import { readFileSync } from "node:fs"
import { createConfig, lintFromString } from "@redocly/openapi-core"

const [, absoluteRef] = process.argv
const source = readFileSync(absoluteRef, "utf8")
const config = await createConfig({ extends: ["recommended-strict"] })
for (const { ruleId, message, location } of await lintFromString({ source, absoluteRef, config }))
  console.log(`${ruleId}: ${message} ${location[0].pointer}`)
"""


def lint(checks: Path, document: Path) -> list[str]:
    """What the linter of Redocly finds in an OpenAPI document, each on a line."""
    command = [*tools.node(), "--input-type=module", "-e", LINT, str(document)]
    done = subprocess.run(
        command, cwd=checks, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def test_the_document_has_nothing_that_a_linter_warns_of(
    checks: Path, tmp_path: Path
) -> None:
    assert lint(checks, openapi.TARGET) == []
    document = json.loads(openapi.TARGET.read_text(encoding="utf-8"))
    del document["paths"]["/track"]["post"]["summary"]
    changed = tmp_path / "openapi.json"
    changed.write_text(json.dumps(document), encoding="utf-8")
    (found,) = lint(checks, changed)
    assert found.startswith("operation-summary")


def open_api(console: Page) -> None:
    console.get_by_role("link", name="API").click()
    console.get_by_role("heading", name="API", exact=True).wait_for()


def test_every_call_of_the_document_is_listed(console: Page) -> None:
    document = json.loads(openapi.TARGET.read_text(encoding="utf-8"))
    wanted = [
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
    ]
    open_api(console)
    assert console.locator(".call > summary > code").all_inner_texts() == wanted


def test_a_call_shows_its_body_an_example_and_its_answer(console: Page) -> None:
    open_api(console)
    name = console.get_by_text("POST /consent", exact=True)
    consent = console.locator(".call").filter(has=name)
    consent.locator("summary").click()
    text = consent.inner_text()
    for part in ("granted or denied", "required", "write key", "Answer 200"):
        assert part in text
    example = json.loads(consent.locator("pre").inner_text())
    assert example["tracking"] == "denied"


def test_calls_are_filtered_by_any_text(console: Page) -> None:
    open_api(console)
    console.get_by_label("Filter calls").fill("/customers/recent")
    expect_count(console.locator(".call:visible"), 1)


def test_a_document_that_cannot_be_loaded_is_an_error(console: Page) -> None:
    console.route("**/openapi.json", lambda route: route.abort())
    console.get_by_role("link", name="API").click()
    console.get_by_role("heading", name="Could not load").wait_for()
