"""Orders, tracked and told: one conversion, associated, in whichever order they come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from hardlink.domain import records
from hardlink.domain.errors import NotFound, Refused
from hardlink.domain.graph import Node
from hardlink.domain.times import DAY, to_iso
from hardlink.storage import keys
from tests.support import invariants
from tests.support import world as worlds
from tests.support.memory_store import MemoryStore
from tests.support.world import SPACE, START, World

TOTAL = 2185.85
IDS = {"registered": "gordon", "email": "g@x.org"}


def convert(world: World, session: str, number: str = "7", **more: Any) -> str:
    """A tracked conversion; answers its verdict."""
    said = {
        "number": number,
        "total": more.pop("total", TOTAL),
        "email": more.pop("email", None),
    }
    event = {
        "type": "conversion",
        "order": said,
        "properties": {"total": said["total"]},
    }
    (result,) = world.track(session, event, **more)["results"]
    return str(result["status"])


def types(world: World, value: str = "gordon") -> list[str]:
    world.settle()
    return [event["type"] for event in world.events(value)]


def unchanged(world: World) -> invariants.Dump:
    world.settle()
    return world.dumped()


def test_sent_twice_it_counts_once(world: World) -> None:
    assert convert(world, "phone") == "stored"
    assert convert(world, "phone") == "duplicate"
    assert [e["id"] for e in world.session_events("phone")] == ["order=7"]
    world.check()


def test_tracked_first_the_feed_associates_its_visitor(world: World) -> None:
    world.track("phone", {"type": "view"})
    convert(world, "phone")
    assert world.order("7", ids=IDS, total=TOTAL).status == "associated"
    assert types(world) == ["conversion", "view"]
    assert world.sessions("gordon") == {"phone"}


def test_told_first_the_late_beacon_finds_its_customer(world: World) -> None:
    assert world.order("7", ids=IDS, total=TOTAL).status == "stored"
    world.track("phone", {"type": "view"})
    assert convert(world, "phone") == "duplicate"
    assert types(world) == ["view", "conversion"]
    assert world.session("phone")["customer"] == {
        "type": "registered",
        "value": "gordon",
    }
    assert convert(world, "phone") == "duplicate"


@pytest.mark.parametrize("first", ["tracked", "told"])
def test_told_twice_nothing_changes(world: World, first: str) -> None:
    if first == "tracked":
        convert(world, "phone")
    when = world.clock.now
    world.order("7", ids=IDS, total=TOTAL, time=when)
    before = unchanged(world)
    assert world.order("7", ids=IDS, total=TOTAL, time=when).status == "known"
    assert unchanged(world) == before


def test_nobody_is_taken_from_another_customer(world: World) -> None:
    world.identify("phone", ids={"registered": "alyx"})
    convert(world, "phone")
    outcome = world.order("7", ids=IDS, total=TOTAL)
    assert (outcome.status, len(outcome.warnings)) == ("stored", 1)
    assert types(world) == ["conversion"]
    assert types(world, "alyx") == ["conversion"]


def test_who_guesses_a_number_gets_nothing_by_it(world: World) -> None:
    """A write key is public, and order numbers are easy to guess."""
    world.order("7", ids=IDS, total=TOTAL)
    assert convert(world, "mallory", total=1) == "stored"
    assert types(world) == ["conversion"]
    assert world.session("mallory")["customer"] is None
    (event,) = world.events("gordon")
    assert event["properties"]["total"] == TOTAL


def test_a_forged_conversion_does_not_hide_the_real_one(world: World) -> None:
    convert(world, "mallory", total=1)
    assert convert(world, "phone") == "stored"
    assert world.order("7", ids=IDS, total=TOTAL).status == "associated"
    world.settle()
    assert world.sessions("gordon") == {"phone"}


def test_an_unlinked_visitor_stays_so_though_the_feed_comes_again(world: World) -> None:
    convert(world, "phone")
    world.order("7", ids=IDS, total=TOTAL)
    assert world.unlink("phone")["customer"] is None
    world.order("7", ids=IDS, total=TOTAL)
    convert(world, "phone")
    world.settle()
    assert world.session("phone")["customer"] is None


def test_who_opted_out_is_not_associated_and_the_customer_has_the_order(
    world: World,
) -> None:
    convert(world, "phone")
    world.consent("phone", "denied")
    assert world.order("7", ids=IDS, total=TOTAL).status == "stored"
    assert types(world) == ["conversion"]
    assert world.session("phone")["customer"] is None


def test_an_address_alone_waits_for_the_customer(world: World) -> None:
    when = world.clock.now
    assert world.order("7", ids={"email": "g@x.org"}, time=when).status == "stored"
    world.settle()
    assert [e["type"] for e in world.events("g@x.org", "email")] == ["conversion"]
    assert world.order("7", ids=IDS, time=when).status == "known"
    assert types(world) == ["conversion"]


def test_told_of_another_customer_it_stays(world: World) -> None:
    world.order("7", ids={"registered": "gordon"})
    with pytest.raises(Refused, match="another customer"):
        world.order("7", ids={"registered": "alyx"})
    assert types(world) == ["conversion"]
    with pytest.raises(NotFound):
        world.customer("alyx")


def test_old_orders_told_late_leave_an_address_with_who_has_it_now(
    world: World,
) -> None:
    now = world.clock.now
    world.order("2", ids={"registered": "alyx", "email": "g@x.org"}, time=now)
    world.order("1", ids=IDS, time=now - 400 * DAY)
    world.settle()
    assert world.customer("g@x.org", "email")["customer"]["value"] == "alyx"
    assert types(world) == ["conversion"]


def test_the_newest_tracking_user_is_never_the_feeds_own_session(world: World) -> None:
    with pytest.raises(NotFound):
        world.queries.find_tracking_user(SPACE, {"email": "g@x.org"}.get)
    world.order("7", ids=IDS)
    world.settle()
    with pytest.raises(NotFound, match="no sessions"):
        world.queries.find_tracking_user(SPACE, {"email": "g@x.org"}.get)
    world.track(
        "phone",
        {"type": "view", "time": to_iso(START - DAY)},
        ids={"registered": "gordon"},
    )
    world.settle()
    for query in ({"email": "g@x.org"}, {"customer_id": "gordon"}):
        assert world.queries.find_tracking_user(SPACE, query.get)["session"] == {
            "id": "phone"
        }


def test_a_large_order_is_stored_in_pieces(world: World) -> None:
    large = {f"p{i}": "x" * 16_000 for i in range(12)}
    event = {"type": "conversion", "order": {"number": "7"}, "properties": large}
    world.track("phone", event)
    world.track("phone", event)
    (found,) = world.session_events("phone")
    assert found["properties"] == large
    world.settle()


def test_many_at_once_are_one(store_world: World) -> None:
    world = store_world
    done: list[str] = []

    def run(number: int) -> None:
        if number % 2:
            done.append(convert(world, "phone"))
        else:
            done.append(world.order("7", ids=IDS, total=TOTAL).status)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 8
    assert types(world) == ["conversion"]


@pytest.fixture
def store_world() -> World:
    return worlds.in_memory()


class Crash(Exception):
    """The function ends here."""


class Crashing(MemoryStore):
    """Ends before its n-th write."""

    left = 10_000

    def write(self, actions: Any) -> None:
        self.left -= 1
        if self.left < 0:
            raise Crash
        super().write(actions)


@pytest.mark.parametrize("first", ["tracked", "told"])
@pytest.mark.parametrize("after", range(9))
def test_a_crash_anywhere_is_mended_by_sending_it_again(after: int, first: str) -> None:
    store = Crashing()
    world = worlds.in_memory(store)
    when = world.clock.now
    steps: dict[str, Callable[[], object]] = {
        "tracked": lambda: convert(world, "phone"),
        "told": lambda: world.order("7", ids=IDS, total=TOTAL, time=when),
    }
    store.left = after
    for name in sorted(steps, key=lambda name: name != first):
        try:
            steps[name]()
        except Crash:
            store.left = 10_000
            world.check(drained=False)
            steps[name]()
    store.left = 10_000
    assert types(world) == ["conversion"]
    assert world.session("phone")["customer"] == {
        "type": "registered",
        "value": "gordon",
    }


def test_no_row_of_an_order_reaches_the_stream(store_world: World) -> None:
    convert(store_world, "phone")
    key = keys.order_head(SPACE, "7")
    assert key in store_world.dumped()
    assert key.item != keys.HEAD


def test_more_visitors_than_can_be_right_are_kept_all_the_same(
    store_world: World,
) -> None:
    for number in range(60):
        assert convert(store_world, f"m{number}", total=1) == "stored"
    assert convert(store_world, "phone") == "stored"
    assert store_world.order("7", ids=IDS, total=TOTAL).status == "stored"
    assert types(store_world) == ["conversion"]


class Interrupted:
    """A store's requests, before one of which somebody else is quicker."""

    def __init__(self, when: Callable[[str, str], bool]) -> None:
        self.then: Callable[[], object] | None = None
        self._when = when

    def __call__(self, name: str, item_keys: Sequence[records.Key]) -> None:
        if self.then and any(self._when(name, key.item) for key in item_keys):
            then, self.then = self.then, None
            then()


