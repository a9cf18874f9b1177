"""The week of a made-up shop: the same for the same seed, and with all that a shop has."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hardlink.domain.times import DAY, parse_time
from infra.operations.seed.week import Types, Week

UNTIL = parse_time("2026-11-30", "time")
TYPES = Types("registered", "email")


def rows(seed: int = 1, visitors: int = 300, types: Types = TYPES) -> list[Any]:
    return [row.fields for row in Week(seed, visitors, UNTIL, types).rows()]


def test_the_same_seed_gives_the_same_week() -> None:
    assert json.dumps(rows()) == json.dumps(rows())
    assert rows(seed=1) != rows(seed=2)


def test_a_visitor_does_not_depend_on_how_many_come() -> None:
    assert rows(visitors=300)[: len(rows(visitors=30))] == rows(visitors=30)


def test_all_of_it_is_in_the_week_and_in_order_for_each_visitor() -> None:
    times = [parse_time(row["time"], "time") for row in rows()]
    assert min(times) >= UNTIL - 7 * DAY
    assert max(times) <= UNTIL


def test_it_has_all_that_a_shop_has() -> None:
    found = rows()
    types = Counter(row.get("type") for row in found)
    assert types.keys() >= {
        "page-view",
        "search",
        "product-view",
        "product-in-basket",
        "order",
        "",  # a mistake
        None,  # log-ins
    }
    logins = [row["ids"] for row in found if "type" not in row]
    assert {"registered": "undefined"} in logins
    assert any(ids.keys() == {"email"} for ids in logins)
    devices: dict[str, set[str]] = {}
    sessions: dict[str, set[str]] = {}
    for row in found:
        if "type" not in row and row["ids"].get("registered") != "undefined":
            name = row["ids"].get("registered", "")
            devices.setdefault(name, set()).add(row["session"])
            sessions.setdefault(row["session"], set()).add(name)
    assert any(len(several) > 1 for several in devices.values())
    assert any(len(several) > 1 for several in sessions.values()), "a shared device"


def test_sessions_that_opt_out_are_known_once_the_rows_are_read() -> None:
    week = Week(1, 300, UNTIL, TYPES)
    assert week.opted_out == []
    list(week.rows())
    assert week.opted_out


def test_every_order_has_a_number_of_its_own() -> None:
    numbers = [row["order"]["number"] for row in rows() if "order" in row]
    assert len(numbers) == len(set(numbers)) > 10


def test_a_project_without_addresses_has_none() -> None:
    found = rows(types=Types("customer", None))
    ids = [row["ids"] for row in found if "type" not in row]
    assert {name for given in ids for name in given} == {"customer"}
