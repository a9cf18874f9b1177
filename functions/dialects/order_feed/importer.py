"""Tells the library the rows of a feed, several at a time, and says what became of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple

from dialects.order_feed import rows
from dialects.order_feed.formats import Row
from hardlink.domain.call import Call
from hardlink.domain.errors import Busy, HardlinkError
from hardlink.domain.sources import Project, Source
from hardlink.log import logger
from hardlink.services.service import Service

AT_ONCE = 64
"""Rows that are held in memory."""
_THREADS = 8
NAME = "order-feed"
"""What the feed is called where a link is explained."""
UNEXPECTED = "this row could not be carried out, for a reason that the log names: send it again"
STATUSES = ("stored", "associated", "known", "rejected")


class Result(NamedTuple):
    """What became of a row: one of `STATUSES`."""

    row: int
    status: str
    order: str | None = None
    reason: str | None = None
    field: str | None = None
    warnings: tuple[str, ...] = ()
    goes_on: bool = True

    def shown(self) -> dict[str, Any]:
        """As it is answered."""
        shown = {
            "row": self.row,
            "orderNumber": self.order,
            "status": self.status,
            "reason": self.reason,
            "field": self.field,
            "warnings": list(self.warnings),
        }
        return {name: value for name, value in shown.items() if value}


class FeedImporter:
    """One feed on its way. `evidence`: under which its links are explained, with the row's number."""

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
        self._space = project_id
        self._project = project
        self._evidence = evidence
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="orders")

    def results(self, feed_rows: Iterable[Row]) -> Iterator[list[Result]]:
        """What became of the rows, some at a time, in their order. Raises `Busy`."""
        waiting = iter(feed_rows)
        with self._threads:
            while some := list(islice(waiting, AT_ONCE)):
                done = self._threads.map(self._one_after_the_other, _by_number(some))
                yield sorted(result for results in done for result in results)

    def _one_after_the_other(self, feed_rows: Sequence[Row]) -> list[Result]:
        return [self._result(row) for row in feed_rows]

    def _result(self, row: Row) -> Result:
        if row.order is None:
            return Result(row.number, "rejected", reason=row.fault, goes_on=row.goes_on)
        order = rows.number(row.order)
        try:
            told, warnings = rows.purchase(row.order, self._project)
            outcome = self._service.order(self._call(row), told)
        except Busy:
            raise
        except HardlinkError as error:
            return Result(row.number, "rejected", order, error.message, error.field)
        except Exception as error:  # noqa: BLE001 - the other rows of a file are not to blame
            logger.error("a row of a feed failed", row=row.number, error=type(error).__name__)
            return Result(row.number, "rejected", order, UNEXPECTED)
        return Result(row.number, outcome.status, order, warnings=(*warnings, *outcome.warnings))

    def _call(self, row: Row) -> Call:
        return Call(
            name=NAME,
            source=Source(write_key="", project=self._space),
            project=self._project,
            now=self._clock(),
            evidence=f"{self._evidence}/{row.number}",
        )


def _by_number(feed_rows: Sequence[Row]) -> Iterable[list[Row]]:
    """Rows that name the same order, together and in their order."""
    together: dict[str, list[Row]] = {}
    for row in feed_rows:
        number = rows.number(row.order) if row.order else None
        together.setdefault(number or f"\n{row.number}", []).append(row)
    return together.values()
