"""Build the SDK's served files from its sources: esbuild bundles, terser minifies. `make sdk` writes them."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from infra import topology
from tests.clients import npm
from tests.support.engines import tools

HERE = Path(__file__).parent
SDK = topology.FUNCTIONS / "sdk"
SOURCE = SDK / "source"
SERVED = SDK / "served"
ENTRIES = {
    "hardlink": SOURCE / "index.js",
    **{
        path.stem: path
        for path in sorted((SOURCE / "adapters").glob("*.js"))
        if path.stem != "register_adapter"
    },
}
"""The entry point of each served file, by the file's name."""
_INTERNAL_PROPERTIES = (
    "answer append createdAt dropOldest hasSession isAllowed list listKeys onOnline onPageHide persist"
    " queue rejectAll remaining remove replaceCommand retryDelay scheduleFlush settle shouldRetry startSession"
    " store text url"
)
"""Properties that only the SDK's core uses, no page, adapter or browser: the core is served with shorter ones."""
_SHARED_PROPERTIES = {
    "clear": "D",
    "config": "C",
    "enqueue": "E",
    "normalizeIds": "N",
    "onAttempt": "A",
    "setProfile": "P",
    "switchSession": "S",
    "unsentSession": "U",
    "visitor": "V",
    "withCallbacks": "W",
}
"""Properties that core and adapters share, and the short names of them: always the same ones, because
a page may load an adapter that is newer than its core."""
_BUNDLE = (
    "--bundle",
    "--format=iife",
    "--target=es2021",
    "--log-level=error",
)
_COMPRESS = "passes=4,ecma=2021,unsafe_arrows,pure_getters,unsafe"
_STRICT = '"use strict";'
"""esbuild puts it before every bundle of modules. Nothing in the SDK depends on it."""
_MAX_ERROR_CHARACTERS = 2000


def packages() -> Path:
    """Install the tools and return their folder. Raises `Unavailable`."""
    return npm.installed(wanted=HERE)


def build_file(entry: Path, packages: Path) -> str:
    """Bundle and minify one entry point; returns the file's text."""
    mangled = [*_SHARED_PROPERTIES]
    if entry == ENTRIES["hardlink"]:
        mangled += _INTERNAL_PROPERTIES.split()
    with TemporaryDirectory() as folder:
        names = Path(folder) / "names.json"  # esbuild adds the names that it chose
        names.write_text(json.dumps(_SHARED_PROPERTIES), encoding="utf-8")
        bundle = _node(
            packages,
            "esbuild/bin/esbuild",
            str(entry),
            *_BUNDLE,
            f"--mangle-props=^({'|'.join(mangled)})$",
            f"--mangle-cache={names}",
        )
    terser = ["terser/bin/terser", "--compress", _COMPRESS, "--mangle"]
    built = _node(packages, *terser, "--ecma", "2021", stdin=bundle)
    return built.removeprefix(_STRICT)


def gzipped_size(text: str) -> int:
    """Size of the gzipped text, in bytes."""
    return len(gzip.compress(text.encode(), 9, mtime=0))


def _node(
    packages: Path, script: str, *arguments: str, stdin: str | None = None
) -> str:
    command = [*tools.node(), f"node_modules/{script}", *arguments]
    done = subprocess.run(
        command, cwd=packages, input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-_MAX_ERROR_CHARACTERS:]
    return done.stdout


def main() -> int:
    """Write all served files and print their sizes."""
    folder = packages()
    SERVED.mkdir(exist_ok=True)
    for name, entry in ENTRIES.items():
        text = build_file(entry, folder)
        (SERVED / f"{name}.js").write_text(text, encoding="utf-8")
        print(f"{name}: {len(text)} bytes, {gzipped_size(text)} gzipped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
