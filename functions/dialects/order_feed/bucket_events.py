"""Messages about files in the bucket -> imports.

Source: Amazon S3's event notifications, through a queue.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

from dialects.order_feed import file_import
from dialects.order_feed.bucket import Bucket, FileGoneError
from dialects.order_feed.calls import create_importer
from hardlink.domain.errors import Busy
from hardlink.log import flush_metrics, logger
from hardlink.web import declarations

_SPARE_MILLISECONDS = 60_000
"""Before the end of a run, in which no further rows are begun."""
OpenBucket = Callable[[str], Bucket]
"""Opens the bucket of this name."""


def import_messages(
    open_bucket: OpenBucket, event: dict[str, Any], context: Any
) -> dict[str, Any]:
    """Import the files that messages name; a message whose files are not done comes again."""
    unfinished = [
        {"itemIdentifier": message["messageId"]}
        for message in event["Records"]
        if not _import_message(open_bucket, message, context)
    ]
    flush_metrics()
    return {"batchItemFailures": unfinished}


def _import_message(
    open_bucket: OpenBucket, message: dict[str, Any], context: Any
) -> bool:
    """Import the files of a message; false if it must come again. It keeps back no other one."""
    try:
        return all(
            _import_file(open_bucket, record["s3"], context)
            for record in _read_records(message)
        )
    except Exception as error:  # noqa: BLE001 - a message that fails in any way comes again
        logger.error("a message about feeds failed", error=type(error).__name__)
        return False


def _read_records(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The files of a message. S3's test message, sent once, names none."""
    records: list[dict[str, Any]] = json.loads(message["body"]).get("Records", [])
    return records


def _import_file(
    open_bucket: OpenBucket, notification: dict[str, Any], context: Any
) -> bool:
    """Import a file; true if nothing is left to do."""
    file = notification["object"]
    # S3 encodes the keys in its notifications as a form does.
    key = unquote_plus(file["key"])
    project_id, _, name = key.removeprefix(file_import.FEEDS).partition("/")
    if not name or key.endswith("/"):
        return True
    if project_id not in declarations.deployed_sources().projects:
        logger.error(
            "a feed below feeds/ lies in a folder that is no project of sources.toml"
        )
        return True
    # Equal content has an equal tag: a file that is put again is a new report all the same.
    version = f"{file.get('eTag')}/{file.get('sequencer')}"

    def is_late() -> bool:
        return bool(context.get_remaining_time_in_millis() < _SPARE_MILLISECONDS)

    bucket = open_bucket(notification["bucket"]["name"])
    importer = create_importer(project_id, version)
    try:
        return file_import.import_file(bucket, key, version, importer, is_late)
    except FileGoneError:
        logger.warning(
            "a feed was deleted or replaced before its end", project=project_id
        )
        return True
    except Busy:
        return False