@pytest.mark.parametrize("first", ["tracked", "told"])
def test_who_writes_an_order_a_moment_before_is_seen(first: str) -> None:
    before = Interrupted(lambda name, item: name == "write" and item == "o")
    world = worlds.in_memory(MemoryStore(before))
    world.track("phone", {"type": "view"})
    steps: dict[str, Callable[[], object]] = {
        "tracked": lambda: convert(world, "phone"),
        "told": lambda: world.order("7", ids=IDS, total=TOTAL),
    }
    other = "told" if first == "tracked" else "tracked"
    before.then = steps[other]
    steps[first]()
    assert before.then is None
    assert sorted(types(world)) == ["conversion", "view"]


@pytest.mark.parametrize("source", ["move", "split", "refuse"])
def test_who_logs_in_a_moment_before_stays_who_they_are(source: str) -> None:
    before = Interrupted(lambda name, item: name == "write")
    world = worlds.in_memory(MemoryStore(before))
    convert(world, "phone", source=source)
    world.identify("other", ids=IDS)

    def log_in() -> object:
        return world.identify("phone", source, ids={"registered": "alyx"})

    before.then = log_in
    assert world.order("7", ids=IDS, total=TOTAL).status == "stored"
    assert before.then is None
    assert types(world) == ["conversion"]
    assert types(world, "alyx") == ["conversion"]
    assert world.sessions("gordon") == {"other", "@registered=gordon"}


