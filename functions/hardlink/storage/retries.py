"""Optimistic concurrency: decide again where another call wrote, and give up in time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import wraps
from typing import ParamSpec, TypeVar

from hardlink.domain.errors import Busy
from hardlink.storage.store import ConditionFailed

_TRIES = 25
_AT_ONCE = 3
"""So many attempts follow each other without a pause: most races have two runners."""
_LONGEST_PAUSE = 0.05
_P = ParamSpec("_P")
_R = TypeVar("_R")


def retry_conflicts(attempt: Callable[_P, _R]) -> Callable[_P, _R]:
    """Carry out a function again while its write meets that of another call.

    The function reads, decides and writes. A `ConditionFailed` begins it anew, so nothing before
    its write may have an effect. Raises `Busy` when all attempts failed.
    """

    @wraps(attempt)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        for _ in optimistic_retries():
            with suppress(ConditionFailed):
                return attempt(*args, **kwargs)
        raise AssertionError("retries end in an answer or an error")

    return run


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
