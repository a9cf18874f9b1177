"""The tables and the clock of this deployment, as the stack or the local server configures them."""

from __future__ import annotations

import os
import time
from functools import cache

from hardlink.storage.dynamodb import Tables, connect


@cache
def tables() -> Tables:
    """Connect to both tables, once per process."""
    sessions = os.environ["HARDLINK_SESSIONS_TABLE"]
    customers = os.environ["HARDLINK_CUSTOMERS_TABLE"]
    return Tables(connect(), {"sessions": sessions, "customers": customers})


def read_clock() -> int:
    """Return the time, in microseconds since 1970."""
    return time.time_ns() // 1000
