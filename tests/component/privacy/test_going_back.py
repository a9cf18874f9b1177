"""After tables were restored to a time, what visitors were promised since then still holds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest

from hardlink.domain import commands
from hardlink.domain.commands import Track
from hardlink.domain.errors import NotFound
from hardlink.domain.records import Key
from hardlink.domain.times import HOUR, MINUTE, SECOND, to_iso
from hardlink.services.erasure.begin import Erasure
from infra.operations.restore.erasures import (
    erase_again,
    finish_erasures,
    keep_receipts,
    read_erased,
)
from infra.operations.restore.opt_outs import deny_again, keep_erased
from tests.component.library.test_session_summaries import declare
from tests.component.privacy.test_erasure import statuses
from tests.support.memory_store import MemoryStore, Snapshot
from tests.support.world import SPACE, World, in_memory

pytestmark = pytest.mark.memory


class BadDay:
    """A shop whose tables go back to a time, while its events stay as they are."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.world = in_memory(self.store)
        self.denied = 0
        self._before: Snapshot | None = None
        self._since = 0
        self._numbers = count(1)

    def remember(self, at: int) -> None:
        """Let the tables as they are now be those of this time."""
        self._before, self._since = self.store.snapshot(), at

    def pass_noon(self) -> None:
        """Let an hour pass, after which is the time to go back to, and another one."""
        self.world.settle()
        self.world.clock.pass_(HOUR)
        self.remember(self.world.clock.now)
        self.world.clock.pass_(HOUR)

    def go_back(self) -> World:
        """Restore sessions and customers, and let the streams carry on."""
        world = self.restore()
        world.swept()
        return world

    def restore(self) -> World:
        """Restore sessions and customers, as `hardlink restore --keep-events` does."""
        old, clock = self.world, self.world.clock
        finish_erasures(self.store, old.sweep, clock.pass_)
        restored = self._restore()
        erasure = Erasure(
            restored, clock, lambda: f"again-{next(self._numbers)}", "shop"
        )
        self.denied = deny_again(self.store, restored)
        erase_again(restored, erasure, read_erased(self.store, self._since))
        keep_erased(self.store, restored)
        keep_receipts(self.store, restored, self._since)
        return World(restored, restored.taken, restored.dump, clock)

    def _restore(self) -> MemoryStore:
        """Make the tables of the time, beside the events as they are now."""
        assert self._before
        now = self.store.snapshot().partitions
        events = {place: rows for place, rows in now.items() if place[0] == "events"}
        others = {
            place: rows
            for place, rows in self._before.partitions.items()
            if place[0] != "events"
        }
        restored = MemoryStore()
        restored.sessions_name = "sessions-restored"
        restored.restore(Snapshot({**others, **events}, ()))
        return restored


PAGES = {"compute": "latest", "of": "page"}


@pytest.fixture
def day() -> BadDay:
    return BadDay()


def is_known(world: World, customer: str) -> bool:
    """Tell whether a customer is found."""
    try:
        world.customer(customer)
    except NotFound:
        return False
    return True


def view(id_: str) -> dict[str, str]:
    return {"type": "view", "id": id_}


def test_an_erasure_that_was_written_across_the_time_is_carried_out_again(
    day: BadDay,
) -> None:
    """Its call read the clock before that time, and was written after it."""
    world = day.world
    world.track("s", view("v"), ids={"registered": "gordon"})
    world.settle()
    at = world.clock.now + 5 * SECOND
    world.clock.now = at - 5000

    def come_late(request: str, _: Sequence[Key]) -> None:
        if request == "write":
            world.clock.now = at + 10_000
            day.remember(at)
            day.store.before = None

    day.store.before = come_late
    world.erase("gordon")
    world.swept()
    assert not is_known(day.go_back(), "gordon")


