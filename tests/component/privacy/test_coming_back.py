"""While somebody is erased others go on, and the erased come back: nobody loses what is theirs (I1, I4, I8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from hardlink.domain.errors import NotFound, Refused
from hardlink.domain.records import Key
from hardlink.domain.times import HOUR, MINUTE, SECOND, to_iso
from hardlink.queries.export_reader import ExportReader
from tests.component.privacy.test_erasure import gone, statuses
from tests.support.memory_store import MemoryStore
from tests.support.world import SPACE, World, in_memory

pytestmark = pytest.mark.memory


Hit = Callable[[str, Sequence[Key]], bool]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def world(store: MemoryStore) -> World:
    """Empty, in memory."""
    return in_memory(store)


def meanwhile(store: MemoryStore, when: Hit, do: Callable[[], object]) -> list[str]:
    """Do this once, right before the first request that `when` picks; answers which that was."""
    done: list[str] = []

    def before(request: str, keys: Sequence[Key]) -> None:
        if not done and when(request, keys):
            done.append(request)
            do()

    store.before = before
    return done


def viewed(world: World, session: str, id_: str, source: str = "move") -> list[str]:
    return statuses(world.track(session, {"type": "view", "id": id_}, source=source))


def ids(world: World, session: str) -> list[str]:
    return [event["id"] for event in world.session_events(session)]


def test_who_is_reached_by_two_ways_in_turn_goes_whole(world: World) -> None:
    """The address dies first, and the visitor is left to nobody until the card does."""
    world.clock.pass_(MINUTE)
    world.track("S1", {"type": "view", "id": "v1"})
    world.identify("S1", "split", ids={"email": "f@x.com", "card": "card-77"})
    world.clock.pass_(10 * SECOND)
    early = to_iso(world.clock() - 20 * SECOND)
    world.identify(
        "S1", "split", ids={"card": "card-77"}, time=early, properties={"q": "secret"}
    )
    world.settle()
    receipt = world.erase("card-77", "card")
    world.swept()
    assert world.receipt(receipt)["removed"] == {
        "identifiers": 2,
        "profiles": 1,
        "sessions": 1,
        "events": 1,
    }
    gone(world, "f@x.com", "card-77", "secret", "profile=")


# -- shared addresses and devices ---------------------------------------------------------------------------------


def test_who_was_known_by_an_address_that_stays_goes_with_its_customer(
    world: World,
) -> None:
    """The address is alyx's by now, and was gordon's when this visitor gave it."""
    world.identify("S1", ids={"email": "fam@x.com"})
    world.track(
        "S1", {"type": "view", "id": "of-gordon", "properties": {"q": "secret"}}
    )
    world.identify("S2", ids={"registered": "gordon", "email": "fam@x.com"})
    world.identify("S3", ids={"registered": "alyx", "email": "fam@x.com"})
    viewed(world, "S3", "of-alyx")
    world.settle()
    assert world.timeline("gordon") == ["of-gordon"]
    world.erase("gordon")
    world.swept()
    world.check()
    gone(world, "gordon", "secret")
    with pytest.raises(NotFound):
        world.session("S1")
    assert world.timeline("alyx") == ["of-alyx"]
    assert world.customer("alyx")["identifiers"]["email"] == ["fam@x.com"]


def test_what_an_address_said_while_it_was_theirs_is_not_stored_late(
    world: World,
) -> None:
    world.identify("S2", ids={"registered": "gordon", "email": "fam@x.com"})
    then = to_iso(world.clock.now)
    world.clock.pass_(HOUR)
    world.identify("S3", ids={"registered": "alyx", "email": "fam@x.com"})
    world.settle()
    world.clock.pass_(HOUR)
    world.erase("gordon")
    world.swept()
    late = {"type": "view", "id": "tardy", "time": then}
    assert statuses(world.track("new", late, ids={"email": "fam@x.com"})) == ["dropped"]
    properties = {"city": "secret"}
    answer = world.update(
        None, ids={"email": "fam@x.com"}, properties=properties, time=then
    )
    assert answer["customer"] is None
    world.settle()
    gone(world, "tardy", "secret")


def test_undoing_takes_nothing_back_from_who_was_there_before_the_erased(
    world: World,
) -> None:
    world.identify("S1", "split", ids={"registered": "alyx"})
    viewed(world, "S1", "of-alyx", "split")
    world.clock.pass_(HOUR)
    world.identify("S1", "split", ids={"registered": "gordon"})
    world.settle()
    world.erase("gordon")
    world.swept()
    with pytest.raises(Refused, match="nothing is linked"):
        world.unlink("S1")
    world.settle()
    assert world.timeline("alyx") == ["of-alyx"]


def test_what_nobody_did_after_the_erased_is_not_the_first_customers(
    world: World,
) -> None:
    for name in ("alyx", "gordon"):
        world.identify("S1", "split", ids={"registered": name})
        world.clock.pass_(HOUR)
    world.settle()
    world.erase("gordon")
    world.swept()
    world.clock.pass_(HOUR)
    assert viewed(world, "S1", "later", "split") == ["stored"]
    world.settle()
    world.erase("alyx")
    world.swept()
    world.check()
    assert ids(world, "S1") == ["later"]


def test_an_opt_out_is_the_devices_and_stays_though_who_said_it_is_erased(
    world: World,
) -> None:
    """Who else used it can't be told from them: they are tracked again when somebody there says so."""
    for name in ("alyx", "gordon"):
        world.identify("S1", "split", ids={"registered": name})
        viewed(world, "S1", f"of-{name}", "split")
        world.clock.pass_(HOUR)
    world.consent("S1", "denied", "split")
    profile = world.session("S1")["profile"]
    world.settle()
    world.erase("gordon")
    world.swept()
    world.check()
    gone(world, "gordon")
    assert viewed(world, "S1", "no", "split") == ["dropped"]
    answer = world.identify("S1", "split", ids={"registered": "alyx"})
    assert (answer["customer"], answer["profile"]) == (None, profile)
    assert statuses(world.track("S2", source="split", profile=profile)) == ["dropped"]
    assert statuses(world.track("S3", ids={"registered": "alyx"})) == ["stored"], (
        "her other device"
    )
    world.consent("S1", "granted", "split")
    assert viewed(world, "S1", "yes", "split") == ["stored"]
    world.settle()
    assert "of-alyx" in world.timeline("alyx")


