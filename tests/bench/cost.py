"""`make cost`: the price of a million events, from what calls of the real handlers consume on DynamoDB Local.

Counted here: requests, capacity units, CPU. Assumed, and said: how long DynamoDB takes to answer, what a visit is.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import math
import os
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch
from uuid import uuid4

from hardlink.domain.graph import NOTHING
from hardlink.domain.records import Table
from hardlink.metrics import COUNTS, DURATIONS
from infra import stages, topology
from tests.bench.cpu import baseline_environment
from tests.bench.prices import (
    MILLION,
    Prices,
    Usage,
    Volume,
    Watched,
    bill_duration,
    item_size,
    load_prices,
    per_million,
    price_month,
    sum_prices,
)
from tests.bench.requests import count_units, measure_traits
from tests.support.engines import dynamodb_local, tables
from tests.support.engines.tables import Engine

GOALS = {"single": 2.05, "batches of 10": 0.80}
"""USD for a million events in the middle of a visit."""
WAIT = 0.004
"""Seconds that a request to DynamoDB waits, as AWS's own metrics have it for small items in the same region."""
ALL_IN_GOAL = 3.50
"""USD for a million events of a large shop, with all that a month has."""
RETENTION = 13
"""Months that events are kept: a year can be compared with the year before."""
MONTHS = (1, 10, 100)
"""Millions of events of a month."""
VISIT, LOGS_IN = 20, 20
"""Events of a visit, and visits of which one logs in."""
CALLS, VISITS = 300, 40
_TRAIT_SESSIONS = 10
_LINE = 26
"""Bytes that CloudWatch adds to every line."""
_PROPERTIES = {
    "pageTitle": "My Page",
    "price": 34.43,
    "currency": "EUR",
    "tags": ["a", "b"],
}
_READS = ("GetItem", "BatchGetItem", "Query")
_PLAIN_WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchExecuteStatement")
Handler = Callable[[dict[str, Any], object], Any]


class Costs(NamedTuple):
    """Consumption of events in the middle of visits, and of one visit."""

    steady: Mapping[str, Usage]
    visit: Usage
    weights: Weights
    traits: Mapping[str, Usage] = NOTHING
    """DynamoDB's part of one read of the traits of a customer of 10 sessions."""


class Weights(NamedTuple):
    """Bytes of an event that are stored, and are sent as its answer; stored of a visit beside."""

    event: float
    answer: float
    visit: float


class Rate(NamedTuple):
    """USD for a million events of one kind of call, by part, and its goal."""

    parts: Mapping[str, float]
    usd: float
    with_visit: float
    """With the events' share of what a visit costs beside them."""
    goal: float


class Month(NamedTuple):
    """USD of a month in production with so many million events, by part."""

    million_events: int
    parts: Mapping[str, float]
    usd: float
    usd_per_million: float


class Report(NamedTuple):
    """What events cost, and whether the goals are held."""

    costs: Costs
    rates: Mapping[str, Rate]
    months: Sequence[Month]

    @property
    def is_held(self) -> bool:
        """True if each goal is held."""
        largest = self.months[-1].usd_per_million
        rates = self.rates.values()
        return largest <= ALL_IN_GOAL and all(rate.usd <= rate.goal for rate in rates)

    def to_json(self) -> dict[str, Any]:
        """All of it, in USD and bytes."""
        rates = {name: rate._asdict() for name, rate in self.rates.items()}
        return {
            "million_events": rates,
            "months": [month._asdict() for month in self.months],
            "goal_per_million": ALL_IN_GOAL,
            "bytes": self.costs.weights._asdict(),
            "is_held": self.is_held,
        }


