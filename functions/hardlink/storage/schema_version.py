"""The version of the form in which the tables hold their items, and who may use them.

It stands in the tables, and in the functions. A function older than the tables refuses them, as
it would misread what a newer version wrote. See `functions/decisions/0013-schema-version.md`.
"""

from __future__ import annotations

from hardlink.domain.errors import Busy
from hardlink.domain.records import Item, Key
from hardlink.storage.store import Store

VERSION = 1
"""The newest form of items that this code reads. The next that older code misreads is 2."""

# No slash, so it is no project's; no `#`, so no stream reports it.
KEY = Key("sessions", "schema", "version")
_ATTRIBUTE = "version"


def read_version(item: Item | None) -> int:
    """Read the version from the item at `KEY`; tables without one have the first version."""
    return int(item[_ATTRIBUTE]) if item else 1


def refuse_newer(version: int) -> Busy | None:
    """Return the error with which a function answers every call on tables of a newer version.

    `None` for tables that this code reads.
    """
    if version <= VERSION:
        return None
    return Busy(
        f"the tables have schema {version}, which a newer version of Hardlink wrote, and this "
        f"function knows {VERSION}: deploy that version, and send the call again; nothing is lost"
    )


def note_version(store: Store) -> None:
    """Write the version into tables that have none; never over another one.

    It is raised by the deployment that needs a new form, once all functions read that.
    """
    store.insert([(KEY, {_ATTRIBUTE: VERSION})])