def test_who_came_anew_before_the_time_and_was_erased_after_it_is_erased(
    day: BadDay,
) -> None:
    world = day.world
    for wait in (MINUTE, 2 * HOUR):
        world.track("s", view("v"), ids={"registered": "gordon"})
        world.settle()
        day.remember(world.clock.now)
        world.clock.pass_(wait)
        world.erase("gordon")
        world.swept()
    assert not is_known(day.go_back(), "gordon")


def test_who_was_erased_just_before_the_time_and_came_anew_stays(day: BadDay) -> None:
    world = day.world
    world.track("s", view("v"), ids={"registered": "gordon"})
    world.settle()
    world.erase("gordon")
    world.swept()
    world.track("s2", view("v"), ids={"registered": "gordon"})
    world.settle()
    day.remember(world.clock.now)
    assert is_known(day.go_back(), "gordon")


def test_an_erasure_that_was_only_answered_is_finished_in_the_old_tables(
    day: BadDay,
) -> None:
    """Its events are nobody's: not those of who had the device at the time to go back to."""
    world = day.world
    world.track("s", view("alyx-1"), source="split", ids={"registered": "alyx"})
    day.pass_noon()
    world.track("s", view("gordon-1"), source="split", ids={"registered": "gordon"})
    world.settle()
    erasure = world.erase("gordon")
    after = day.go_back()
    assert world.receipt(erasure)["state"] == "done"
    assert after.receipt(erasure) == world.receipt(erasure)
    assert after.timeline("alyx") == ["alyx-1"]
    assert not is_known(after, "gordon")


def test_a_visitor_whose_erasure_was_only_answered_is_erased_with_all_devices(
    day: BadDay,
) -> None:
    world = day.world
    world.track("s", view("anonymous"))
    day.pass_noon()
    world.identify("s", ids={"registered": "gordon"})
    world.settle()
    world.erase("gordon")
    after = day.go_back()
    with pytest.raises(NotFound):
        after.session("s")


