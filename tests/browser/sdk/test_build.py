"""The served files match the sources, are small enough, and the sources and types are checked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sdk import scripts
from tests.browser.sdk import build
from tests.support.engines import tools

MAX_CORE_BYTES = 5 * 1024
"""Of the gzipped SDK without adapters."""


@pytest.mark.parametrize("name", build.ENTRIES)
def test_served_files_are_built_from_the_sources(packages: Path, name: str) -> None:
    served = (build.SERVED / f"{name}.js").read_text(encoding="utf-8")
    assert served == build.build_file(build.ENTRIES[name], packages), "run `make sdk`"


def test_exactly_the_core_and_the_adapters_are_served() -> None:
    assert {*scripts.ADAPTERS, "hardlink"} == set(build.ENTRIES)
    assert {path.stem for path in build.SERVED.iterdir()} == set(build.ENTRIES)


def test_the_core_is_small(capsys: pytest.CaptureFixture[str]) -> None:
    core = len(scripts.build_script().gzipped)
    everything = len(scripts.build_script(scripts.ADAPTERS).gzipped)
    with capsys.disabled():
        print(f"\nSDK: {core} bytes gzipped, {everything} with all adapters")
    assert core <= MAX_CORE_BYTES < everything


def test_the_sources_pass_the_type_check(packages: Path) -> None:
    _check_types(packages, "-p", str(build.SDK / "tsconfig.json"))


def test_the_declared_types_check_a_shops_code(packages: Path, tmp_path: Path) -> None:
    code = tmp_path / "shop.ts"
    code.write_text(
        f"""
        import hardlink from {str(build.SDK / "hardlink.js")!r}
        hardlink.start({{token: "demo", target: "https://x", storage: "server", consent: "required"}})
        const result: Promise<string> = hardlink.track("a", {{b: 1}}).then(verdict => verdict.status)
        hardlink.identify({{registered: 5}}, null, null, error => error.field)
        window.hardlink.xo.send([{{action: "view", target: {{product: "1"}}}}])
        // @ts-expect-error not a storage
        hardlink.start({{storage: "attic"}})
        // @ts-expect-error not a kind
        hardlink.trackEnhancedEcommerce({{}}, "detial")
        """,
        encoding="utf-8",
    )
    _check_types(packages, "--strict", "--noEmit", "--target", "es2022", "--module", "es2022",
             "--moduleResolution", "bundler", "--types", "", str(code))  # fmt: skip


def test_units(packages: Path) -> None:
    """Runs `units.test.mjs` with the test runner of Node.js."""
    _run([*tools.node(), "--test", str(build.HERE / "units.test.mjs")])


def _check_types(packages: Path, *arguments: str) -> None:
    _run([*tools.node(), str(packages / "node_modules/typescript/bin/tsc"), *arguments])


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
