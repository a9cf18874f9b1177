"""The SDK's files as they are served: the vocabularies that a page asks for, then the SDK itself."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hardlink.domain.errors import Invalid

_SERVED = Path(__file__).with_name("served")
VOCABULARIES = ("ecommerce", "helloretail", "tracardi", "xo")
"""What a page may load beside the SDK itself."""
_MODULE = b"export default self.hardlink;\n"


class Script(NamedTuple):
    """One file. `etag`: the same for the same content, zipped or not, so it is a weak one."""

    content: bytes
    gzipped: bytes
    etag: str


def names(asked: str | None) -> tuple[str, ...]:
    """The vocabularies that a page asks for: `xo,ecommerce`. Raises `Invalid`."""
    found = {name.strip() for name in (asked or "").split(",")} - {""}
    if unknown := found - set(VOCABULARIES):
        raise Invalid(
            f"there is no {sorted(unknown)[0][:64]!r}: use any of {', '.join(VOCABULARIES)}", "with"
        )
    return tuple(sorted(found))


@cache
def script(vocabularies: tuple[str, ...] = (), *, module: bool = False) -> Script:
    """The file with these vocabularies. `module`: it exports the SDK as well."""
    parts = [(_SERVED / f"{name}.js").read_bytes() for name in (*vocabularies, "hardlink")]
    content = b"".join([*parts, _MODULE if module else b""])
    digest = hashlib.sha256(content).hexdigest()[:32]
    return Script(content, gzip.compress(content, 9, mtime=0), f'W/"{digest}"')
