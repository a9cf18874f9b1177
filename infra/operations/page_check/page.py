"""The facts of a page that matter to the snippet, and rules over them. Pure.

Each rule returns `None` where nothing is wrong, else what is wrong and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_START = re.compile(r"\bhardlink\s*\.\s*start\s*\(\s*\{(.*?)\}\s*\)", re.DOTALL)
_SCRIPT = re.compile(
    r"<script\b[^>]*\bsrc\s*=\s*[\"']?([^\"'\s>]*/sdk\.js[^\"'\s>]*)", re.I
)
_OPTION = r"\b%s\s*:\s*[\"']([^\"']*)[\"']"
_META_POLICY = re.compile(
    r"<meta\b[^>]*http-equiv\s*=\s*[\"']?content-security-policy[\"']?[^>]*"
    r"\bcontent\s*=\s*\"([^\"]*)\"",
    re.IGNORECASE,
)
_ALLOWS_INLINE = ("'unsafe-inline'", "'nonce-", "'sha256-", "'sha384-", "'sha512-")


@dataclass(frozen=True)
class Snippet:
    """The snippet of a page. `script`: URL of the SDK. Empty: the page does not say it."""

    token: str = ""
    target: str = ""
    script: str = ""
    asks_for_consent: bool = False


@dataclass(frozen=True)
class Page:
    """A page. `url`: after redirects. `policies`: its Content Security Policies."""

    url: str
    html: str
    policies: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """What a browser sends as `Origin` with the page's calls."""
        return find_origin(self.url)


def find_origin(url: str) -> str:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def read_snippet(html: str) -> Snippet | None:
    """Find the snippet in a page's HTML; `None` where neither of its two parts is there."""
    start = _START.search(html)
    script = _SCRIPT.search(html)
    if start is None and script is None:
        return None
    options = start[1] if start else ""
    return Snippet(
        _read_option(options, "token"),
        _read_option(options, "target").rstrip("/"),
        script[1] if script else "",
        _read_option(options, "consent") == "required",
    )


def read_policies(html: str, header: str | None) -> tuple[str, ...]:
    """Return the Content Security Policies of a page: of its header, and of its elements."""
    policies = [] if header is None else header.split(",")
    return (*policies, *_META_POLICY.findall(html))


def snippet_fault(snippet: Snippet | None) -> str | None:
    """Check that the page has both parts of the snippet, with a key and a target."""
    if snippet is None:
        return (
            "the page has no snippet: paste the one that `hardlink run` or the stack's output "
            "Snippet shows; if a tag manager adds it, give --token and --target"
        )
    if not (snippet.token and snippet.target):
        return "hardlink.start has no token or no target: add both, as in the snippet"
    if not snippet.script:
        return 'nothing loads the SDK: add <script async src="<target>/sdk.js">'
    return None


def target_fault(page: Page, snippet: Snippet) -> str | None:
    """Check that the page may call its target at all."""
    target = urlsplit(snippet.target)
    if target.scheme not in ("http", "https") or not target.hostname:
        return f"target {snippet.target!r} is not a URL: give the whole of it"
    if page.url.startswith("https:") and target.scheme == "http":
        return "a page of https may not call http: use the https URL of the API"
    if find_origin(snippet.script) != find_origin(snippet.target):
        return f"the SDK comes from {snippet.script}, and calls go to {snippet.target}"
    return None


def policy_fault(policy: str, snippet: Snippet) -> str | None:
    """Check that a Content Security Policy lets the SDK load, the snippet run, and calls out."""
    directives = _parse_policy(policy)
    target = find_origin(snippet.target)
    for name in ("connect-src", "script-src"):
        sources = directives.get(name, directives.get("default-src"))
        if sources is not None and not _allows(sources, target):
            return (
                f"{name} of the Content Security Policy does not allow {target}: add it"
            )
    scripts = directives.get("script-src", directives.get("default-src"))
    if scripts is not None and not _allows_inline(scripts):
        return "script-src lets no inline script run: give the snippet a nonce, and name it there"
    return None


def _read_option(options: str, name: str) -> str:
    found = re.search(_OPTION % name, options)
    return found[1] if found else ""


def _parse_policy(policy: str) -> Mapping[str, list[str]]:
    directives: dict[str, list[str]] = {}
    for directive in policy.split(";"):
        name, *sources = directive.split()[:1000] or [""]
        # The first one of a name counts, as browsers have it.
        directives.setdefault(name.lower(), sources)
    return directives


def _allows(sources: Iterable[str], origin: str) -> bool:
    scheme, _, host = origin.partition("://")
    for source in sources:
        if source in ("*", f"{scheme}:", origin, f"{origin}/", host):
            return True
        wildcard = source.removeprefix(f"{scheme}://")
        if wildcard.startswith("*.") and host.endswith(wildcard[1:]):
            return True
    return False


def _allows_inline(sources: Iterable[str]) -> bool:
    return any(source.startswith(_ALLOWS_INLINE) for source in sources)
