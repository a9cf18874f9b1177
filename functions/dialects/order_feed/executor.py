"""Rows -> results: record the orders of a feed, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

from dialects.order_feed.amounts import UNKNOWN, AmountFormat
from dialects.order_feed.commands import build_command, read_order_number
from dialects.order_feed.feed_reader import Row
from hardlink.domain.call import Call
from hardlink.domain.errors import Busy, HardlinkError
from hardlink.domain.orders.matching import FeedRow
from hardlink.domain.sources.registry import Project, Source
from hardlink.log import logger
from hardlink.services.service import Service

ROWS_AT_ONCE = 64
"""Rows that are held in memory."""
_THREADS = 8
SOURCE_NAME = "order-feed"
"""The feed's name where a link is explained."""
UNEXPECTED = "this row failed for a reason that the log names: send it again"


class Result(NamedTuple):
    """Result of a row. `status`: `stored`, `associated`, `known` or `rejected`."""

    row: int
    status: str
    order: str | None = None
    reason: str | None = None
    field: str | None = None
    warnings: tuple[str, ...] = ()
    goes_on: bool = True

    @property
    def needs_report(self) -> bool:
        """True if the shop should look at the row: it was rejected, or has a warning."""
        return self.status == "rejected" or bool(self.warnings)


class FeedImporter:
    """Imports one feed. `evidence`: ID of its links, followed by the row's number.

    `file_format`: of its amounts, to be set before rows are imported.
    """

    def __init__(
        self,
        service: Service,
        clock: Callable[[], int],
        project_id: str,
        project: Project,
        evidence: str,
    ) -> None:
        self._service = service
        self._clock = clock
        self._project_id = project_id
        self._project = project
        self._evidence = evidence
        self.file_format: AmountFormat = UNKNOWN
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="orders")

    def import_rows(self, rows: Iterable[Row]) -> Iterator[list[Result]]:
        """Record the rows; yield the results of some at a time, in their order. Raises `Busy`."""
        waiting = iter(rows)
        # Ends only when no row is under way any more, also where one of them raises.
        with self._threads:
            while batch := list(islice(waiting, ROWS_AT_ONCE)):
                results: list[Result] = []
                for done in self._threads.map(
                    self._import_in_order, _group_by_order(batch)
                ):
                    results += done
                # Orders come back in the order of their first rows, results go out in that of all.
                yield sorted(results)

    def _import_in_order(self, rows: Sequence[Row]) -> list[Result]:
        """Import the rows of one order one after the other. Raises `Busy`."""
        return [self._import_row(row) for row in rows]

    def _import_row(self, row: Row) -> Result:
        """Record the order of a row. Raises `Busy`; any other error is the row's result."""
        if row.order is None:
            return Result(row.number, "rejected", reason=row.fault, goes_on=row.goes_on)
        order = read_order_number(row.order)
        try:
            purchase, warnings = build_command(
                row.order, self._project, self.file_format
            )
            purchase = purchase._replace(row=FeedRow(self._evidence, row.number))
            outcome = self._service.order(self._build_call(row), purchase)
        except Busy:
            # The call or the message comes again, and rows that are done change nothing.
            raise
        except HardlinkError as error:
            return Result(row.number, "rejected", order, error.message, error.field)
        except Exception as error:  # noqa: BLE001 - the other rows of a file are not to blame
            logger.error(
                "a row of a feed failed", row=row.number, error=type(error).__name__
            )
            return Result(row.number, "rejected", order, UNEXPECTED)
        return Result(
            row.number, outcome.status, order, warnings=(*warnings, *outcome.warnings)
        )

    def _build_call(self, row: Row) -> Call:
        """Make the call of a row: the project's own, with an evidence ID for this row alone."""
        return Call(
            name=SOURCE_NAME,
            source=Source(write_key="", project=self._project_id),
            project=self._project,
            now=self._clock(),
            evidence=f"{self._evidence}/{row.number}",
        )


def _group_by_order(rows: Sequence[Row]) -> Iterable[list[Row]]:
    """Rows of one order together, because they must be recorded in their order."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        number = read_order_number(row.order) if row.order else None
        # No order number begins with a line break.
        groups.setdefault(number or f"\n{row.number}", []).append(row)
    return groups.values()