def test_an_erasure_that_fails_keeps_back_no_other(
    day: BadDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = day.world
    for session, customer in (("s1", "gordon"), ("s2", "alyx")):
        world.track(session, view("v"), ids={"registered": customer})
    day.pass_noon()
    broken, sound = world.erase("gordon"), world.erase("alyx")
    sweep = world.sweep.sweep

    def fail(project: str, id_: str) -> int:
        if id_ == broken:
            raise ValueError(project)
        return sweep(project, id_)

    monkeypatch.setattr(world.sweep, "sweep", fail)
    finish_erasures(day.store, world.sweep, world.clock.pass_)
    assert world.receipt(sound)["state"] == "done"
    assert world.receipt(broken)["state"] == "running"
    (error,) = finish_erasures(day.store, world.sweep, world.clock.pass_).values()
    assert str(error) == SPACE


def test_what_is_sent_again_with_its_time_is_whose_it_was(day: BadDay) -> None:
    """Its session went back to bounds before it, at which readers stop."""
    world = day.world
    world.track("s", view("alyx-1"), source="split", ids={"registered": "alyx"})
    day.pass_noon()
    event = {**view("gordon-1"), "time": to_iso(world.clock.now)}
    gordon = {"registered": "gordon"}
    world.track("s", event, source="split", ids=gordon)
    world.settle()
    world.clock.pass_(3 * HOUR)
    after = day.go_back()
    assert not is_known(after, "gordon")
    answer = after.track("s", event, source="split", ids=gordon, time=event["time"])
    assert statuses(answer) == ["duplicate"]
    after.settle()
    assert after.timeline("alyx") == ["alyx-1"]
    assert after.timeline("gordon") == ["gordon-1"]
    since = after.customer("gordon")["last_seen"]
    assert after.timeline("gordon", since=since) == ["gordon-1"]


@pytest.mark.parametrize("jitter", [0, SECOND])
def test_an_event_that_is_sent_again_is_within_the_bounds_of_its_session(
    day: BadDay, jitter: int
) -> None:
    world = day.world
    world.track("s", view("first"), ids={"registered": "gordon"})
    day.pass_noon()
    at = to_iso(world.clock.now)
    event = {**view("second"), "time": at}
    world.track("s", event)
    world.settle()
    world.clock.pass_(3 * HOUR)
    after = day.go_back()
    assert after.timeline("gordon", since=at) == []
    command = commands.read(
        Track, {"source": {"id": "move"}, "session": {"id": "s"}, "events": [event]}
    )
    command.jitter = jitter
    answer = after.service.track(after.service.call("move"), command)
    assert statuses(answer) == ["duplicate"]
    after.settle()
    assert after.timeline("gordon", since=at) == ["second"]


def test_who_opted_out_since_the_time_stays_so(day: BadDay) -> None:
    world = day.world
    for session in ("s", "other"):
        world.track(session, view(session), ids={"registered": "alyx"})
    day.pass_noon()
    world.consent("s", "denied")
    after = day.go_back()
    assert statuses(after.track("s", view("b"))) == ["dropped"]
    assert after.customer("alyx")["consents"] == {"tracking": "denied"}
    after.settle()


def test_an_opt_out_in_a_visit_that_goes_on_counts_from_the_first_call(
    day: BadDay,
) -> None:
    world = day.world
    world.track("s", view("a"))
    day.remember(world.clock.now)
    world.consent("s", "denied")
    after = day.restore()
    assert day.denied == 1
    assert statuses(after.track("s", view("b"))) == ["dropped"]


def test_who_came_since_the_time_and_opted_out_stays_so(day: BadDay) -> None:
    world = day.world
    day.pass_noon()
    profile = world.track("s", view("a"))["profile"]
    world.consent("s", "denied")
    world.settle()
    after = day.go_back()
    assert statuses(after.track("s", view("b"))) == ["dropped"]
    answer = after.track("new", view("c"), profile=profile)
    assert statuses(answer) == ["dropped"]
    after.settle()


@pytest.mark.parametrize("is_known_then", [True, False])
def test_who_was_erased_with_an_opt_out_stays_opted_out(
    day: BadDay, *, is_known_then: bool
) -> None:
    world = day.world
    if is_known_then:
        world.track("s", view("a"))
    day.pass_noon()
    profile = world.track("s", view("b"))["profile"]
    world.consent("s", "denied", erase=True)
    world.swept()
    after = day.go_back()
    assert statuses(after.track("s", view("c"))) == ["dropped"]
    answer = after.track("new", view("d"), profile=profile)
    assert statuses(answer) == ["dropped"]


def test_who_opted_in_again_after_going_back_stays_in(day: BadDay) -> None:
    """The command runs once more after the deploy."""
    world = day.world
    world.track("s", view("a"))
    day.pass_noon()
    world.consent("s", "denied")
    world.settle()
    after = day.go_back()
    after.consent("s", "granted")
    assert deny_again(day.store, after.store) == 0
    assert statuses(after.track("s", view("b"))) == ["stored"]


def test_a_late_event_since_the_time_counts_in_traits(day: BadDay) -> None:
    """The restored session knows of no late event, and the summary does not hold it."""
    world = day.world
    declare(world, PAGES)
    world.track("s", page("first"), ids={"registered": "gordon"})
    world.settle()
    world.clock.pass_(2 * HOUR)
    world.customer("gordon", traits="pages")  # keeps a summary
    day.pass_noon()
    world.track("s", page("late", time=to_iso(world.clock.now - 150 * MINUTE)))
    after = day.go_back()
    declare(after, PAGES)
    assert set(after.timeline("gordon")) == {"first", "late"}
    computed = after.customer("gordon", traits="pages")["computed"]
    assert sorted(computed["traits"]["pages"]) == ["first", "late"]


def page(name: str, **more: str) -> dict[str, Any]:
    """A view of a page."""
    return {**view(name), "properties": {"page": name}, **more}
