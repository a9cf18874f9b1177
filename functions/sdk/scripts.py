"""The SDK's files as they are served: the adapters that a page requests, then the SDK's core."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hardlink.domain.errors import Invalid

_SERVED = Path(__file__).with_name("served")
ADAPTERS = (
    "adopt",
    "consentmode",
    "debug",
    "ecommerce",
    "helloretail",
    "newsletter",
    "profile",
    "tcf",
    "tracardi",
    "visitor",
    "visits",
    "xo",
)
"""Names that a page may give in `sdk.js?with=`."""
_MODULE = b"export default self.hardlink;\n"


class Script(NamedTuple):
    """One served file. `etag`: weak, because gzipped and plain content share it."""

    content: bytes
    gzipped: bytes
    etag: str


def parse_adapters(text: str | None) -> tuple[str, ...]:
    """Parse the parameter `with`, such as `xo,ecommerce`, to sorted names.

    Sorted, so that one script serves every order of them. `None` and blank names are no adapter.
    Raises `Invalid` for an unknown one.
    """
    if text is None:
        return ()
    names = set(map(str.strip, text.split(","))) - {""}
    unknown = sorted(names.difference(ADAPTERS))
    if unknown:
        raise Invalid(
            f"unknown adapter {unknown[0][:64]!r}: use any of {', '.join(ADAPTERS)}",
            "with",
        )
    return tuple(sorted(names))


def _read_part(name: str) -> bytes:
    """Read the minified script of an adapter, or of the core, as `make sdk` wrote it."""
    return (_SERVED / f"{name}.js").read_bytes()


@cache
def build_script(adapters: tuple[str, ...] = (), *, module: bool = False) -> Script:
    """Build the file with these adapters, once a process for each set of them.

    `adapters`: as `parse_adapters` returns them; `module`: an ES module, which exports the SDK.
    """
    # The adapters first: the core takes them over when it is run.
    parts = [*map(_read_part, adapters), _read_part("hardlink")]
    if module:
        parts.append(_MODULE)
    content = b"".join(parts)
    digest = hashlib.sha256(content).hexdigest()[:32]
    return Script(content, gzip.compress(content, 9, mtime=0), f'W/"{digest}"')
