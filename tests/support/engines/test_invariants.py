"""The check finds every violated invariant: here tables are changed, one item at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hardlink.domain.graph import Node
from hardlink.domain.records import Item, Key
from hardlink.domain.times import HOUR, to_iso
from hardlink.storage import items, keys
from hardlink.storage.keys import HEAD
from tests.support import invariants
from tests.support.world import HARD_TYPES, SPACE, START, in_memory

Tables = dict[Key, Item]


def busy_shop() -> Tables:
    """Customers with a split, a soft identifier, two hard types, a large value, large events."""
    world = in_memory()
    large = {f"a{number}": "x" * 16_000 for number in range(20)}
    world.track("s1", {"type": "view", "id": "a", "properties": large})
    world.identify(
        "s1", "split", ids={"registered": "gordon", "loyalty": "L1"}, properties=large
    )
    world.track("s1", {"type": "view", "id": "b"})
    world.identify("s1", "split", ids={"registered": "alyx", "card": "C1"})
    world.track("s2", {"type": "view", "id": "c", "time": to_iso(START - HOUR)})
    world.identify("s2", ids={"email": "b@x.com"})
    world.update("s2", properties={"color": "red"})
    world.drain()
    world.identify("s3", ids={"registered": "barney", "email": "b@x.com"})
    world.track("s4", {"type": "view", "id": "d"})
    world.drain()
    return world.store.dump()  # type: ignore[attr-defined,no-any-return]


@pytest.fixture(scope="module")
def shop() -> Tables:
    return busy_shop()


def derived(tables: Tables) -> Iterator[Key]:
    """The rows under nodes, each of which has to be there."""
    kinds = ("s/", "p/", "h/", "i/", "m/", "c/", "v/")
    return (key for key in tables if key.table == "customers" and key.item[:2] in kinds)


def test_tables_that_nobody_tampered_with_keep_every_promise(shop: Tables) -> None:
    invariants.check(shop, HARD_TYPES)
    kinds = {key.item[:2] for key in shop}
    assert kinds >= {"#", "e/", "x/", "l/", "m/", "c/", "h/", "i/", "p/", "s/", "v/"}


def test_a_missing_row_of_any_kind_is_seen(shop: Tables) -> None:
    for gone in derived(shop):
        tables = {key: item for key, item in shop.items() if key != gone}
        assert invariants.broken(tables, HARD_TYPES), (
            f"{gone} is missing, and nobody sees it"
        )


def test_a_row_too_many_is_seen(shop: Tables) -> None:
    rows = [
        key for key in derived(shop) if key.item[:2] in ("s/", "p/", "h/", "i/", "m/")
    ]
    for key in rows:
        stray = key._replace(partition=f"{SPACE}/registered=nobody")
        assert invariants.broken({**shop, stray: shop[key]}, HARD_TYPES), (
            f"{stray} is too many"
        )


def test_a_session_that_the_live_view_misses_is_seen(shop: Tables) -> None:
    sessions = [
        items.decode_session(key, item)
        for key, item in shop.items()
        if key.table == "sessions" and key.item == HEAD
    ]
    latest = {
        keys.active_session(SPACE, session.latest, session.id) for session in sessions
    }
    assert latest <= shop.keys()
    for gone in latest:
        tables = {key: item for key, item in shop.items() if key != gone}
        broken = invariants.broken(tables, HARD_TYPES)
        assert any("the live view misses" in sentence for sentence in broken), gone


def test_missing_pieces_of_an_event_are_seen(shop: Tables) -> None:
    piece = next(key for key in shop if key.item.startswith("x/"))
    assert invariants.broken({k: v for k, v in shop.items() if k != piece}, HARD_TYPES)


CHANGES: list[tuple[str, str, dict[str, Any]]] = [
    ("customers", "#", {"link": "registered=nobody"}),
    ("customers", "#", {"owner": "registered=nobody"}),
    ("customers", "#", {"links": 7}),
    ("sessions", "@", {"customer": "registered=nobody"}),
    ("sessions", "#", {"latest": 0}),
    ("sessions", "#", {"denied": True}),
    ("customers", "s/", {"latest": 0}),
    ("customers", "p/", {"intervals": "[[5,6]]"}),
    ("customers", "u/", {"values": "[]"}),
]


@pytest.mark.parametrize(("table", "kind", "change"), CHANGES)
def test_a_changed_item_is_seen(
    shop: Tables, table: str, kind: str, change: dict[str, Any]
) -> None:
    changed = [key for key in shop if key.table == table and key.item.startswith(kind)]
    assert changed
    for key in changed:
        tables = {**shop, key: {**shop[key], **change}}
        assert tables == shop or invariants.broken(tables, HARD_TYPES), f"{key} lies"


def test_before_the_streams_are_drained_rows_may_be_late_and_links_may_not(
    shop: Tables,
) -> None:
    rows = {key for key in derived(shop) if key.item[:2] in ("s/", "p/", "h/")}
    late = {key: item for key, item in shop.items() if key not in rows}
    invariants.check(late, HARD_TYPES, drained=False)
    with pytest.raises(AssertionError, match="misses"):
        invariants.check(late, HARD_TYPES)


def test_two_hard_identifiers_of_one_type_are_never_one_customer(shop: Tables) -> None:
    head = Key("customers", f"{SPACE}/registered=alyx", HEAD)
    merged = {**shop, head: {**shop[head], "owner": "registered=gordon"}}
    assert any(
        "was merged" in sentence for sentence in invariants.broken(merged, HARD_TYPES)
    )


def test_timelines_tell_whose_every_event_is(shop: Tables) -> None:
    found = {
        str(whose): [id_ for _, id_, _ in events]
        for (_, whose), events in invariants.timelines(shop, HARD_TYPES).items()
    }
    (anonymous,) = (whose for whose in found if Node.parse(whose).type == "profile")
    assert found == {
        "registered=gordon": ["b", "a"],
        "registered=barney": ["c"],
        anonymous: ["d"],
    }


def test_a_lost_and_a_doubled_event_are_seen() -> None:
    world = in_memory()
    world.track("s1", {"type": "view", "id": "a"})
    world.identify("s1", ids={"registered": "gordon"})
    world.settle()
    tables: Tables = world.store.dump()  # type: ignore[attr-defined]
    row = next(key for key in derived(tables) if key.item.startswith("s/"))
    lent = next(key for key in derived(tables) if key.item.startswith("p/"))
    tamper: list[Callable[[], Tables]] = [
        lambda: {key: item for key, item in tables.items() if key != row},
        lambda: {
            **tables,
            **{
                key._replace(partition=f"{SPACE}/registered=alyx"): tables[key]
                for key in (row, lent)
            },
        },
    ]
    for tampered in tamper:
        broken = invariants.broken(tampered(), HARD_TYPES)
        assert any(sentence.startswith(f"{SPACE}: event a") for sentence in broken)
