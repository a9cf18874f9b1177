"""`POST /orders`: authenticate, read the feed, import it, answer."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import islice

from dialects.order_feed import feed_reader, file_import
from dialects.order_feed.answers import answer_import
from dialects.order_feed.executor import FeedImporter, Result
from dialects.order_feed.feed_reader import Row, learn_format
from hardlink.domain.errors import Invalid, TooLarge
from hardlink.web import caller, declarations
from hardlink.web.api_keys import ServerKeys
from hardlink.web.request import MOST_BYTES, Request, decompress_gzip
from hardlink.web.response import Answer
from hardlink.web.wiring import read_clock

MOST_ORDERS = 500
"""Orders of one call, because an answer is due within half a minute."""


def post_orders(server_keys: ServerKeys, request: Request) -> Answer:
    """Import a feed that is small enough for a call."""
    project_id = server_keys.project(request.header_text("authorization"))
    request.source = ("", project_id)
    stream = io.BytesIO(_read_file(request, project_id))
    # One more than allowed tells too many without reading them all.
    rows = list(islice(feed_reader.read_rows(stream), MOST_ORDERS + 1))
    if len(rows) > MOST_ORDERS:
        raise _too_large(f"more than {MOST_ORDERS} orders", project_id)
    if rows and not rows[0].goes_on:
        raise Invalid(str(rows[0].fault))
    return answer_import(_import_rows(rows, project_id, request.id))


def _import_rows(rows: Sequence[Row], project_id: str, evidence: str) -> list[Result]:
    """Import the rows of a call, whose amounts tell each other's decimal sign.

    `evidence`: ID under which links are explained. Raises `Busy`.
    """
    results: list[Result] = []
    importer = create_importer(project_id, evidence)
    importer.file_format = learn_format(rows)
    for done in importer.import_rows(rows):
        results += done
    return results


def create_importer(project_id: str, evidence: str) -> FeedImporter:
    """Create the importer of one feed. `evidence`: ID under which its links are explained."""
    project = declarations.deployed_sources().projects[project_id]
    return FeedImporter(caller.service(), read_clock, project_id, project, evidence)


def _read_file(request: Request, project_id: str) -> bytes:
    """Read the body, decompressed where a header or the file itself says that it is gzip.

    Raises `TooLarge`, which says where a larger file goes, and `Invalid`.
    """
    try:
        raw = _decompress_file(request)
    except TooLarge as error:
        raise _too_large(f"more than {MOST_BYTES} bytes", project_id) from error
    except Invalid as error:
        # Without its code: a feed need not be JSON.
        raise Invalid(error.message) from error
    if raw.startswith(feed_reader.GZIP):
        raise Invalid("the file is compressed more than once: compress it once")
    return raw


def _decompress_file(request: Request) -> bytes:
    """Decompress a file that was zipped, and zipped once more on its way. Raises `TooLarge`."""
    raw = request.raw  # decompressed once, whether a header says so or not
    is_sent_zipped = "gzip" in request.header_text("content-encoding").lower()
    if is_sent_zipped and raw.startswith(feed_reader.GZIP):
        return decompress_gzip(raw)
    return raw


def _too_large(subject: str, project_id: str) -> TooLarge:
    """Make the error of a file for which a call is too small: the bucket takes it."""
    folder = f"{file_import.FEEDS}{project_id}/"
    return TooLarge(
        f"{subject}: send fewer a call, or put the file, whatever its size, into the stack's "
        f"bucket under {folder}"
    )
