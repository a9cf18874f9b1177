"""A hundred thousand requests, of which every eighth meets a fault: nothing that was promised is lost or broken.

The seed is printed; `HARDLINK_FAULTS_SEED` sets another one, `HARDLINK_FAULTS_REQUESTS` how many requests are made. A
seed draws what everybody does and what they meet; in which order they come is the machine's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from hardlink.domain.errors import Busy
from hardlink.domain.records import Item, Key
from hardlink.storage import dynamodb
from hardlink.storage.dynamodb import Tables
from infra import topology
from tests.properties.faults import run, visitors

SEED = os.environ.get("HARDLINK_FAULTS_SEED", "hardlink")
REQUESTS = int(os.environ.get("HARDLINK_FAULTS_REQUESTS", "100000"))
PROCESSES = 2
SHORT_RUNS = 12
"""One of them is enough, where a safety is missing: which fault meets whom is the threads' doing."""
KINDS = {
    *(
        "throttled",
        "failed",
        "failed_after_the_fact",
        "answered_by_a_proxy",
        "unreachable",
    ),
    *(
        "timed_out",
        "cut_off",
        "killed_before",
        "killed_after",
        "in_conflict",
        "in_progress",
    ),
    *("inserted_in_part", "read_in_part"),
}


def started(seed: str) -> subprocess.Popen[str]:
    each = str(REQUESTS // PROCESSES)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.properties.faults.run", seed, each],
        cwd=topology.ROOT,
        env={**os.environ, "PYTHONPATH": str(topology.FUNCTIONS)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.usefixtures("dynamodb_local_endpoint")
def test_nothing_that_was_promised_is_lost_or_broken(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\nfaults: HARDLINK_FAULTS_SEED={SEED}\n")
    shops = [started(f"{SEED}-{n}") for n in range(PROCESSES)]
    said = [shop.communicate()[0] for shop in shops]
    assert all(said), "a run ended early: its traceback stands above"
    reports: list[dict[str, Any]] = [json.loads(one) for one in said]
    total = {
        name: sum(report[name] for report in reports)
        for name in ("requests", "reached", "calls", "promised", "records", "redriven")
    }
    faults = sum((Counter(report["faults"]) for report in reports), Counter[str]())
    with capsys.disabled():
        sys.stdout.write(
            f"faults: {total}\nfaults: {faults.total()} met, {dict(sorted(faults.items()))}\n"
        )
    assert [report["broken"] for report in reports] == [[]] * PROCESSES
    assert total["requests"] >= REQUESTS
    assert set(faults) == KINDS
    assert total["promised"] > 0
    assert total["redriven"] > 0


# -- the run sees what it is there to see: one safety less, and it says so -----------------------------------------


def _answered_before_the_write(patch: pytest.MonkeyPatch) -> None:
    """A write that fails is answered as if it had not."""
    insert = Tables.insert

    def answered(self: Tables, items: Sequence[tuple[Key, Item]]) -> list[bool]:
        try:
            return insert(self, items)
        except Busy:
            return [True] * len(items)

    patch.setattr(Tables, "insert", answered)
    patch.setattr(run, "STORMS", 12)


def _inserted_by_half(patch: pytest.MonkeyPatch) -> None:
    """What a batch left out is not sent again."""
    statement = Tables._insert_batch
    patch.setattr(
        dynamodb, "_TRIES", dynamodb._TRIES
    )  # as it is, whichever thread restores it last

    def once(self: Tables, items: Sequence[tuple[Key, Item]]) -> list[bool]:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(dynamodb, "_TRIES", 2)
            try:
                return statement(self, items)
            except Busy:
                return [True] * len(items)

    patch.setattr(Tables, "_insert_batch", once)


@pytest.mark.parametrize(
    "safety",
    [
        _answered_before_the_write,
        _inserted_by_half,
    ],
)
def test_one_safety_less_is_noticed(
    dynamodb_local_endpoint: str,
    monkeypatch: pytest.MonkeyPatch,
    safety: Callable[[pytest.MonkeyPatch], None],
) -> None:
    monkeypatch.setattr(run, "VISITORS", 6)
    monkeypatch.setattr(
        visitors, "CUSTOMERS", 2
    )  # so that everybody is in everybody's way
    safety(monkeypatch)
    reports = (
        run.run(dynamodb_local_endpoint, f"one-less-{n}", 1200)
        for n in range(SHORT_RUNS)
    )
    assert any(report.broken for report in reports)