def test_what_is_no_visitors_is_never_a_customers_by_an_order(world: World) -> None:
    """Whoever knows a number and an address could take everything that happened to nobody along."""
    said = {"number": "7", "total": TOTAL, "email": "g@x.org"}
    event = {"type": "conversion", "order": said}
    world.track("mallory", {"type": "view", "id": "v1"}, profile_less=True)
    world.order("8", ids=IDS, total=TOTAL)
    for number in ("7", "8"):
        world.track(
            "mallory", {**event, "order": {**said, "number": number}}, profile_less=True
        )
    assert world.order("7", ids=IDS, total=TOTAL).status == "stored"
    assert types(world) == ["conversion", "conversion"]
    assert world.sessions("gordon") == {"@registered=gordon"}


def test_who_is_unlinked_leaves_the_customers_own_orders(world: World) -> None:
    world.identify("phone", ids={"email": "g@x.org"})
    world.track("phone", {"type": "view"})
    world.order("7", ids=IDS, total=TOTAL)
    assert types(world) == ["view", "conversion"]
    world.unlink("phone")
    assert types(world) == ["conversion"]
    older = world.clock.now - 30 * DAY
    assert world.order("8", ids=IDS, total=TOTAL, time=older).status == "stored"
    assert types(world) == ["conversion", "conversion"]
    assert world.session("phone")["customer"] != {
        "type": "registered",
        "value": "gordon",
    }


