"""The sources of this deployment, read once by each process."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from hardlink.domain.sources import registry
from hardlink.domain.sources.registry import Sources


@cache
def deployed_sources() -> Sources:
    """Return the sources of this deployment."""
    return registry.load_deployed(Path(os.environ["HARDLINK_SOURCES"]))