def test_a_customer_who_came_back_after_the_erased_has_two_spans(world: World) -> None:
    for name in ("alyx", "gordon", "alyx"):
        world.identify("S1", "split", ids={"registered": name})
        viewed(world, "S1", f"at-{world.clock.now}", "split")
        world.clock.pass_(HOUR)
    world.settle()
    before = world.timeline("alyx")
    world.erase("gordon")
    world.swept()
    world.identify(
        "S1", "split", ids={"registered": "alyx"}, properties={"city": "Rome"}
    )
    world.settle()
    assert len(before) == 2
    assert world.timeline("alyx") == before


def test_a_visitor_whose_last_customer_was_erased_shows_nothing_of_the_first(
    world: World,
) -> None:
    world.identify("S1", "split", ids={"registered": "alyx"})
    viewed(world, "S1", "of-alyx", "split")
    profile = world.session("S1")["profile"]["id"]
    world.consent("S1", "granted", "split")  # said of the visitor, who was alyx then
    world.clock.pass_(HOUR)
    world.identify("S1", "split", ids={"registered": "gordon"})
    world.settle()
    world.erase("gordon")
    world.swept()
    viewed(world, "S1", "of-nobody", "split")
    world.settle()
    assert world.timeline("alyx") == ["of-alyx"]
    assert world.timeline(profile, "profile") == ["of-nobody"]
    assert world.customer("alyx")["consents"] == {"tracking": "granted"}
    assert world.customer(profile, "profile")["consents"] == {}
    exports = ExportReader(world.store, world.clock)
    found = exports.read_all_customers(SPACE, exports.open_budget(10**6, ""))
    assert {c.root.value: dict(said["consents"]) for c, said in found} == {
        "alyx": {"tracking": "granted"},
        profile: {},
    }


def test_what_was_said_of_who_was_there_before_the_erased_is_not_said_again(
    world: World,
) -> None:
    world.identify("S1", "split", ids={"registered": "alyx"})
    said = {"properties": {"city": "Rome"}, "time": to_iso(world.clock.now)}
    world.update("S1", "split", **said)
    world.clock.pass_(HOUR)
    world.identify("S1", "split", ids={"registered": "gordon"})
    world.settle()
    world.erase("gordon")
    world.swept()
    before = dict(world.dumped())
    world.update("S1", "split", **said)
    assert world.dumped() == before


