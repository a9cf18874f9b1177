"""The store of this deployment, from the environment that the stack (or the local server) sets."""

from __future__ import annotations

import os
import time
from functools import cache

from hardlink.storage.dynamodb import Tables, connect


@cache
def tables() -> Tables:
    """Both tables."""
    names = {
        "sessions": os.environ["HARDLINK_SESSIONS_TABLE"],
        "customers": os.environ["HARDLINK_CUSTOMERS_TABLE"],
    }
    return Tables(connect(), {"sessions": names["sessions"], "customers": names["customers"]})


def read_clock() -> int:
    """Now, in microseconds since 1970."""
    return time.time_ns() // 1000