def test_an_order_that_was_taken_away_is_told_anew(world: World) -> None:
    convert(world, "phone")
    when = world.clock.now
    assert world.order("7", ids=IDS, total=TOTAL, time=when).status == "associated"
    world.settle()
    world.unlink("phone")
    assert types(world) == []
    assert world.order("7", ids=IDS, total=TOTAL, time=when).status == "stored"
    assert types(world) == ["conversion"]
    before = unchanged(world)
    assert world.order("7", ids=IDS, total=TOTAL, time=when).status == "known"
    assert unchanged(world) == before
    assert world.session("phone")["customer"] is None


def test_the_order_of_who_shared_a_device_is_known_still(world: World) -> None:
    """The device is another customer's since, its earlier events are not: one purchase stays one."""
    world.identify("phone", "split", ids={"registered": "gordon"})
    convert(world, "phone", source="split")
    when = world.clock.now
    world.clock.pass_(DAY)
    world.identify("phone", "split", ids={"registered": "alyx"})
    for _ in range(2):
        assert world.order("7", ids=IDS, total=TOTAL, time=when).status == "known"
    assert types(world) == ["conversion"]


def test_sent_again_it_counts_once_however_many_forged_it(store_world: World) -> None:
    for number in range(50):
        convert(store_world, f"m{number}", total=1)
    assert convert(store_world, "phone") == "stored"
    for _ in range(3):
        store_world.clock.pass_(DAY)
        assert convert(store_world, "phone") == "duplicate"
    assert [e["id"] for e in store_world.session_events("phone")] == ["order=7"]
    store_world.settle()


def test_each_that_has_no_room_leaves_one_mark(store_world: World) -> None:
    for number in range(51):
        convert(store_world, f"m{number}", total=1)
    partition = keys.order_head(SPACE, "7").partition
    rows = [
        key
        for key in store_world.dumped()
        if key.partition == partition and key.item.startswith(keys.ORDER_VISITOR)
    ]
    assert len(rows) == 1


def test_an_address_that_changed_hands_takes_no_order_along(world: World) -> None:
    when = world.clock.now
    world.order("7", ids={"email": "g@x.org"}, time=when)
    world.order("7", ids=IDS, time=when)
    world.identify("laptop", ids={"registered": "alyx", "email": "g@x.org"})
    before = unchanged(world)
    for ids in ({"email": "g@x.org"}, IDS):
        assert world.order("7", ids=ids, time=when).status == "known"
    assert unchanged(world) == before
    assert types(world) == ["conversion"]


PURCHASES: dict[str, dict[str, Any]] = {
    "hello retail": {
        "type": "conversion",
        "properties": {"orderNumber": "7", "total": TOTAL},
    },
    "exponea": {
        "type": "purchase",
        "properties": {
            "purchase_id": "7",
            "total_price": TOTAL,
            "purchase_status": "success",
        },
    },
    "exponea's enhanced ecommerce": {
        "type": "transaction",
        "properties": {"transaction_id": "7", "revenue": str(TOTAL)},
    },
    "segment": {
        "type": "Order Completed",
        "properties": {"order_id": "7", "total": TOTAL},
    },
    "tracardi": {
        "type": "order-completed",
        "properties": {"id": "7", "income": {"value": TOTAL}},
    },
    "native": {"type": "bought", "order": {"number": "7", "total": TOTAL}},
}


def purchases_of(world: World) -> list[str]:
    """The events of the customer's timeline that stand for orders."""
    world.settle()
    return [
        event["order"]["number"] for event in world.events("gordon") if "order" in event
    ]


@pytest.mark.parametrize("event", PURCHASES.values(), ids=PURCHASES)
@pytest.mark.parametrize("first", ["tracked", "reported"])
def test_o1_one_order_counts_once_whoever_tells_it_first(
    world: World, event: dict[str, Any], first: str
) -> None:
    """The page tells it, is loaded anew, and the feed tells it; or the feed comes first."""

    def track() -> None:
        world.track("phone", {**event, "id": f"sent-{world.clock()}"})

    if first == "tracked":
        track()
        track()
    assert world.order("7", ids=IDS, total=TOTAL).status != "known"
    track()
    track()
    assert purchases_of(world) == ["7"]
    assert world.order("7", ids=IDS, total=TOTAL).status == "known"
    assert purchases_of(world) == ["7"]


