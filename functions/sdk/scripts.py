"""The SDK's files as they are served: the adapters that a page requests, then the SDK's core."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hardlink.domain.errors import Invalid

_SERVED = Path(__file__).with_name("served")
ADAPTERS = ("debug", "ecommerce", "helloretail", "tracardi", "xo")
"""Names that a page may give in `sdk.js?with=`."""
_MODULE = b"export default self.hardlink;\n"


class Script(NamedTuple):
    """One served file. `etag`: weak, because gzipped and plain content share it."""

    content: bytes
    gzipped: bytes
    etag: str


def parse_adapters(text: str | None) -> tuple[str, ...]:
    """Parse the parameter `with`, such as `xo,ecommerce`, to sorted names. Raises `Invalid`."""
    names = {name.strip() for name in (text or "").split(",")} - {""}
    if unknown := names - set(ADAPTERS):
        raise Invalid(
            f"unknown adapter {sorted(unknown)[0][:64]!r}: use any of {', '.join(ADAPTERS)}",
            "with",
        )
    return tuple(sorted(names))


@cache
def build_script(adapters: tuple[str, ...] = (), *, module: bool = False) -> Script:
    """The file with these adapters. `module`: an ES module, which exports the SDK."""
    parts = [(_SERVED / f"{name}.js").read_bytes() for name in (*adapters, "hardlink")]
    # The adapters first: the core takes them over when it is run.
    content = b"".join([*parts, _MODULE if module else b""])
    digest = hashlib.sha256(content).hexdigest()[:32]
    return Script(content, gzip.compress(content, 9, mtime=0), f'W/"{digest}"')
