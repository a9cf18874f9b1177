"""The template for Google Tag Manager: its sections, and running it in a simulation of Tag Manager's sandbox."""

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
"""In the order in which Tag Manager exports them."""
_SANDBOX = Path(__file__).with_name("gtm_sandbox.cjs")
_MAX_ERROR_CHARACTERS = 2000
_TIMEOUT_SECONDS = 60

Step = tuple[str, Any]
"""`("tag", data)`, `("loaded", None)`, `("failed", None)`, `("sdk", None)`, `("consent", granted)`.

`("core", None)`: the page itself loaded the SDK without adapters.
"""


class Page(NamedTuple):
    """The outcome of a page. `called`: calls that the SDK received; `queued`: calls that wait for it to be loaded."""

    called: list[list[Any]]
    queued: list[list[Any]]
    scripts: list[list[str]]
    outcomes: list[list[str]]
    logged: list[list[Any]]
    names: list[str]
    used: list[str]


def sections(text: str | None = None) -> Mapping[str, str]:
    """The template's sections by name, in order."""
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
    """Each action that the permissions allow, named as the sandbox names the actions that were used."""
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
                    value.get("string", value.get("boolean"))
                    for value in item["mapValue"]
                )
                yield from (
                    f"{name} {k} {what}"
                    for k, may in zip(keys[1:], ways, strict=True)
                    if may
                )


def parameters() -> list[Mapping[str, Any]]:
    """All fields, including those in groups."""

    def flat(params: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        for param in params:
            yield param
            yield from flat(param.get("subParams", ()))

    return list(flat(json.loads(sections()["TEMPLATE_PARAMETERS"])))


def page(*steps: Step, granted: Sequence[Any] | None = None) -> Page:
    """Run these steps on a page. `granted`: permissions to use instead of the template's."""
    (found,) = pages([steps], granted)
    return found


def pages(
    visits: Sequence[Sequence[Step]], granted: Sequence[Any] | None = None
) -> list[Page]:
    """Run each visit on a page of its own, as `page` does."""
    allowed = permissions() if granted is None else granted
    return [
        Page(**one)
        for one in _run_sandbox(script=script(), permissions=allowed, pages=visits)
    ]


def own_tests(code: str | None = None) -> list[Mapping[str, str | None]]:
    """Run the template's own tests; returns the `name` and the `error` (or `None`) of each.

    `code`: a script to test instead of the template's.
    """
    tests = import_module("yaml").safe_load(sections()["TESTS"])
    found: list[Mapping[str, str | None]] = _run_sandbox(
        script=script() if code is None else code,
        permissions=permissions(),
        setup=tests["setup"],
        scenarios=tests["scenarios"],
    )
    return found


def _run_sandbox(**options: Any) -> Any:
    command = [
        *tools.node(),
        "-e",
        _SANDBOX.read_text(encoding="utf-8"),
        json.dumps(options),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-_MAX_ERROR_CHARACTERS:]
    return json.loads(done.stdout)