@pytest.mark.parametrize("event", PURCHASES.values(), ids=PURCHASES)
def test_o1_a_backend_and_the_feed_tell_of_one_order(
    world: World, event: dict[str, Any]
) -> None:
    for _ in range(2):
        world.track(None, event, ids={"registered": "gordon"}, server_side=True)
    assert world.order("7", ids=IDS, total=TOTAL).status == "known"
    assert purchases_of(world) == ["7"]


def test_o1_a_client_that_tracks_each_line_keeps_them_all_and_counts_no_other(
    world: World,
) -> None:
    lines = [
        {
            "type": "purchase",
            "properties": {"target": {"product": name}, "metadata": {"orderId": "7"}},
        }
        for name in ("crowbar", "suit", "crowbar")
    ]
    ids = {"registered": "gordon"}
    verdicts = [
        world.track("phone", line, ids=ids)["results"][0]["status"] for line in lines
    ]
    assert verdicts == ["stored", "stored", "duplicate"]
    assert world.order("7", ids=IDS, total=TOTAL).status == "known"
    world.settle()
    products = [e["properties"]["target"]["product"] for e in world.events("gordon")]
    assert products == ["suit", "crowbar"]


def test_o1_a_refund_is_no_order_and_is_kept(world: World) -> None:
    convert(world, "phone")
    refund = {"purchase_id": "7", "purchase_status": "refund"}
    answer = world.track("phone", {"type": "purchase", "properties": refund})
    assert answer["results"][0]["status"] == "stored"
    assert [e["type"] for e in world.session_events("phone")] == [
        "purchase",
        "conversion",
    ]


def test_o1_an_event_whose_order_has_no_number_is_stored_and_warned_of(
    world: World,
) -> None:
    answer = world.track("phone", {"type": "bought", "order": {"number": "undefined"}})
    assert answer["results"][0]["status"] == "stored"
    assert "events[0].order.number: a placeholder" in answer["warnings"][0]
    (event,) = world.session_events("phone")
    assert "order" not in event


# -- one order, one place ----------------------------------------------------------------------------


def own_events(world: World, value: str) -> list[str]:
    """The orders on a customer's timeline; none where nobody has the ID."""
    world.settle()
    try:
        return [event["order"]["number"] for event in world.events(value)]
    except NotFound:
        return []


@pytest.mark.parametrize("tracked", [False, True], ids=["reported", "tracked"])
def test_a8_a_guest_order_stays_where_it_is_though_its_address_changes_hands(
    world: World, *, tracked: bool
) -> None:
    guest = {"email": "g@x.org"}
    if tracked:
        convert(world, "phone", email="g@x.org")
    world.order("7", ids=guest, total=TOTAL)
    world.identify("laptop", ids={"registered": "alyx", "email": "g@x.org"})
    world.clock.pass_(DAY)
    world.identify("tablet", ids={"registered": "gordon", "email": "g@x.org"})
    assert own_events(world, "alyx") == ["7"]
    for days in (0, 1, 2):
        later = world.clock.now + days * DAY
        assert world.order("7", ids=guest, total=TOTAL, time=later).status == "known"
    with pytest.raises(Refused, match="another customer"):
        world.order("7", ids=IDS, total=TOTAL)
    assert own_events(world, "alyx") == ["7"]
    assert own_events(world, "gordon") == []


def test_a8_the_new_owner_of_an_address_has_no_order_by_a_client_either(
    world: World,
) -> None:
    world.order("7", ids={"email": "g@x.org"}, total=TOTAL)
    world.identify("laptop", ids={"registered": "alyx", "email": "g@x.org"})
    world.identify("tablet", ids={"registered": "gordon", "email": "g@x.org"})
    assert convert(world, "tablet", email="g@x.org") == "duplicate"
    assert convert(world, "stranger", email="g@x.org") == "duplicate"
    assert own_events(world, "alyx") == ["7"]
    assert own_events(world, "gordon") == []
    assert world.session("stranger")["customer"] is None


