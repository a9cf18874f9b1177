"""`make bench`: every budget, measured beside a bare baseline in the same run, and how far it is kept."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from infra import topology
from tests.bench import cpu, imports, memory, requests
from tests.support.engines import dynamodb_local, tables
from tests.support.engines.tables import Engine


def main(arguments: Sequence[str]) -> None:
    """Print one line a budget. What a budget allows stands behind it; nothing here fails on time."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    given = parser.parse_args(arguments)
    os.environ.update(cpu.baseline_environment())
    rows = measure_all()
    if given.json:
        names = ("what", "measured", "budget")
        budgets = [dict(zip(names, row, strict=True)) for row in rows]
        print(json.dumps({"budgets": budgets}))
    else:
        _print_rows(rows)


Row = tuple[str, str, str]


def measure_all() -> list[Row]:
    """Measure every budget: its name, the measurement, and what it allows."""
    return [*_imports(), *_cpu(), *_memory(), *_requests()]


def _print_rows(rows: Sequence[Row]) -> None:
    width = max(len(what) for what, _, _ in rows)
    print(f"\n{'what'.ljust(width)}  {'measured'.ljust(44)}  budget")
    for what, measured, budget in rows:
        print(f"{what.ljust(width)}  {measured.ljust(44)}  {budget}")


def _imports() -> Iterator[Row]:
    found = imports.measure_cold_starts()
    for name in imports.FUNCTIONS:
        seconds = found.functions[name]
        measured = (
            f"{seconds / found.bare:.2f} x bare client ({seconds * 1000:.0f} ms of CPU)"
        )
        yield f"cold start of {name}, as shipped", measured, "1.3 x"
    for name in imports.FUNCTIONS:
        ratio = found.without_byte_code[name] / found.functions[name]
        yield f"the same without byte code, {name}", f"{ratio:.2f} x as shipped", "-"


def _cpu() -> Iterator[Row]:
    alone, through = cpu.measure_cpu()
    measured = f"{through / alone:.2f} x two boto3 calls ({through:.0f} us)"
    yield "CPU of one track call, one event", measured, "1.3 x"
    for events in requests.EVENTS:
        what = f"CPU of reading a burst, {events} events"
        yield what, f"{cpu.measure_burst(events):.2f} ms", "in proportion"


def _memory() -> Iterator[Row]:
    for name in memory.CALLS:
        has = topology.FUNCTIONS_BY_NAME[name].memory
        measured = f"{memory.measure_memory(name)} of its {has} MB"
        yield f"a hostile body of 5 MiB to {name}", measured, "3/4 of it"


_VALUE_BUDGETS = {
    "a page of its timeline": "no contributed values",
    "its view": "in proportion",
    "log-in on one more device": "no contributed values",
}


def _requests() -> Iterator[Row]:
    with (
        dynamodb_local.running() as endpoint,
        tables.dynamodb_local(endpoint) as clients,
        tables.new(clients) as engine,
    ):
        asked, consumed = requests.measure_steady_track(engine)
        yield (
            "requests of a steady track call",
            _shown(asked),
            "1 consistent read, 1 write",
        )
        yield "write units of its event of 1 KB", f"{consumed['PutItem']:g}", "1"
        for events in requests.EVENTS:
            made = requests.measure_association(engine, events)
            writes = {
                n: c for n, c in made.items() if n in ("TransactWriteItems", "PutItem")
            }
            what = f"writes of one association, {events} events"
            yield what, _shown(Counter(writes)), "equal"
        for sessions in requests.SIZES:
            with tables.new(clients) as empty:
                made = requests.measure_association_of_sessions(empty, sessions)
            what = f"association of one log-in, {sessions} sessions"
            yield what, f"{made.total()} requests", "in proportion"
        for sessions in requests.SIZES:
            with tables.new(clients) as empty:
                made = requests.measure_opting_out(empty, sessions)
            what = f"opting out, {sessions} sessions"
            yield what, _shown(made), "2 writes, 1 read for 100"
        for visitors in requests.SIZES:
            with tables.new(clients) as empty:
                made = requests.measure_association_of_visitors(empty, visitors)
            what = f"association of an address, {visitors} visitors"
            yield what, f"{made.total()} requests", "in proportion"
        yield from _busy_project(clients)
        for sessions, asked in requests.measure_newest(engine):
            what = f"newest 50 events, {sessions} sessions of 10"
            budget = f"1 partition, {min(sessions, 6)} sessions that matter"
            yield what, _shown(asked), budget
        for profiles, units in requests.measure_values(engine):
            for name, count in units.items():
                what = f"{name}, {profiles} visitors of 255 attributes"
                yield what, f"{count:g} read units", _VALUE_BUDGETS[name]
        for sessions, reads in requests.measure_whole_timeline(engine):
            for name, count in reads.items():
                what = f"{name}, {sessions} sessions of 10"
                yield what, f"{count} requests", "4 a session"
        with tables.new(clients) as empty:
            yield from _traits(empty)


_TRAIT_READS = {
    "first": "first read after a visit",
    "quiet": "each further one",
    "in_visit": "during the next visit",
}


def _traits(engine: Engine) -> Iterator[Row]:
    """Measure the requests that read traits."""
    for sessions, reads in requests.measure_traits(engine):
        budget = "3, 1 write" if sessions <= 10 else "1 for 50 sessions"
        for name, count in reads.requests.items():
            what = f"traits of {sessions} sessions, {_TRAIT_READS[name]}"
            yield what, f"{count} requests", budget


def _busy_project(clients: tables.Clients) -> Iterator[Row]:
    """Measure what grows with the visitors of a project, or of one call."""
    for size in requests.SIZES:
        with tables.new(clients) as empty:
            made = requests.measure_live(empty, size)
        what = f"live list, one new event, {size} active sessions"
        yield what, f"{made.total()} requests", "in proportion to new events"
    for size in requests.SIZES:
        with tables.new(clients) as empty:
            made, units = requests.measure_erasing_own_session(empty, size)
        what = f"erasing a customer without a device, {size} active sessions"
        measured = f"{made.total()} requests, {units:g} read units"
        yield what, measured, "an eighth of the index"
    for size in requests.SIZES:
        with tables.new(clients) as empty:
            made, refused = requests.measure_batch(empty, size)
        what = f"a batch about {size} new visitors"
        yield what, f"{made.total()} requests, {refused} refused", "250 visitors"


def _shown(found: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(found.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
