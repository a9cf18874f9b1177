"""Makes the SDK's served files of its sources: bundled by esbuild, minified by terser. `make sdk` writes them."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

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
"""The files that are served, each made of one source and all that it imports."""
_INTERNAL_PROPERTIES = (
    "answer append clear createdAt dropOldest hasSession isAllowed list listKeys onOnline onPageHide persist"
    " rejectAll remaining remove replaceCommand retryDelay scheduleFlush settle shouldRetry startSession"
    " unsentSession"
)
"""Properties that only the SDK's core uses, no page, adapter or browser: they are served under shorter names."""
_BUNDLE = (
    "--bundle",
    "--format=iife",
    "--target=es2021",
    "--log-level=error",
    f"--mangle-props=^({_INTERNAL_PROPERTIES.replace(' ', '|')})$",
)
_COMPRESS = "passes=4,ecma=2021,unsafe_arrows,pure_getters"
_LAST_WORDS = 2000


def packages() -> Path:
    """The folder in which the tools are installed. Raises `Unavailable`."""
    return npm.installed(wanted=HERE)


def built(entry: Path, packages: Path) -> str:
    """One file as it is served."""
    bundle = _node(packages, "esbuild/bin/esbuild", str(entry), *_BUNDLE)
    terser = ["terser/bin/terser", "--compress", _COMPRESS, "--mangle"]
    return _node(packages, *terser, "--ecma", "2021", said=bundle)


def zipped(text: str) -> int:
    """Bytes on the wire."""
    return len(gzip.compress(text.encode(), 9, mtime=0))


def _node(packages: Path, script: str, *arguments: str, said: str | None = None) -> str:
    command = [*tools.node(), f"node_modules/{script}", *arguments]
    done = subprocess.run(
        command, cwd=packages, input=said, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-_LAST_WORDS:]
    return done.stdout


def main() -> int:
    """Write all of them, and say how large they are."""
    folder = packages()
    SERVED.mkdir(exist_ok=True)
    for name, entry in ENTRIES.items():
        text = built(entry, folder)
        (SERVED / f"{name}.js").write_text(text, encoding="utf-8")
        print(f"{name}: {len(text)} bytes, {zipped(text)} zipped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