def test_what_an_address_said_last_while_it_was_theirs_is_not_said_of_who_had_it_before(
    world: World,
) -> None:
    world.identify("S1", ids={"registered": "alyx", "email": "fam@x.com"})
    world.clock.pass_(HOUR)
    world.identify("S2", ids={"registered": "gordon", "email": "fam@x.com"})
    then = to_iso(world.clock.now + MINUTE)
    world.clock.pass_(HOUR)
    world.settle()
    world.erase("gordon")
    world.swept()
    late = {"type": "view", "id": "tardy", "time": then}
    assert statuses(world.track("new", late, ids={"email": "fam@x.com"})) == ["dropped"]
    world.settle()
    gone(world, "tardy")
    with pytest.raises(NotFound):
        world.customer("fam@x.com", "email")
    assert world.customer("alyx")["sessions"]


def test_what_an_address_said_after_the_erasure_is_stored_however_late(
    world: World,
) -> None:
    world.identify("S1", ids={"registered": "alyx", "email": "fam@x.com"})
    world.clock.pass_(HOUR)
    world.identify("S2", ids={"registered": "gordon", "email": "fam@x.com"})
    world.settle()
    world.erase("gordon")
    world.swept()
    world.clock.pass_(HOUR)
    since = to_iso(world.clock.now)
    world.clock.pass_(HOUR)
    world.identify("S3", ids={"registered": "eli", "email": "fam@x.com"})
    late = {"type": "view", "id": "of-alyx", "time": since}
    assert statuses(world.track("new", late, ids={"email": "fam@x.com"})) == ["stored"]
    world.settle()
    assert world.timeline("alyx") == ["of-alyx"]


def test_what_was_known_by_an_address_that_stays_goes_with_its_customer(
    world: World,
) -> None:
    """The card was given with the address alone, which was gordon's then, and is alyx's by now."""
    world.identify("S1", ids={"email": "fam@x.com", "card": "card-of-gordon"})
    world.identify("S2", ids={"registered": "gordon", "email": "fam@x.com"})
    world.identify("S3", ids={"registered": "alyx", "email": "fam@x.com"})
    world.settle()
    world.erase("gordon")
    world.swept()
    world.check()
    gone(world, "gordon")
    assert world.customer("alyx")["identifiers"] == {
        "registered": ["alyx"],
        "email": ["fam@x.com"],
    }


def test_an_address_that_stays_forgets_who_was_known_by_it_and_stays_too(
    world: World,
) -> None:
    world.identify("S1", "split", ids={"email": "fam@x.com"})
    visitor = world.session("S1")["profile"]["id"]
    world.clock.pass_(HOUR)
    world.identify("S1", "split", ids={"registered": "barney"})
    world.identify("S2", "split", ids={"registered": "gordon", "email": "fam@x.com"})
    world.identify("S3", "split", ids={"registered": "alyx", "email": "fam@x.com"})
    world.settle()
    world.erase("gordon")
    world.swept()
    world.erase_session("S1")
    world.swept()
    world.check()
    gone(world, "gordon", visitor)


def test_many_large_values_of_a_visitor_who_stays_go(world: World) -> None:
    large = {f"n{number}": "secret" * 400 for number in range(40)}
    world.update("S1", "split", properties=large)
    for name in ("gordon", "alyx"):
        world.clock.pass_(HOUR)
        world.identify("S1", "split", ids={"registered": name})
    world.settle()
    world.erase("gordon")
    world.swept()
    world.check()
    gone(world, "secret")
    assert world.sessions("alyx") == {"S1"}


# -- at once ------------------------------------------------------------------------------------------------------


def test_two_calls_that_come_back_at_once_are_one_visitor(
    world: World, store: MemoryStore
) -> None:
    viewed(world, "S1", "old")
    world.settle()
    world.erase_session("S1")
    world.swept()
    world.clock.pass_(HOUR)

    def first() -> None:
        world.identify("S1", ids={"registered": "gordon"})
        viewed(world, "S1", "A")

    done = meanwhile(store, lambda request, _: request == "write", first)
    assert viewed(world, "S1", "B") == ["stored"]
    assert done == ["write"]
    world.settle()
    assert sorted(world.timeline("gordon")) == ["A", "B"]


