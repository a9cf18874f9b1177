"""The facts of a page that matter to the snippet, and rules over them. Pure.

Each rule returns `None` where nothing is wrong, else what is wrong and what to do.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urlsplit

_START = re.compile(r"\bhardlink\s*\.\s*start\s*\(\s*\{(.*?)\}\s*\)", re.DOTALL)
_SCRIPT = re.compile(
    r"<script\b[^>]*\bsrc\s*=\s*[\"']?([^\"'\s>]*/sdk\.js[^\"'\s>]*)", re.I
)
_OPTION = r"\b%s\s*:\s*[\"']([^\"']*)[\"']"
_HASHES = ("sha256", "sha384", "sha512")
_NAMES_SCRIPTS = ("'nonce-", *(f"'{name}-" for name in _HASHES))
_STRICT = "'strict-dynamic'"


@dataclass(frozen=True)
class Snippet:
    """The snippet of a page. `script`: URL of the SDK. Empty: the page does not say it.

    `nonce`, `code`: of its inline script. `script_nonce`: of the element that loads the SDK.
    `None`: unknown, because a tag manager adds it.
    """

    token: str = ""
    target: str = ""
    script: str = ""
    asks_for_consent: bool = False
    nonce: str | None = None
    script_nonce: str | None = None
    code: str | None = field(default=None, compare=False)


@dataclass
class _Script:
    """A `<script>` element."""

    attributes: Mapping[str, str | None]
    code: str = ""

    @property
    def nonce(self) -> str:
        return self.attributes.get("nonce") or ""


class _Elements(HTMLParser):
    """Collects the scripts of a page, and the policies of its `<meta>` elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scripts: list[_Script] = []
        self.policies: list[str] = []
        # Browsers hash a script after this replacement, which HTML makes of its input.
        self.feed(html.replace("\r\n", "\n"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        kind = (attributes.get("http-equiv") or "").strip().lower()
        if tag == "script":
            self.scripts.append(_Script(attributes))
        elif tag == "meta" and kind == "content-security-policy":
            self.policies.append(attributes.get("content") or "")

    def handle_data(self, data: str) -> None:
        if self.scripts and self.cdata_elem == "script":
            self.scripts[-1].code += data

    def find_inline(self) -> _Script:
        """Return the script that starts the SDK."""
        for script in self.scripts:
            if _START.search(script.code):
                return script
        return _Script({})

    def find_loader(self) -> _Script:
        """Return the script that is the SDK."""
        for script in self.scripts:
            if "/sdk.js" in (script.attributes.get("src") or ""):
                return script
        return _Script({})


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
    elements = _Elements(html)
    inline = elements.find_inline()
    return Snippet(
        _read_option(options, "token"),
        _read_option(options, "target").rstrip("/"),
        script[1] if script else "",
        _read_option(options, "consent") == "required",
        inline.nonce,
        elements.find_loader().nonce,
        inline.code,
    )


def read_policies(html: str, header: str | None) -> tuple[str, ...]:
    """Return the Content Security Policies of a page: of its header, and of its elements."""
    policies = [] if header is None else header.split(",")
    return (*policies, *_Elements(html).policies)


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
    calls = directives.get("connect-src", directives.get("default-src"))
    if calls is not None and not _allows(calls, target):
        return _explain_missing("connect-src", target)
    scripts = _find_scripts(directives)
    if scripts is None:
        return None
    return _loader_fault(scripts, snippet, target) or _inline_fault(scripts, snippet)


class _Scripts(NamedTuple):
    """The sources that may be scripts, and the directive that names them."""

    directive: str
    sources: Collection[str]


def _find_scripts(directives: Mapping[str, list[str]]) -> _Scripts | None:
    """Find what counts for `<script>` elements: browsers prefer `script-src-elem`."""
    for name in ("script-src-elem", "script-src"):
        if name in directives:
            return _Scripts(name, directives[name])
    others = directives.get("default-src")
    return None if others is None else _Scripts("script-src", others)


def _loader_fault(scripts: _Scripts, snippet: Snippet, target: str) -> str | None:
    directive, sources = scripts
    if _names_nonce(sources, snippet.script_nonce):
        return None
    if _STRICT in sources:
        return (
            f"{directive} has {_STRICT}, with which browsers ignore hosts: give the SDK's "
            "<script> a nonce, and name it there"
        )
    return None if _allows(sources, target) else _explain_missing(directive, target)


def _inline_fault(scripts: _Scripts, snippet: Snippet) -> str | None:
    directive, sources = scripts
    if _names_nonce(sources, snippet.nonce) or _names_hash(sources, snippet.code):
        return None
    if not any(source.startswith((*_NAMES_SCRIPTS, _STRICT)) for source in sources):
        if "'unsafe-inline'" in sources:
            return None
        return (
            f"{directive} lets no inline script run: give the snippet a nonce, "
            "and name it there"
        )
    # Browsers ignore 'unsafe-inline' beside any of these.
    return (
        f"{directive} names other inline scripts than the snippet: "
        "give the snippet its nonce"
    )


def _explain_missing(name: str, target: str) -> str:
    return f"{name} of the Content Security Policy does not allow {target}: add it"


def _names_nonce(sources: Collection[str], nonce: str | None) -> bool:
    if nonce is None:
        return any(source.startswith("'nonce-") for source in sources)
    return bool(nonce) and f"'nonce-{nonce}'" in sources


def _names_hash(sources: Collection[str], code: str | None) -> bool:
    if code is None:
        return any(source.startswith(_NAMES_SCRIPTS) for source in sources)
    for name in _HASHES:
        digest = base64.b64encode(hashlib.new(name, code.encode()).digest()).decode()
        if f"'{name}-{digest}'" in sources:
            return True
    return False


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
