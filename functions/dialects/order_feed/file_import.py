"""Imports a feed that lies in the bucket: whatever its size, over several runs, each of which goes on where one ended.

`feeds/<project>/<name>` -> `results/<project>/<name>/summary.json`, and beside it `rows-<first row>.jsonl` with a line
for every row that was rejected or has a warning. What is done is noted every so many rows: a run that ends in between
tells some rows again, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from dialects.order_feed import formats
from dialects.order_feed.bucket import Bucket
from dialects.order_feed.importer import STATUSES, FeedImporter, Result
from hardlink.domain.values import to_json

NOTED = 1024
"""Rows after which a run notes how far it came."""
FEEDS, RESULTS = "feeds/", "results/"


def run(
    bucket: Bucket,
    key: str,
    version: str,
    telling: FeedImporter,
    is_late: Callable[[], bool],
) -> bool:
    """Import a file, or go on with it; answers whether its end was reached. `version`: of the file, as S3 tells it.

    Raises `Gone` where the file is another one by now, and `Busy`.
    """
    notes = Notes(bucket, key, version)
    if notes.complete:
        return True
    rows = islice(formats.rows(bucket.open(key)), notes.rows, None)
    for results in telling.results(rows):
        notes.add(results)
        if is_late():
            notes.write()
            return False
    notes.write(complete=True)
    return True


class Notes:
    """How far the import of a file came."""

    def __init__(self, bucket: Bucket, key: str, version: str) -> None:
        self._bucket = bucket
        self._folder = RESULTS + key.removeprefix(FEEDS)
        before = bucket.read(f"{self._folder}/summary.json") or {}
        if before.get("version") != version:
            before = {}
        self.rows: int = before.get("rows", 0)
        self.complete: bool = before.get("complete", False)
        self._summary: dict[str, Any] = {
            "version": version,
            **{status: before.get(status, 0) for status in STATUSES},
            "whole": before.get("whole", True),
        }
        self._first = self.rows + 1
        self._told: list[Result] = []

    def add(self, results: Iterable[Result]) -> None:
        """Count what became of some rows."""
        for result in results:
            self.rows = result.row
            self._summary[result.status] += 1
            self._summary["whole"] = self._summary["whole"] and result.goes_on
            if result.status == "rejected" or result.warnings:
                self._told.append(result)
        if self.rows - self._first >= NOTED:
            self.write()

    def write(self, *, complete: bool = False) -> None:
        """Note it in the bucket: first the rows, then how far they go."""
        if self._told:
            lines = "".join(f"{to_json(result.shown())}\n" for result in self._told)
            self._bucket.write(f"{self._folder}/rows-{self._first:012d}.jsonl", lines)
        summary = {**self._summary, "rows": self.rows, "complete": complete}
        self._bucket.write(f"{self._folder}/summary.json", to_json(summary))
        self._first, self._told = self.rows + 1, []
