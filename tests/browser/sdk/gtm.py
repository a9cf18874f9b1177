"""The template of Google Tag Manager: its sections, and what it does in a stand-in for Tag Manager's sandbox."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from infra import topology
from tests.support.engines import tools

TEMPLATE = topology.FUNCTIONS / "sdk" / "hardlink.tpl"
SECTIONS = (
    "TERMS_OF_SERVICE",
    "INFO",
    "TEMPLATE_PARAMETERS",
    "SANDBOXED_JS_FOR_WEB_TEMPLATE",
    "WEB_PERMISSIONS",
    "TESTS",
    "NOTES",
)
"""As Tag Manager exports them."""
_SANDBOX = Path(__file__).with_name("gtm_sandbox.cjs")
_LAST_WORDS = 2000
_LONGEST = 60

Step = tuple[str, Any]
"""`("tag", data)`, `("loaded", None)`, `("failed", None)`, `("sdk", None)`, `("consent", granted)`.

`("core", None)`: the page itself loaded the SDK without its vocabularies.
"""


class Page(NamedTuple):
    """What came of a page. `said`: what the SDK was told; `waiting`: what it will be, once it is there."""

    said: list[list[Any]]
    waiting: list[list[Any]]
    scripts: list[list[str]]
    outcomes: list[list[str]]
    logged: list[list[Any]]
    names: list[str]
    used: list[str]


def sections(text: str | None = None) -> Mapping[str, str]:
    """The template's sections by name, in their order."""
    whole = TEMPLATE.read_text(encoding="utf-8") if text is None else text
    parts = re.split(r"^___([A-Z_]+)___$", whole, flags=re.MULTILINE)
    assert parts[0] == ""
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


def script() -> str:
    """The sandboxed script."""
    return sections()["SANDBOXED_JS_FOR_WEB_TEMPLATE"]


def permissions() -> list[Any]:
    """The permissions, as Tag Manager writes them."""
    found: list[Any] = json.loads(sections()["WEB_PERMISSIONS"])
    return found


def permitted(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Every single thing that permissions allow, as the stand-in names what was used of them."""
    for entry in entries:
        name = entry["instance"]["key"]["publicId"]
        if name == "logging":
            yield "logging console"
        for param in entry["instance"]["param"]:
            for item in param["value"].get("listItem", ()):
                if "mapKey" not in item:
                    yield f"{name} {item['string']}"
                    continue
                keys = [key["string"] for key in item["mapKey"]]
                what, *ways = (
                    value.get("string", value.get("boolean")) for value in item["mapValue"]
                )
                yield from (
                    f"{name} {k} {what}" for k, may in zip(keys[1:], ways, strict=True) if may
                )


def parameters() -> list[Mapping[str, Any]]:
    """All fields, those in groups as well."""

    def flat(params: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        for param in params:
            yield param
            yield from flat(param.get("subParams", ()))

    return list(flat(json.loads(sections()["TEMPLATE_PARAMETERS"])))


def page(*steps: Step, may: Sequence[Any] | None = None) -> Page:
    """What comes of a page on which these things happen. `may`: other permissions than the template's."""
    (found,) = pages([steps], may)
    return found


def pages(visits: Sequence[Sequence[Step]], may: Sequence[Any] | None = None) -> list[Page]:
    """The same for many pages, each of its own."""
    given = permissions() if may is None else may
    return [Page(**one) for one in _ran(script=script(), permissions=given, pages=visits)]


def own_tests(code: str | None = None) -> list[Mapping[str, str | None]]:
    """The template's own tests, each with its `name` and its `error`, if it has one. `code`: of another script."""
    tests = import_module("yaml").safe_load(sections()["TESTS"])
    found: list[Mapping[str, str | None]] = _ran(
        script=script() if code is None else code,
        permissions=permissions(),
        setup=tests["setup"],
        scenarios=tests["scenarios"],
    )
    return found


def _ran(**asked: Any) -> Any:
    command = [*tools.node(), "-e", _SANDBOX.read_text(encoding="utf-8"), json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST, check=False)
    assert done.returncode == 0, done.stderr[-_LAST_WORDS:]
    return json.loads(done.stdout)
