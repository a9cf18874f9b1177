"""Visitors who go on until they are answered, as the SDKs do, and remember what they were promised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from hardlink.domain.errors import Busy, Refused
from hardlink.domain.graph import Node
from hardlink.domain.times import HOUR, MINUTE, SECOND, to_iso
from tests.properties.faults.injecting import Killed
from tests.support.world import World

_T = TypeVar("_T")
CUSTOMERS = 40
_TRIES = 60
_MOST_LINKS = 12
"""A transaction holds them all still: what more of them costs is measured elsewhere."""


@dataclass
class Promised:
    """What was answered with a 2xx."""

    events: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """Session and event ID -> time, and what the event said."""
    dropped: set[tuple[str, str]] = field(default_factory=set)
    """Events of who had opted out."""
    values: dict[str, int] = field(default_factory=dict)
    """The last value of every attribute."""
    customers: dict[str, Node] = field(default_factory=dict)
    """Sessions whose visitor was last identified by a hard identifier."""
    sessions: set[str] = field(default_factory=set)
    undone: dict[str, str] = field(default_factory=dict)
    """Evidence of links that were taken back -> the session in which that was asked for."""


class Unanswered(Exception):
    """However often it was sent, a call was never carried out."""


@dataclass
class Visitor:
    """One device. Its calls come one after the other; what it shares with others are its customers and addresses."""

    name: str
    policy: str
    world: World
    random: Random
    promised: Promised
    session: str = ""
    denied: bool = False
    links: int = 0
    number: int = 0

    def __post_init__(self) -> None:
        self.session = f"{self.name}-s"

    def act(self) -> None:
        """One call, sent until it is answered."""
        self.number += 1
        calls = [self._track] * 12 + [self.identify] * 4 + [self._update] * 3
        calls += [self._order, self._consent, self._anonymize, self._unlink]
        self.random.choice(calls)()

    def _track(self) -> None:
        many = self.random.choice((1, 1, 1, 2, 3, 30))
        self._events([{"id": f"{self.name}-{self.number}-{n}"} for n in range(many)])

    def _order(self) -> None:
        number = f"o-{self.name}-{self.number}"
        self._events([{"id": number, "order": {"number": number, "total": 7}}])

    def _events(self, found: list[dict[str, Any]]) -> None:
        first = self.world.clock() - self.random.choice((SECOND, MINUTE, HOUR))
        events = [
            {
                **event,
                "type": "view",
                "time": to_iso(first + n),
                "properties": {"said": self.number},
            }
            for n, event in enumerate(found)
        ]
        answer = self._answered(
            lambda: self.world.track(self.session, *events, source=self.policy)
        )
        for n, (event, verdict) in enumerate(
            zip(events, answer["results"], strict=True)
        ):
            place = (self.session, str(event["id"]))
            if verdict["status"] in ("stored", "duplicate"):
                self.promised.events[place] = (first + n, self.number)
            elif verdict["status"] == "dropped" and self.denied:
                self.promised.dropped.add(place)
            else:
                raise AssertionError(f"{event['id']} is {verdict} for no reason")

    def identify(self) -> None:
        """Log in."""
        if self.links > _MOST_LINKS:
            return
        ids = dict(self._ids())
        source = self.policy
        answer = self._answered(
            lambda: self.world.identify(self.session, source, ids=ids)
        )
        self.promised.customers.pop(self.session, None)
        if answer is None or self.denied:
            return
        self.links += 1
        if "registered" in ids:
            self.promised.customers[self.session] = Node(
                "registered", ids["registered"]
            )

    def _ids(self) -> Iterator[tuple[str, str]]:
        kind = self.random.random()
        if kind < 0.75:
            yield "registered", f"customer-{self.random.randrange(CUSTOMERS)}"
        if kind > 0.5:
            yield "email", f"{self.random.randrange(2 * CUSTOMERS)}@example.com"

    def _update(self) -> None:
        name = f"of-{self.name}"
        said = {"properties": {name: self.number}}
        self._answered(lambda: self.world.update(self.session, self.policy, **said))
        if not self.denied:
            self.promised.values[name] = self.number

    def _consent(self) -> None:
        tracking = "granted" if self.denied else "denied"
        self._answered(lambda: self.world.consent(self.session, tracking, self.policy))
        self.denied = not self.denied

    def _anonymize(self) -> None:
        answer = self._answered(lambda: self.world.anonymize(self.session, self.policy))
        self.session = answer["session"]["id"]
        self.promised.sessions.add(self.session)
        self.links = 0

    def _unlink(self) -> None:
        """Of one link, which the caller names: so it is taken back once, however often that is sent."""
        found = self._answered(self._why)
        standing = [entry["evidence"] for entry in found if not entry.get("undone")]
        if not standing:
            return
        self.promised.customers.pop(self.session, None)
        done = self._answered(lambda: self.world.unlink(self.session, standing[0]))
        if done is not None:
            self.promised.undone[standing[0]] = self.session

    def _why(self) -> list[dict[str, Any]]:
        self.world.track(self.session, source=self.policy, options={"save": False})
        found: list[dict[str, Any]] = self.world.session(self.session)["why"]
        return found

    def _answered(self, call: Callable[[], _T]) -> Any:
        """What a call is answered in the end; nothing where it is refused."""
        for _ in range(_TRIES):
            try:
                return call()
            except (Busy, Killed):  # 503, or no answer at all
                continue
            except Refused:
                return None
        raise Unanswered(self.name)
