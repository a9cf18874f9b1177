"""The tables and the clock of this deployment, as the stack or the local server configures them."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from functools import cache

from hardlink import log
from hardlink.domain.errors import Busy
from hardlink.domain.records import Table
from hardlink.storage.dynamodb import Tables, connect, open_connection
from hardlink.storage.schema_version import note_version, refuse_newer


@cache
def tables() -> Tables:
    """Connect to the tables, once per process.

    Handlers do so while they are loaded. In Lambda this is the init phase, which has a whole
    processor whatever the function's memory, so the connection is opened there as well. Tables of a
    newer version than this code answer every request `Busy`.
    """
    names = _table_names()
    client = connect()
    refusal = None
    if _is_in_lambda():
        opening = open_connection(client, names["sessions"])
        if opening.failure:
            log.logger.warning("not warmed up", why=opening.failure)
        refusal = refuse_newer(opening.version)
    return Tables(client, names, refusal)


def note_schema() -> None:
    """Write the version of the schema into tables that have none, while a function is loaded."""
    if _is_in_lambda():
        # The next process of the function writes it where the tables are too busy now.
        with suppress(Busy):
            note_version(tables())


def _is_in_lambda() -> bool:
    return (
        "AWS_LAMBDA_FUNCTION_NAME" in os.environ
    )  # set by Lambda, and by nothing else


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
