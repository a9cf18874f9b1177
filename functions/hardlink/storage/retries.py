"""Optimistic concurrency: decide again where another call wrote, and give up in time."""

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
    """Number the attempts at a conditional write, pausing between them in a crowd.

    A caller returns from the loop, or continues it on `ConditionFailed`. Raises `Busy` when all
    attempts failed.
    """
    for number in range(_TRIES):
        if number >= _AT_ONCE:
            time.sleep(random.uniform(0, _LONGEST_PAUSE))
        yield number
    raise Busy(
        "too many calls change the same visitor at once: nothing is promised, send the call again"
    )
