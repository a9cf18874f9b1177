"""Events without an ID of their own, sent again by a client that measures their times anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from hardlink.domain import commands
from hardlink.domain.commands import Track
from hardlink.domain.records import Item, Key
from hardlink.domain.times import SECOND, to_iso
from tests.support.memory_store import MemoryStore
from tests.support.world import World, in_memory

WHEN = 1_790_000_000 * SECOND


def sent(
    world: World, *events: Mapping[str, Any], jitter: int = 2 * SECOND
) -> list[str]:
    body = {"session": {"id": "tab"}, "events": list(events)}
    command = commands.read(Track, body)
    command.jitter = jitter
    results = world.service.track(world.service.call("move"), command)["results"]
    return [result["status"] for result in results]


def event(id_: str, off: float = 0) -> dict[str, Any]:
    return {"type": "view", "id": id_, "time": to_iso(WHEN + round(off * SECOND))}


@pytest.mark.parametrize("off", [-2, -0.5, 0, 0.5, 2])
def test_a_time_that_is_a_little_off_is_the_same_event(
    world: World, off: float
) -> None:
    assert sent(world, event("a"), jitter=0) == ["stored"]
    assert sent(world, event("a", off)) == ["duplicate"]
    assert [e["id"] for e in world.session_events("tab")] == ["a"]


@pytest.mark.parametrize("off", [-2.1, 2.1])
def test_further_off_it_is_another_one(world: World, off: float) -> None:
    sent(world, event("a"))
    assert sent(world, event("a", off)) == ["stored"]


def test_only_the_same_content_is_the_same_event(world: World) -> None:
    sent(world, event("a"))
    assert sent(world, event("b", 0.1), event("a", 0.1), event("c", 0.1)) == [
        "stored",
        "duplicate",
        "stored",
    ]


def test_who_does_not_measure_anew_is_taken_at_their_word(world: World) -> None:
    sent(world, event("a"), jitter=0)
    assert sent(world, event("a", 0.1), jitter=0) == ["stored"]


def test_a_consent_is_told_with_an_event(world: World) -> None:
    given = {"newsletter": {"action": "accept"}}
    world.track("tab", consents=given, ids={"registered": "gordon"})
    world.settle()
    assert world.customer("gordon")["consents"] == given
    world.update("tab", consents={"newsletter": {"action": "reject"}})
    world.settle()
    assert world.customer("gordon")["consents"] == {"newsletter": {"action": "reject"}}


def test_only_what_lies_near_an_event_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """However far apart the times of one call are."""
    world = in_memory(store := MemoryStore())
    sent(world, *(event(f"old{n}", n) for n in range(200)), jitter=0)
    read: list[str] = []
    scan = store.scan

    def counted(*args: Any, **more: Any) -> Iterator[tuple[Key, Item]]:
        for key, item in scan(*args, **more):
            read.append(key.item)
            yield key, item

    monkeypatch.setattr(store, "scan", counted)
    assert (
        sent(world, event("old0"), event("old199", 199), jitter=SECOND)
        == ["duplicate"] * 2
    )
    assert len(read) <= 4
