"""POST /orders, and files under `feeds/<project>/` of the bucket: the shop's order feed."""

from __future__ import annotations

import io
import json
import os
from collections import Counter
from functools import cache
from itertools import chain, islice
from typing import Any
from urllib.parse import unquote_plus

from dialects.order_feed import file_import, formats
from dialects.order_feed.bucket import Bucket, Gone
from dialects.order_feed.importer import STATUSES, FeedImporter
from hardlink.domain.errors import Busy, Invalid, TooLarge
from hardlink.log import flush_metrics, logger
from hardlink.web import api_keys, caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import MOST_BYTES, Request, decompress_gzip
from hardlink.web.response import Answer
from hardlink.web.wiring import read_clock

MOST = 500
"""Orders of one call: an answer is due in half a minute."""
_SPARE = 60_000
"""Milliseconds before a run's end in which no further rows are begun."""
server_keys = api_keys.ServerKeys(
    api_keys.secret_reader(os.environ["HARDLINK_SERVER_KEYS"]), read_clock
)
bucket = cache(Bucket)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A call of the API, or messages about files."""
    return imported(event, context) if "Records" in event else posted(event, context)


@entrypoint
def posted(request: Request) -> Answer:
    """A verdict for every order of a feed that is small enough for a call."""
    project_id = server_keys.project(request.header("authorization"))
    rows = list(islice(formats.rows(io.BytesIO(_sent(request, project_id))), MOST + 1))
    if len(rows) > MOST:
        raise _too_large(f"more than {MOST} orders", project_id)
    if rows and not rows[0].goes_on:
        raise Invalid(str(rows[0].fault))
    results = list(chain.from_iterable(_telling(project_id, request.id).results(rows)))
    counts = Counter(result.status for result in results)
    shown = [result.shown() for result in results]
    return Answer({**{status: counts[status] for status in STATUSES}, "results": shown})


def _sent(request: Request, project_id: str) -> bytes:
    """What was sent, unzipped, whether a header or the file itself says that it is zipped."""
    try:
        raw = request.raw
        raw = decompress_gzip(raw) if raw.startswith(formats.GZIP) else raw
    except TooLarge as error:
        raise _too_large(f"more than {MOST_BYTES} bytes", project_id) from error
    except Invalid as error:
        raise Invalid(error.message) from error
    if raw.startswith(formats.GZIP):
        raise Invalid("the file is zipped more than once: zip it once")
    return raw


def _too_large(what: str, project_id: str) -> TooLarge:
    return TooLarge(
        f"{what}: send fewer a call, or put the file, whatever its size, into the stack's bucket "
        f"under {file_import.FEEDS}{project_id}/"
    )


def imported(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Each message names files of the bucket; one whose files are not done yet comes again."""
    unfinished = [
        {"itemIdentifier": message["messageId"]}
        for message in event["Records"]
        if not _is_done(message, context)
    ]
    flush_metrics()
    return {"batchItemFailures": unfinished}


def _is_done(message: dict[str, Any], context: Any) -> bool:
    """Whether nothing is left to do about a message; what fails comes again, and keeps back no other message."""
    try:
        return all(_import(record["s3"], context) for record in _told(message))
    except Exception as error:  # noqa: BLE001 - of whatever kind
        logger.error("a message about feeds failed", error=type(error).__name__)
        return False


def _told(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The files of a message; S3's test message, sent once, names none."""
    found: list[dict[str, Any]] = json.loads(message["body"]).get("Records", [])
    return found


def _import(told: dict[str, Any], context: Any) -> bool:
    """Import a file; answers whether nothing is left to do."""
    key = unquote_plus(told["object"]["key"])
    project_id, _, name = key.removeprefix(file_import.FEEDS).partition("/")
    version = f"{told['object'].get('eTag')}/{told['object'].get('sequencer')}"
    if not name or key.endswith("/"):
        return True
    if project_id not in caller.deployed_sources().projects:
        logger.error("a feed below feeds/ lies in a folder that is no project of sources.toml")
        return True
    found = bucket(told["bucket"]["name"])
    try:
        return file_import.run(
            found,
            key,
            version,
            _telling(project_id, version),
            lambda: context.get_remaining_time_in_millis() < _SPARE,
        )
    except Gone:
        logger.warning("a feed was deleted or replaced before its end", project=project_id)
        return True
    except Busy:
        return False


def _telling(project_id: str, evidence: str) -> FeedImporter:
    project = caller.deployed_sources().projects[project_id]
    return FeedImporter(caller.service(), read_clock, project_id, project, evidence)
