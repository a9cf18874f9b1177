"""Rules over a shop's page: its snippet, its target, its Content Security Policy."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest

from infra.operations.page_check.checks import follow_redirects
from infra.operations.page_check.page import (
    Page,
    Snippet,
    policy_fault,
    read_policies,
    read_snippet,
    snippet_fault,
    target_fault,
)
from infra.snippet import render_snippet

TARGET = "https://hardlink.shop.example"
GOOD = Snippet("demo", TARGET, f"{TARGET}/sdk.js")
PAGE = Page("https://shop.example/basket", "")


def test_the_projects_own_snippet_is_read() -> None:
    found = read_snippet(f"<html>{render_snippet(TARGET, 'demo')}</html>")
    assert found == replace(GOOD, nonce="", script_nonce="")
    assert snippet_fault(GOOD) is None


def test_consent_is_read() -> None:
    html = f"hardlink.start({{token: 'k', target: '{TARGET}/', consent: \"required\"}})"
    found = read_snippet(html)
    assert found == Snippet(
        "k", TARGET, "", asks_for_consent=True, nonce="", script_nonce=""
    )


@pytest.mark.parametrize(
    ("snippet", "reason"),
    [
        (None, "no snippet"),
        (replace(GOOD, token=""), "no token"),
        (replace(GOOD, target=""), "no target"),
        (replace(GOOD, script=""), "nothing loads the SDK"),
    ],
)
def test_a_part_that_is_missing_is_named(snippet: Snippet | None, reason: str) -> None:
    fault = snippet_fault(snippet)
    assert fault
    assert reason in fault


@pytest.mark.parametrize(
    ("snippet", "reason"),
    [
        (replace(GOOD, target="shop.example"), "not a URL"),
        (replace(GOOD, target="http://shop.example"), "https may not call http"),
        (replace(GOOD, script="https://other.example/sdk.js"), "the SDK comes from"),
    ],
)
def test_a_target_that_cannot_be_called_is_told(snippet: Snippet, reason: str) -> None:
    fault = target_fault(PAGE, snippet)
    assert fault
    assert reason in fault
    assert target_fault(PAGE, GOOD) is None


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("img-src 'self'", None),
        (
            f"default-src 'none'; connect-src {TARGET}; script-src 'nonce-a' {TARGET}",
            None,
        ),
        ("connect-src https:; script-src * 'unsafe-inline'", None),
        ("connect-src *.shop.example", None),
        ("default-src 'self'", "connect-src"),
        (f"connect-src {TARGET}; script-src 'self'", "script-src of"),
        (f"script-src {TARGET}", "no inline script"),
        ("connect-src *.other.example", "connect-src"),
    ],
)
def test_a_policy_that_stops_the_snippet_says_what_to_add(
    policy: str, reason: str | None
) -> None:
    fault = policy_fault(policy, GOOD)
    assert (fault is None) == (reason is None), fault
    assert reason is None or reason in str(fault)


CODE = f"hardlink.start({{token: 'k', target: '{TARGET}'}})"
HASH = base64.b64encode(hashlib.sha256(CODE.encode()).digest()).decode()


@pytest.mark.parametrize(
    ("sources", "nonce", "reason"),
    [
        ("'unsafe-inline' *", "", None),
        (f"{TARGET} 'nonce-a'", "", "other inline scripts"),
        (f"{TARGET} 'nonce-a'", "b", "other inline scripts"),
        (f"{TARGET} 'nonce-a'", "a", None),
        ("'nonce-a'", "a", None),
        (f"{TARGET} 'unsafe-inline' 'nonce-a'", "", "other inline scripts"),
        (f"{TARGET} 'unsafe-inline' 'sha256-x'", "", "other inline scripts"),
        (f"{TARGET} 'sha256-{HASH}'", "", None),
        (f"{TARGET} 'unsafe-inline' 'strict-dynamic'", "", "ignore hosts"),
        (f"{TARGET} 'nonce-a' 'strict-dynamic'", "", "ignore hosts"),
        ("'nonce-a' 'strict-dynamic'", "a", None),
    ],
)
def test_scripts_are_judged_as_browsers_do(
    sources: str, nonce: str, reason: str | None
) -> None:
    given = f'nonce="{nonce}"' if nonce else ""
    html = f"<script {given}>{CODE}</script><script {given} src='{TARGET}/sdk.js?a&amp;b'></script>"
    snippet = read_snippet(html)
    assert snippet
    fault = policy_fault(f"script-src {sources}", snippet)
    assert (fault is None) == (reason is None), fault
    assert reason is None or reason in str(fault)


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("script-src 'none'; script-src-elem 'unsafe-inline' *", None),
        ("script-src 'unsafe-inline' *; script-src-elem 'self'", "script-src-elem"),
        ("default-src 'none'; script-src-elem 'unsafe-inline' *", "connect-src"),
        ("script-src-elem 'nonce-b' *", "script-src-elem names other"),
    ],
)
def test_the_policy_for_script_elements_wins_over_the_one_for_scripts(
    policy: str, reason: str | None
) -> None:
    snippet = read_snippet(
        f"<script>{CODE}</script><script src='{TARGET}/sdk.js'></script>"
    )
    assert snippet
    fault = policy_fault(policy, snippet)
    assert (fault is None) == (reason is None), fault
    assert reason is None or reason in str(fault)


@pytest.mark.parametrize(
    "html",
    [
        "<meta content=\"connect-src 'none'\" http-equiv=Content-Security-Policy>",
        "<META http-equiv='content-security-policy' content='connect-src &#39;none&#39;'/>",
    ],
)
def test_the_attributes_of_an_element_may_stand_in_any_order(html: str) -> None:
    assert read_policies(html, None) == ("connect-src 'none'",)
    assert read_policies(f"<!-- {html} -->", None) == ()


def test_policies_of_header_and_element_both_count() -> None:
    html = '<meta http-equiv="Content-Security-Policy" content="img-src *">'
    assert read_policies(html, "a b,c d") == ("a b", "c d", "img-src *")
    assert read_policies("", None) == ()


def test_the_origin_is_that_of_the_page_in_the_end() -> None:
    steps = ["https://www.shop.example/de", None, "start"]
    assert follow_redirects("http://shop.example", steps) == (
        "https://www.shop.example/start"
    )
    assert follow_redirects("http://shop.example/a", []) == "http://shop.example/a"
