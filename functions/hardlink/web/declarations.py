"""The sources of this deployment, read once by each process."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from hardlink.domain.sources import registry
from hardlink.domain.sources.registry import Sources


@cache
def deployed_sources() -> Sources:
    """Return the sources of this deployment: those of the file that `HARDLINK_SOURCES` names.

    The deployment wrote and checked it (`sources.toml`), so it is read as it is.
    """
    return registry.load_deployed(Path(os.environ["HARDLINK_SOURCES"]))
