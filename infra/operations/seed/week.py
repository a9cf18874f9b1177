"""A week of a made-up shop, the same for the same seed: visitors, log-ins, orders, mistakes.

Pure: rows for the importer, in order for each visitor, and the sessions that opt out afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from hardlink.domain.times import DAY, HOUR, MINUTE, SECOND, to_iso
from infra.operations.event_import.rows import Row

Json = Any
_WEEK = 7 * DAY
_LONGEST_VISIT = 3 * HOUR
"""Visits begin early enough before the end of the week, so that no event is in the future."""
_PRODUCTS = (
    ("crowbar", 39.9),
    ("hev-suit", 1299.0),
    ("gravity-gun", 449.0),
    ("lambda-mug", 7.99),
    ("headcrab-plush", 24.5),
    ("resonance-lamp", 89.0),
)
_FIRST_NAMES = ("Gordon", "Alyx", "Barney", "Eli", "Isaac", "Judith", "Arne", "Gina")
_CITIES = ("Berlin", "Copenhagen", "Praha", "Warszawa", "Lyon", "City 17")
_PAGES = ("/", "/sale", "/new", "/contact", "/product/")
_KINDS = ("anonymous", "customer", "newsletter", "shared", "private", "mistaken")
_WEIGHTS = (55, 28, 6, 4, 4, 3)
_BUYS, _SEARCHES_FIRST, _PUTS_IN_BASKET = 0.6, 0.3, 0.4
"""Shares of visits and of products seen."""
_SEARCHES = ("crowbar", "gift", "lamp", "mug", "suit")


class Types(NamedTuple):
    """The project's types of identifiers: of customers, and of addresses (`None`: it has none)."""

    hard: str
    email: str | None


@dataclass(frozen=True)
class Visitor:
    """One made-up visitor or customer. `name`: unique for the seed."""

    name: str
    kind: str
    random: Random

    def device(self, number: int) -> str:
        """The session of one of their devices."""
        return f"{self.name}-device-{number}"


@dataclass
class Week:
    """A week that ends at `until` (microseconds). `opted_out`: filled while `rows` is read."""

    seed: int
    visitors: int
    until: int
    types: Types
    opted_out: list[str] = field(default_factory=list)

    def rows(self) -> Iterator[Row]:
        """Yield the rows of all visitors, one visitor after the other."""
        line = 0
        for number in range(self.visitors):
            for fields in self._plan_visitor(self._make_visitor(number)):
                line += 1
                yield Row(line, fields, len(str(fields)))

    def _make_visitor(self, number: int) -> Visitor:
        # A generator for each, so that a visitor does not depend on how many there are.
        random = Random(f"{self.seed}/{number}")
        kind = random.choices(_KINDS, _WEIGHTS)[0]
        return Visitor(f"seed-{self.seed}-{number}", kind, random)

    def _plan_visitor(self, visitor: Visitor) -> Iterator[Json]:
        if visitor.kind == "customer":
            for device in range(visitor.random.choices((1, 2, 3), (60, 30, 10))[0]):
                yield from self._plan_device(visitor, device, visitor.name)
            return
        yield from self._plan_device(visitor, 0, None)
        session = visitor.device(0)
        if visitor.kind == "newsletter" and self.types.email:
            yield self._subscribe(visitor)
        elif visitor.kind == "shared":
            # Nobody logs out: under `split` the second one's history begins with their log-in.
            for person in ("one", "two"):
                name = f"{visitor.name}-{person}"
                yield from self._plan_visit(
                    visitor, session, self._start(visitor), name
                )
        elif visitor.kind == "private":
            self.opted_out.append(session)
        elif visitor.kind == "mistaken":
            yield from self._make_mistakes(visitor)

    def _plan_device(
        self, visitor: Visitor, device: int, customer: str | None
    ) -> Iterator[Json]:
        """Yield visits in order; a customer is anonymous in the first one, until they log in."""
        starts = sorted(
            self._start(visitor) for _ in range(visitor.random.randint(1, 3))
        )
        for number, start in enumerate(starts):
            logs_in = customer if number == len(starts) - 1 else None
            yield from self._plan_visit(visitor, visitor.device(device), start, logs_in)

    def _plan_visit(
        self, visitor: Visitor, session: str, start: int, customer: str | None
    ) -> Iterator[Json]:
        random = visitor.random
        time = start
        for type_, properties in _browse(random):
            yield _event(session, time, type_, properties)
            time += random.randint(5 * SECOND, 4 * MINUTE)
        if customer is None:
            return
        yield self._log_in(random, session, time, customer)
        if random.random() < _BUYS:
            time += MINUTE
            yield _order(random, session, time, f"{customer}-{start // MINUTE}")

    def _log_in(self, random: Random, session: str, time: int, customer: str) -> Json:
        ids = {self.types.hard: customer}
        if self.types.email:
            ids[self.types.email] = f"{customer}@shop.example"
        properties = {
            "first_name": random.choice(_FIRST_NAMES),
            "city": random.choice(_CITIES),
        }
        time_text = to_iso(time)
        return {
            "session": session,
            "ids": ids,
            "time": time_text,
            "properties": properties,
        }

    def _subscribe(self, visitor: Visitor) -> Json:
        ids = {str(self.types.email): f"{visitor.name}@newsletter.example"}
        time = to_iso(self.until - HOUR)
        return {"session": visitor.device(0), "ids": ids, "time": time}

    def _make_mistakes(self, visitor: Visitor) -> Iterator[Json]:
        """Yield what a page does wrong: an empty type, an ID of nobody."""
        session, time = visitor.device(0), self.until - HOUR
        yield _event(session, time, "", {})
        nobody = {self.types.hard: "undefined"}
        yield {"session": session, "ids": nobody, "time": to_iso(time)}

    def _start(self, visitor: Visitor) -> int:
        latest = _WEEK - _LONGEST_VISIT
        return self.until - visitor.random.randint(_LONGEST_VISIT, latest)


def _browse(random: Random) -> Sequence[tuple[str, Json]]:
    """Make the events of a visit without a log-in."""
    found: list[tuple[str, Json]] = [("page-view", {"page": random.choice(_PAGES)})]
    if random.random() < _SEARCHES_FIRST:
        found.append(("search", {"query": random.choice(_SEARCHES)}))
    for name, price in random.sample(_PRODUCTS, random.randint(1, 4)):
        found.append(("product-view", {"product": name, "price": price}))
        if random.random() < _PUTS_IN_BASKET:
            found.append(("product-in-basket", {"product": name, "price": price}))
    return found


def _order(random: Random, session: str, time: int, number: str) -> Json:
    name, price = random.choice(_PRODUCTS)
    bought = _event(session, time, "order", {"product": name, "price": price})
    return {**bought, "order": {"number": number, "total": price, "currency": "EUR"}}


def _event(session: str, time: int, type_: str, properties: Json) -> Json:
    return {
        "session": session,
        "type": type_,
        "time": to_iso(time),
        "properties": properties,
    }