def test_the_sweep_deletes_nothing_of_who_came_back(
    world: World, store: MemoryStore
) -> None:
    viewed(world, "S1", "old")
    world.settle()
    erasure = world.erase_session("S1")
    world.drain()
    world.clock.pass_(SECOND)
    done = meanwhile(
        store,
        lambda request, keys: request == "scan" and keys[0].partition == f"{SPACE}/S1",
        lambda: viewed(world, "S1", "new"),
    )
    world.sweep.sweep(SPACE, erasure)
    assert done == ["scan"]
    world.swept()
    world.check()
    assert ids(world, "S1") == ["new"]


def test_who_comes_back_while_the_rest_still_goes_keeps_their_rows(
    world: World, store: MemoryStore
) -> None:
    viewed(world, "S1", "v1")
    world.track(
        "S2", {"type": "view"}, profile={"id": world.session("S1")["profile"]["id"]}
    )
    world.identify("S1", ids={"registered": "alyx"})
    world.settle()

    def back() -> None:
        world.clock.pass_(SECOND)
        world.track("S1", {"type": "view", "id": "new"}, ids={"registered": "alyx"})
        world.drain()

    def s2_ends(request: str, keys: Sequence[Key]) -> bool:
        return request == "write" and any(
            key.partition == f"{SPACE}/S2" for key in keys
        )

    done = meanwhile(store, s2_ends, back)
    world.erase_session("S1")
    world.spread()
    assert done == ["write"]
    world.swept()
    world.check()
    assert world.timeline("alyx") == ["new"]


def test_who_comes_back_is_associated_while_rows_of_the_erased_are_still_there(
    world: World, store: MemoryStore
) -> None:
    viewed(world, "S1", "old")
    world.identify("S1", ids={"registered": "alyx"})
    world.settle()

    def back() -> None:
        world.clock.pass_(SECOND)
        world.identify("S1", ids={"registered": "alyx"})
        world.drain()
        assert world.sessions("alyx") == {"S1"}

    def rows_go(request: str, keys: Sequence[Key]) -> bool:
        row = (f"{SPACE}/registered=alyx", "s/S1")
        return request == "write" and any(
            (key.partition, key.item) == row for key in keys
        )

    done = meanwhile(store, rows_go, back)
    world.erase_session("S1")
    world.spread()
    assert done == ["write"]
    world.swept()
    world.check()
    assert world.sessions("alyx") == {"S1"}


def test_of_two_who_erase_at_once_the_slower_takes_nothing_from_who_came_back(
    world: World, store: MemoryStore
) -> None:
    names = {"registered": "gordon", "email": "g@x.com"}
    world.identify("S1", ids=names)
    world.settle()
    world.clock.pass_(HOUR)

    def the_other_is_done_and_gordon_is_back() -> None:
        for erasure in world._running():
            world.sweep.sweep(SPACE, erasure)
        world.clock.pass_(SECOND)
        world.identify("S1", ids=names)
        world.drain()

    def names_go(request: str, keys: Sequence[Key]) -> bool:
        return request == "write" and any(key.item.startswith("i/") for key in keys)

    done = meanwhile(store, names_go, the_other_is_done_and_gordon_is_back)
    world.erase("gordon")
    world.spread()
    assert done == ["write"]
    world.swept()
    world.check()
    assert world.customer("gordon")["identifiers"] == {
        "email": ["g@x.com"],
        "registered": ["gordon"],
    }


def test_who_comes_back_before_the_sweep_is_seen_live(world: World) -> None:
    viewed(world, "S1", "old")
    world.settle()
    erasure = world.erase_session("S1")
    world.drain()
    world.clock.pass_(MINUTE)
    viewed(world, "S1", "new")
    for _ in range(2):
        live = world.queries.read_live(SPACE, lambda _: None)["events"]
        assert [event["id"] for event in live] == ["new"]
        world.sweep.sweep(SPACE, erasure)
    world.swept()
    world.check()


def test_an_order_that_is_told_meanwhile_keeps_no_name(
    world: World, store: MemoryStore
) -> None:
    world.identify("S1", ids={"registered": "gordon"})
    world.settle()

    def told(request: str, keys: Sequence[Key]) -> bool:
        return request == "write" and any(key.item.startswith("t/") for key in keys)

    done = meanwhile(store, told, lambda: world.erase("gordon"))
    world.order("77", ids={"registered": "gordon"})
    assert done == ["write"]
    world.swept()
    gone(world, "gordon")
