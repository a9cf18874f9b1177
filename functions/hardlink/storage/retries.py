"""Optimistic concurrency: decide again when others wrote meanwhile, and give up with an answer, not a hang."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from hardlink.domain.errors import Busy

_TRIES = 25
_AT_ONCE = 3
"""So many attempts follow each other without a pause: most races have two runners."""
_LONGEST_PAUSE = 0.05


def optimistic_retries() -> Iterator[int]:
    """Decide again, in a crowd after a random pause. Raises `Busy` when others were always quicker."""
    for number in range(_TRIES):
        if number >= _AT_ONCE:
            time.sleep(random.uniform(0, _LONGEST_PAUSE))
        yield number
    raise Busy(
        "too many calls change the same visitor at once: nothing is promised, send the call again"
    )