# -- what a further report adds -------------------------------------------------------------------------


CROWBAR = {"productNumber": "crowbar", "quantity": 1, "lineTotal": 2000}
SUIT = {"productNumber": "suit", "quantity": 1, "lineTotal": 185.85}


def test_o1_what_a_page_does_not_say_the_feed_adds(world: World) -> None:
    """In the customer's timeline and in the session's."""
    event = {"type": "conversion", "properties": {"orderNumber": "7", "total": TOTAL}}
    world.track("phone", event)
    report: dict[str, Any] = {
        "total": TOTAL,
        "currency": "EUR",
        "status": "paid",
        "products": [SUIT],
    }
    assert world.order("7", ids=IDS, **report).status == "associated"
    world.settle()
    for (found,) in (world.events("gordon"), world.session_events("phone")):
        assert found["order"] == {
            "number": "7",
            "total": TOTAL,
            "currency": "EUR",
            "status": "paid",
        }
        assert found["properties"]["products"] == [SUIT]
    before = unchanged(world)
    assert world.order("7", ids=IDS, **report).warnings == ()
    assert unchanged(world) == before


def test_o1_what_the_feed_does_not_say_a_page_adds(world: World) -> None:
    world.order("7", ids=IDS, total=TOTAL)
    event = {
        "type": "conversion",
        "properties": {"orderNumber": "7", "total": TOTAL, "currency": "EUR"},
    }
    assert world.track("phone", event)["results"][0]["status"] == "duplicate"
    world.settle()
    (found,) = world.events("gordon")
    assert found["order"] == {"number": "7", "total": TOTAL, "currency": "EUR"}
    assert found["properties"]["currency"] == "EUR"


def test_o1_a_page_that_is_loaded_anew_says_what_proves_it(world: World) -> None:
    world.track("phone", {"type": "conversion", "order": {"number": "7"}})
    assert convert(world, "phone") == "duplicate"
    assert world.order("7", ids=IDS, total=TOTAL).status == "associated"
    assert types(world) == ["conversion"]


def test_o3_an_order_that_is_told_again_in_full_is_completed(world: World) -> None:
    world.order("7", ids=IDS, total=TOTAL, products=[CROWBAR])
    again = world.order("7", ids=IDS, total=TOTAL, products=[CROWBAR, SUIT])
    assert (again.status, again.warnings) == ("known", ())
    world.settle()
    (found,) = world.events("gordon")
    assert found["properties"]["products"] == [CROWBAR, SUIT]


def test_o5_a_status_changes_and_a_total_does_not(world: World) -> None:
    world.order("7", ids=IDS, total=TOTAL, status="placed")
    again = world.order("7", ids=IDS, total=5, status="shipped")
    assert again.status == "known"
    assert again.warnings == ("total: stays as it was reported first",)
    world.settle()
    (found,) = world.events("gordon")
    assert found["order"] == {"number": "7", "total": TOTAL, "status": "shipped"}


def test_o1_the_shop_corrects_the_total_that_its_customers_page_named(
    world: World,
) -> None:
    world.identify("phone", ids={"registered": "gordon"})
    convert(world, "phone", total=1)
    assert world.order("7", ids=IDS, total=TOTAL).status == "known"
    world.settle()
    (found,) = world.events("gordon")
    assert found["order"]["total"] == TOTAL


def test_o5_an_exported_customer_has_the_orders_currency_and_status(
    world: World,
) -> None:
    convert(world, "phone")
    world.order("7", ids=IDS, total=TOTAL, currency="EUR", status="paid")
    world.settle()
    document = world.queries.export_customer(
        SPACE, "registered", "gordon", dict[str, str]().get, zipped=False
    )
    (event,) = document["events"]
    assert (event["order"]["currency"], event["order"]["status"]) == ("EUR", "paid")


