"""Import a feed in the bucket over several runs, each of which goes on where the last one ended.

`feeds/<project>/<name>` -> `results/<project>/<name>/summary.json`, and beside it
`rows-<first row>.jsonl` with a line for every row that was rejected or has a warning. Progress is
noted every so many rows. A run that is cut off in between imports some rows again, which changes
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from dialects.order_feed.amounts import AmountFormat
from dialects.order_feed.answers import STATUSES, show_result
from dialects.order_feed.bucket import Bucket
from dialects.order_feed.executor import FeedImporter, Result
from dialects.order_feed.feed_reader import learn_format, read_rows
from hardlink.domain.values import to_json

NOTED_ROWS = 1024
"""Rows after which a run notes its progress."""
FEEDS, RESULTS = "feeds/", "results/"


def import_file(
    bucket: Bucket,
    key: str,
    version: str,
    importer: FeedImporter,
    is_late: Callable[[], bool],
) -> bool:
    """Import a file, or go on with it; return true at its end.

    `version`: of the file, as S3 names it; `is_late`: true when the run should end.
    Raises `Gone` if the file is another one by now, and `Busy`.
    """
    progress = Progress(bucket, key, version)
    if progress.is_complete:
        return True
    importer.file_format = _find_format(progress, bucket, key)
    # A file has no index of its rows: those that are done are read once more, and skipped.
    rows = islice(read_rows(bucket.open(key)), progress.rows, None)
    for results in importer.import_rows(rows):
        progress.add_results(results)
        if is_late():
            progress.write()
            return False
    progress.write(is_complete=True)
    return True


def _find_format(progress: Progress, bucket: Bucket, key: str) -> AmountFormat:
    """Find how the file writes its amounts: learned once, and noted for all further runs."""
    if progress.file_format is None:
        # A pass of its own: the last amount may be the one that shows the decimal sign.
        progress.file_format = learn_format(read_rows(bucket.open(key)))
    return progress.file_format


class Progress:
    """Progress of the import of a file, as noted in the bucket.

    `rows`: number of the last row that is done; `file_format`: of the amounts, `None` if it is to
    be learned.
    """

    def __init__(self, bucket: Bucket, key: str, version: str) -> None:
        self._bucket = bucket
        self._folder = RESULTS + key.removeprefix(FEEDS)
        noted = self._read_noted(version)
        self.rows: int = noted.get("rows", 0)
        self.is_complete: bool = noted.get("complete", False)
        self.file_format = _read_format(noted)
        self._summary: dict[str, Any] = {"version": version}
        for status in STATUSES:
            self._summary[status] = noted.get(status, 0)
        self._summary["whole"] = noted.get("whole", True)
        self._first_row = self.rows + 1
        self._reported: list[Result] = []

    def _read_noted(self, version: str) -> Mapping[str, Any]:
        """Read what the run before noted; nothing where it imported another file of this name."""
        noted = self._bucket.read_json(f"{self._folder}/summary.json")
        if noted is None or noted.get("version") != version:
            return {}
        return noted

    def add_results(self, results: Iterable[Result]) -> None:
        """Count the results of some rows, and note the progress every `NOTED_ROWS` rows."""
        for result in results:
            self.rows = result.row
            self._summary[result.status] += 1
            self._summary["whole"] = self._summary["whole"] and result.goes_on
            if result.needs_report:
                self._reported.append(result)
        if self.rows - self._first_row >= NOTED_ROWS:
            self.write()

    def write(self, *, is_complete: bool = False) -> None:
        """Note the progress in the bucket: the rows to report, then the summary.

        Cut off in between, the next run writes the same file of rows again.
        """
        if self._reported:
            self._write_reported()
        summary = {**self._summary, "rows": self.rows, "complete": is_complete}
        if self.file_format and self.file_format.decimal:
            summary["decimal_sign"] = self.file_format.decimal
            summary["mixed_signs"] = self.file_format.is_mixed
        self._bucket.write_text(f"{self._folder}/summary.json", to_json(summary))
        self._first_row, self._reported = self.rows + 1, []

    def _write_reported(self) -> None:
        """Write the rows that were rejected or have warnings, a line of JSON each."""
        lines = [f"{to_json(show_result(result))}\n" for result in self._reported]
        name = f"rows-{self._first_row:012d}.jsonl"
        self._bucket.write_text(f"{self._folder}/{name}", "".join(lines))


def _read_format(noted: Mapping[str, Any]) -> AmountFormat | None:
    """Read the format of a file's amounts; `None` if no run before this one learned one."""
    if "decimal_sign" not in noted:
        return None
    return AmountFormat(noted["decimal_sign"], noted["mixed_signs"])