def main(arguments: Sequence[str]) -> int:
    """Print the tables, and return the exit code: 0 where the goals are held."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.cost", description=__doc__
    )
    parser.add_argument(
        "--calls", type=int, default=CALLS, help="calls that are measured"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    given = parser.parse_args(arguments)
    prices = load_prices()
    report = create_report(measure_cost(given.calls), count_watched(), prices)
    if given.json:
        print(json.dumps({"prices_of": prices.date, **report.to_json()}))
    else:
        _print_report(report, prices)
    return 0 if report.is_held else 1


def create_report(costs: Costs, watched: Watched, prices: Prices) -> Report:
    """Price what was measured: a million events, and whole months of three shops."""
    rates: dict[str, Rate] = {}
    for name, steady in costs.steady.items():
        visit = steady.times(1 / steady.events) + costs.visit.times(1 / VISIT)
        rates[name] = Rate(
            per_million(steady, prices),
            sum_prices(steady, prices),
            sum_prices(visit, prices),
            GOALS[name],
        )
    return Report(costs, rates, list(_price_months(costs, watched, prices)))


def _print_report(report: Report, prices: Prices) -> None:
    print(
        f"USD for a million events; list prices of {prices.date}, {prices.region}, no free tier"
    )
    for name, rate in report.rates.items():
        _print_rate(name, rate)
    print(_ASSUMED)
    _print_traits(report.costs, prices)
    _print_months(report)
    print(_idle(prices))


def _print_traits(costs: Costs, prices: Prices) -> None:
    """Print what a visit costs more where traits are read, and nothing where they are not."""
    print(
        f"\nTraits of a customer of {_TRAIT_SESSIONS} visits: USD at DynamoDB for a million "
        "reads (a visit that nobody asks about costs nothing more)"
    )
    names = {
        "first": "the first after a visit, which keeps a summary",
        "quiet": "each further one",
        "in_visit": "during the next visit",
    }
    for name, usage in costs.traits.items():
        print(
            f"  {names[name]:<48}{sum_prices(usage, prices):8.3f}  "
            f"{usage.writes:g} write units, {usage.reads:g} read units"
        )


def count_watched() -> Watched:
    """Count what production has that costs the same every month, in its template."""
    importlib.import_module("infra.stack.node")  # chooses the CDK's Node.js
    from tests.deploy.template import synthesize  # noqa: PLC0415 - starts it

    with tempfile.TemporaryDirectory() as folder:
        template = synthesize(Path(folder), "prod")
        alarms = template.properties("CloudWatch::Alarm").values()
        read = [sum("MetricStat" in m for m in a.get("Metrics", ())) for a in alarms]
        return Watched(
            metrics=len(COUNTS) + len(DURATIONS),
            alarm_metrics=sum(count or 1 for count in read),
            dashboards=len(template.properties("CloudWatch::Dashboard")),
            secrets=len(template.properties("SecretsManager::Secret")),
        )


def _price_months(costs: Costs, watched: Watched, prices: Prices) -> Iterator[Month]:
    """Price a month of each of three shops."""
    steady = costs.steady["single"]
    usage = steady.times(1 / steady.events) + costs.visit.times(1 / VISIT)._replace(
        events=0
    )
    stage = stages.load_stage(topology.STAGES, "prod")
    has_copies = stage.events.backups == "weekly"
    for millions in MONTHS:
        volume = Volume(
            events=millions * MILLION,
            event_bytes=costs.weights.event,
            visit_bytes=costs.weights.visit,
            answer_bytes=costs.weights.answer,
            visit_events=VISIT,
            months=RETENTION,
            infrequent_events=stage.events.table_class == "infrequent_access",
            event_copies=topology.EVENT_COPY_DAYS / 7 if has_copies else 0,
        )
        parts = price_month(usage, volume, watched, prices)
        usd = sum(parts.values())
        yield Month(millions, parts, usd, usd / millions)


def _print_months(report: Report) -> None:
    months, weights = report.months, report.costs.weights
    print(
        f"\nUSD a month in production, one event a call, {RETENTION} months' "
        f"retention (an event: {weights.event:.0f} bytes stored, "
        f"{weights.answer:.0f} answered; a visit: {weights.visit:.0f} stored beside)"
    )
    millions = "".join(f"{month.million_events:>11}" for month in months)
    print(f"  million events a month    {millions}")
    for name in months[0].parts:
        _print_row(name, [month.parts[name] for month in months])
    _print_row("all in", [month.usd for month in months])
    largest = months[-1]
    goal = _format_goal(largest.usd_per_million, ALL_IN_GOAL)
    each = [month.usd_per_million for month in months]
    _print_row("for a million events", each, f"  {goal}")
    kept = largest.parts["storage of events"] + largest.parts["copies of events"]
    more = kept / weights.event * 100 / largest.million_events
    print(f"  each further 100 bytes of an event: {more:.2f} for a million events")


def _print_row(name: str, figures: Sequence[float], note: str = "") -> None:
    shown = "".join(f"{figure:>11.2f}" for figure in figures)
    print(f"  {name:<26}{shown}{note}")


def _format_goal(usd: float, goal: float) -> str:
    return f"goal {goal:.2f}: {'held' if usd <= goal else 'MISSED'}"


def measure_cost(calls: int = CALLS, endpoint: str | None = None) -> Costs:
    """Drive the handlers on DynamoDB Local: the one that listens there, or one of its own."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, baseline_environment()))
        at = endpoint or stack.enter_context(dynamodb_local.running())
        clients = stack.enter_context(tables.dynamodb_local(at))
        engine = stack.enter_context(tables.new(clients))
        stack.enter_context(patch.dict(os.environ, _environment(engine, at)))
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        driver = _Driver(engine)
        steady = {
            "single": driver.steady(calls, 1),
            "batches of 10": driver.steady(max(1, calls // 4), 10),
        }
        visit = driver.visits(max(1, min(VISITS, calls)))
        return Costs(steady, visit, driver.weigh(), _measure_traits(clients))


def _measure_traits(clients: tables.Clients) -> dict[str, Usage]:
    """Measure reads of traits after a visit and during one."""
    with tables.new(clients) as empty:
        reads = next(r for n, r in measure_traits(empty) if n == _TRAIT_SESSIONS)
    return {
        name: Usage(1, reads=_some(units, reads=True), writes=_some(units, reads=False))
        for name, units in reads.units.items()
    }


def _environment(engine: Engine, endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        "HARDLINK_SESSIONS_TABLE": engine.names["sessions"],
        "HARDLINK_CUSTOMERS_TABLE": engine.names["customers"],
        "HARDLINK_EVENTS_TABLE": engine.names["events"],
        "POWERTOOLS_LOG_LEVEL": "WARNING",
    }


class _Driver:
    """Calls handlers as Lambda does, and counts."""

    def __init__(self, engine: Engine) -> None:
        from hardlink.web import caller, declarations  # noqa: PLC0415 - needs the environment
        from hardlink.web import wiring as deployed  # noqa: PLC0415

        for cached in (deployed.tables, declarations.deployed_sources, caller.service):
            cached.cache_clear()
        names = ("track", "identify", "associate")
        self._handlers: dict[str, Handler] = {}
        for name in names:
            sys.modules.pop(f"{name}.handler", None)
            self._handlers[name] = importlib.import_module(f"{name}.handler").handler
        client = deployed.tables()._client
        self._counted = Engine(replace(engine.clients, tables=client), engine.names)
        self._asked = 0
        self._answers: list[int] = []
        self._visit_bytes = 0.0
        # once: whoever registers anew with each call makes the client look for all its handlers again
        client.meta.events.register("before-call.dynamodb", self._count)

    def _count(self, **_: object) -> None:
        self._asked += 1

    def steady(self, calls: int, events: int) -> Usage:
        """Calls of so many events in the middle of a visit."""
        session = str(uuid4())
        for _ in range(3):  # the first ones open the session and raise its bound
            self._track(session, events)
        self._taken()
        return self._measured(
            lambda: [self._track(session, events) for _ in range(calls)]
        )

    def visits(self, visits: int) -> Usage:
        """Measure what a visit adds to its events: session, bound, association, a log-in in 20."""
        empty = self._bytes_beside()
        plain = self._measured(lambda: [self._opened() for _ in range(visits)])
        with_plain = self._bytes_beside()
        known = self._measured(lambda: [self._logged_in() for _ in range(visits)])
        with_known = self._bytes_beside()
        opened_bytes, known_bytes = with_plain - empty, with_known - with_plain
        all_bytes = opened_bytes * (LOGS_IN - 1) + known_bytes
        self._visit_bytes = all_bytes / LOGS_IN / visits
        steady = self.steady(visits, 1)
        opened = _minus(plain, steady).times(1 / visits)
        logged_in = _minus(known, steady).times(1 / visits)
        return (opened.times(LOGS_IN - 1) + logged_in).times(1 / LOGS_IN)

    def weigh(self) -> Weights:
        """Weigh what the calls so far left in the tables, and their answers."""
        events = [item_size(item) for item in self._items("events")]
        answer = statistics.median(self._answers)
        return Weights(statistics.mean(events), answer, self._visit_bytes)

    def _bytes_beside(self) -> int:
        """What is stored beside the events, without what expires within a day of the visit."""
        rows = [*self._items("sessions"), *self._items("customers")]
        return sum(item_size(item) for item in rows if "expires" not in item)

    def _items(self, table: Table) -> Iterator[dict[str, Any]]:
        name = self._counted.names[table]
        pages = self._counted.client.get_paginator("scan").paginate(TableName=name)
        for page in pages:
            yield from page["Items"]

    def _opened(self) -> Usage:
        return self._track(str(uuid4()), 1) + self._associated()

    def _logged_in(self) -> Usage:
        session = str(uuid4())
        body = {"session": {"id": session}, "ids": {"registered": session}}
        used = self._track(session, 1) + self._associated()
        return used + self._called("identify", "/identify", body) + self._associated()

    def _track(self, session: str, events: int) -> Usage:
        body = {
            "session": {"id": session},
            "events": [{"type": "page-view", "properties": _PROPERTIES}] * events,
        }
        return self._called("track", "/track", body)._replace(events=events)

    def _called(self, function: str, path: str, body: dict[str, Any]) -> Usage:
        request = {
            "version": "2.0",
            "routeKey": f"POST {path}",
            "headers": {"content-type": "application/json"},
            "requestContext": {
                "requestId": "JKJaXmPLvHcESHA=",
                "http": {"sourceIp": "192.0.2.1"},
            },
            "body": json.dumps({"source": {"id": "demo"}, **body}),
            "isBase64Encoded": False,
        }
        answer, used = self._timed(function, request)
        if answer["statusCode"] != 200:
            raise AssertionError(answer)
        if function == "track":
            self._answers.append(_answer_size(answer))
        return used._replace(api=1, log=_log_line(f"POST {path}"))

    def _associated(self) -> Usage:
        """Deliver stream records until none is left, in one call for each table."""
        used = Usage(0)
        while batches := self._taken():
            for records in batches:
                _, more = self._timed("associate", {"Records": records})
                used += more
        return used

    def _taken(self) -> list[list[dict[str, Any]]]:
        changes = self._counted.taken()
        return [
            [_record(table, key) for changed, key in changes if changed == table]
            for table in dict.fromkeys(table for table, _ in changes)
        ]

    def _timed(self, function: str, event: dict[str, Any]) -> tuple[Any, Usage]:
        asked, began = self._asked, time.process_time()
        answer = self._handlers[function](event, None)
        cpu = time.process_time() - began
        memory = topology.FUNCTIONS_BY_NAME[function].memory
        waited = WAIT * (self._asked - asked)
        return answer, Usage(0, calls=1, gb_seconds=bill_duration(cpu, waited, memory))

    def _measured(self, run: Callable[[], list[Usage]]) -> Usage:
        """The sum of calls, with the capacity that they consumed."""
        with (
            count_units(self._counted) as consumed,
            _inserted(self._counted) as inserted,
            _transacted(self._counted) as transacted,
        ):
            used = run()
        whole = used[0]
        for one in used[1:]:
            whole += one
        # of the quarter that other programs of this machine disturbed least: in Lambda there are none
        typical = statistics.quantiles([one.gb_seconds for one in used] * 2, n=4)[0]
        return whole._replace(
            gb_seconds=typical * len(used),
            reads=_some(consumed, reads=True),
            writes=_some(consumed, reads=False) + inserted[0] + transacted[0],
        )


@contextlib.contextmanager
def _inserted(engine: Engine) -> Iterator[list[int]]:
    """Write units of PartiQL inserts: DynamoDB Local tells of none; DynamoDB's are those of PutItem, one a kilobyte."""
    found = [0]

    def count(params: dict[str, Any], **_: object) -> None:
        for statement in params["Statements"]:
            names = re.findall(r"'([^']+)': \?", statement["Statement"])
            item = dict(zip(names, statement["Parameters"], strict=True))
            found[0] += math.ceil(item_size(item) / 1024)

    events = engine.client.meta.events
    events.register("provide-client-params.dynamodb.BatchExecuteStatement", count)
    try:
        yield found
    finally:
        events.unregister("provide-client-params.dynamodb.BatchExecuteStatement", count)


@contextlib.contextmanager
def _transacted(engine: Engine) -> Iterator[list[int]]:
    """Write units of transactions: DynamoDB Local tells of two for each table, however many items.

    DynamoDB's are two for each kilobyte of each item. All but new items have less than one here.
    """
    found = [0]

    def count(params: dict[str, Any], **_: object) -> None:
        for part in params["TransactItems"]:
            (action,) = part.values()
            found[0] += 2 * math.ceil(item_size(action.get("Item", {})) / 1024)

    events = engine.client.meta.events
    events.register("provide-client-params.dynamodb.TransactWriteItems", count)
    try:
        yield found
    finally:
        events.unregister("provide-client-params.dynamodb.TransactWriteItems", count)


def _some(consumed: Counter[str], *, reads: bool) -> float:
    """Sum up the units of reads, or of plain writes."""
    names = _READS if reads else _PLAIN_WRITES
    return sum(found for name, found in consumed.items() if name in names)


def _minus(whole: Usage, events: Usage) -> Usage:
    """Consumption of a visit's calls beyond that of as many events."""
    return Usage(
        *(max(0.0, a - b) for a, b in zip(whole, events, strict=True))
    )._replace(events=0)


def _record(table: str, key: str) -> dict[str, Any]:
    partition = {"sessions": "session", "customers": "customer"}[table]
    keys = {partition: {"S": key}, "item": {"S": "#"}}
    return {
        "eventName": "MODIFY",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"Keys": keys, "SequenceNumber": str(uuid4().int)},
    }


def _answer_size(answer: dict[str, Any]) -> int:
    """Bytes of an answer: its body, its headers, and about 250 that API Gateway adds."""
    headers = sum(
        len(name) + len(value) + 4 for name, value in answer["headers"].items()
    )
    return len(answer["body"]) + headers + 250


def _log_line(route: str) -> int:
    """Bytes of the access log's line for a call."""
    said = {"requestId": "JKJaXmPLvHcESHA=", "routeKey": route, "status": "200"}
    line = re.sub(
        r"\$context\.(\w+)", lambda word: said.get(word[1], "-"), topology.ACCESS_LOG
    )
    return len(line) + _LINE


def _print_rate(name: str, rate: Rate) -> None:
    print(f"\n{name}")
    for part, usd in rate.parts.items():
        print(f"  {part:<26}{usd:8.3f}")
    goal = _format_goal(rate.usd, rate.goal)
    print(f"  {'in the middle of a visit':<26}{rate.usd:8.3f}  {goal}")
    print(f"  {'with its share of a visit':<26}{rate.with_visit:8.3f}")


_ASSUMED = f"""
Assumed: a request to DynamoDB waits {WAIT * 1000:g} ms. CPU is this machine's (not arm64), of the quarter of
calls that it disturbed least, on the function's share of a processor. A visit has {VISIT} events, and one
in {LOGS_IN} logs in; `associate` is called for each visit alone, as in a shop with few. Lambda's reads of
the streams cost nothing. Single events and batches
are priced at the standard class; a month has the class of production's `events`, as stages.toml says.
A month has one running process for half a million events, and each writes a
line of metrics a minute; CloudWatch keeps logs compressed to 15 %. Not in it: cold starts, downloads of
the SDK (6 KB a visitor and day)."""


def _idle(prices: Prices) -> str:
    gigabyte, month = prices.gigabyte, prices.month
    shipped = {
        name: stages.load_stage(topology.STAGES, name) for name in stages.STAGE_NAMES
    }
    kept = gigabyte["table_month"] + gigabyte["backup_month"]
    lines = [
        "",
        "Idle: 0 for requests, functions, tables, streams. What is kept or watched is paid by the month:",
        f"  a server key {month['secret']:.2f} a project; tables and their backups {kept:.2f} a GB",
    ]
    for name, stage in shipped.items():
        alarms = (
            f"alarms {month['alarm_metric']:.2f} a metric"
            if stage.alarms
            else "no alarms"
        )
        board = (
            f"a dashboard {month['dashboard']:.2f}"
            if stage.dashboard
            else "no dashboard"
        )
        lines.append(f"  {name}: {alarms}, {board}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