def test_o5_what_was_added_is_erased_with_its_event(world: World) -> None:
    convert(world, "phone")
    world.order("7", ids=IDS, total=TOTAL, currency="EUR")
    world.settle()
    world.erase("gordon")
    world.swept()
    left = [key for key in world.dumped() if key.item.startswith(keys.ORDER_COMPLETION)]
    assert left == []
    assert not any(key.partition.endswith("@order=7") for key in world.dumped())


def test_o5_a_completion_of_an_event_that_was_erased_meanwhile_is_not_written() -> None:
    before = Interrupted(lambda name, item: name == "write" and item == "o")
    world = worlds.in_memory(MemoryStore(before))
    convert(world, "phone")
    world.identify("phone", ids=IDS)
    world.settle()

    def erase() -> None:
        world.erase("gordon")
        world.swept()

    before.then = erase
    with pytest.raises(Refused, match="erased"):
        world.order("7", ids=IDS, total=TOTAL, currency="EUR")
    assert before.then is None
    left = [key for key in world.dumped() if key.item.startswith(keys.ORDER_COMPLETION)]
    assert left == []


def merge_customers(world: World) -> None:
    """Freeman has a phone and Gordon a laptop, and the shop makes one customer of both."""
    world.identify("phone", ids={"registered": "freeman"})
    world.identify("laptop", ids=IDS)
    world.merge("freeman", "gordon")


@pytest.mark.parametrize("session", ["phone", "laptop"])
def test_o1_an_order_of_a_merged_customer_that_was_tracked_counts_once(
    world: World, session: str
) -> None:
    merge_customers(world)
    convert(world, session)
    for name in ("freeman", "gordon"):
        ids = {"registered": name}
        assert world.order("7", ids=ids, total=TOTAL).status == "known"
    assert purchases_of(world) == ["7"]


@pytest.mark.parametrize("name", ["freeman", "gordon"])
def test_o1_an_order_of_a_merged_customer_that_the_shop_reported_counts_once(
    world: World, name: str
) -> None:
    merge_customers(world)
    assert world.order("7", ids={"registered": name}, total=TOTAL).status == "stored"
    assert convert(world, "phone") == convert(world, "laptop") == "duplicate"
    assert purchases_of(world) == ["7"]


def test_o1_two_devices_of_a_merged_customer_track_one_order(world: World) -> None:
    merge_customers(world)
    assert convert(world, "phone") == "stored"
    assert convert(world, "laptop") == "duplicate"
    assert purchases_of(world) == ["7"]


def test_o1_an_order_that_was_reported_before_a_merge_is_known_after_it(
    world: World,
) -> None:
    world.order("7", ids={"registered": "freeman"}, total=TOTAL)
    with pytest.raises(Refused):
        world.order("7", ids=IDS, total=TOTAL)
    merge_customers(world)
    assert world.order("7", ids=IDS, total=TOTAL).status == "known"
    assert purchases_of(world) == ["7"]


def test_o1_an_unknown_visitor_is_linked_by_an_order_of_a_merged_customer(
    world: World,
) -> None:
    """The feed names the merged customer, whose visitor then belongs to both names."""
    merge_customers(world)
    convert(world, "tablet")
    ids = {"registered": "freeman"}
    assert world.order("7", ids=ids, total=TOTAL).status == "associated"
    assert world.order("7", ids=IDS, total=TOTAL).status == "known"
    assert purchases_of(world) == ["7"]
    assert "tablet" in world.sessions("gordon")


def test_o1_of_two_customers_whose_merge_was_undone_each_has_its_own_order(
    world: World,
) -> None:
    world.identify("phone", ids={"registered": "freeman"})
    world.identify("laptop", ids=IDS)
    merged = world.merge("freeman", "gordon")
    world.undo_correction(Node("registered", "freeman"), merged.evidence)
    convert(world, "phone")
    assert world.order("7", ids=IDS, total=TOTAL).status == "stored"
    assert purchases_of(world) == ["7"]
