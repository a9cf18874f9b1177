"""What is served is what the sources say, small enough, and typed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sdk import scripts
from tests.browser.sdk import build
from tests.support.engines import tools

MOST = 5 * 1024
"""Zipped bytes of the SDK itself."""


@pytest.mark.parametrize("name", build.ENTRIES)
def test_what_is_served_is_made_of_the_sources(packages: Path, name: str) -> None:
    served = (build.SERVED / f"{name}.js").read_text(encoding="utf-8")
    assert served == build.built(build.ENTRIES[name], packages), "run `make sdk`"


def test_every_vocabulary_is_served_and_nothing_else() -> None:
    assert {*scripts.VOCABULARIES, "hardlink"} == set(build.ENTRIES)
    assert {path.stem for path in build.SERVED.iterdir()} == set(build.ENTRIES)


def test_it_is_small(capsys: pytest.CaptureFixture[str]) -> None:
    core = len(scripts.script().gzipped)
    everything = len(scripts.script(scripts.VOCABULARIES).gzipped)
    with capsys.disabled():
        print(f"\nSDK: {core} bytes zipped, with every vocabulary {everything}")
    assert core <= MOST < everything


def test_the_types_hold(packages: Path) -> None:
    _checked(packages, "-p", str(build.SDK / "tsconfig.json"))


def test_the_types_are_those_of_a_shops_code(packages: Path, tmp_path: Path) -> None:
    code = tmp_path / "shop.ts"
    code.write_text(
        f"""
        import hardlink from {str(build.SDK / "hardlink.js")!r}
        hardlink.start({{token: "demo", target: "https://x", storage: "server", consent: "required"}})
        const told: Promise<string> = hardlink.track("a", {{b: 1}}).then(verdict => verdict.status)
        hardlink.identify({{registered: 5}}, null, null, error => error.field)
        window.hardlink.xo.send([{{action: "view", target: {{product: "1"}}}}])
        // @ts-expect-error there is no such storage
        hardlink.start({{storage: "attic"}})
        // @ts-expect-error there is no such kind
        hardlink.trackEnhancedEcommerce({{}}, "detial")
        """,
        encoding="utf-8",
    )
    _checked(packages, "--strict", "--noEmit", "--target", "es2022", "--module", "es2022",
             "--moduleResolution", "bundler", "--types", "", str(code))  # fmt: skip


def test_units(packages: Path) -> None:
    """With Node.js's own test runner."""
    _ran([*tools.node(), "--test", str(build.HERE / "units.test.mjs")])


def _checked(packages: Path, *arguments: str) -> None:
    _ran([*tools.node(), str(packages / "node_modules/typescript/bin/tsc"), *arguments])


def _ran(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
