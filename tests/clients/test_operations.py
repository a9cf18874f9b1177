"""Every row has a test, or stands in a document's table of what is not there and why."""

from __future__ import annotations

import re

from tests.clients.operations import OPERATIONS, covered, rows
from tests.support import documents

_ROW = re.compile(r"^\| ((?:EX|XO|TR|HR|SG)-\d\d) \| (.+?) \|$", re.MULTILINE)
NOT_THERE = dict(_ROW.findall(documents.read_all()))


def test_no_row_is_missing() -> None:
    found = covered()
    missing = {row for row in OPERATIONS if not found.get(row) and row not in NOT_THERE}
    assert missing == set()


def test_no_test_and_no_reason_names_a_row_that_there_is_not() -> None:
    assert (covered().keys() | NOT_THERE.keys()) - OPERATIONS.keys() == set()


def test_the_rows_of_a_system_are_numbered_without_a_gap() -> None:
    last = {"EX": 33, "XO": 17, "TR": 20, "HR": 13, "SG": 8}
    expected = [
        f"{system}-{n:02d}" for system, most in last.items() for n in range(1, most + 1)
    ]
    assert list(OPERATIONS) == expected


def test_how_rows_are_named() -> None:
    assert list(rows("EX-01, XO-16 to XO-17 and TR-03 to 04; EX-1 is none")) == [
        "EX-01",
        "XO-16",
        "XO-17",
        "TR-03",
        "TR-04",
    ]
