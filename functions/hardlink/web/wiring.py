"""The tables and the clock of this deployment, as the stack or the local server configures them."""

from __future__ import annotations

import os
import time
from functools import cache

from hardlink import log
from hardlink.domain.records import Table
from hardlink.storage.dynamodb import Tables, connect, open_connection


@cache
def tables() -> Tables:
    """Connect to the tables, once per process.

    Handlers do so while they are loaded. In Lambda this is the init phase, which has a whole
    processor whatever the function's memory, so the connection is opened there as well.
    """
    names = _table_names()
    client = connect()
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:  # set by Lambda, and by nothing else
        failure = open_connection(client, names["sessions"])
        if failure:
            log.logger.warning("not warmed up", why=failure)
    return Tables(client, names)


def _table_names() -> dict[Table, str]:
    """Read the real name of each table from the environment."""
    return {
        "sessions": os.environ["HARDLINK_SESSIONS_TABLE"],
        "customers": os.environ["HARDLINK_CUSTOMERS_TABLE"],
        "events": os.environ["HARDLINK_EVENTS_TABLE"],
    }


def read_clock() -> int:
    """Return the time, in microseconds since 1970."""
    return time.time_ns() // 1000
