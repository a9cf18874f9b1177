"""Where a limit, a lost answer or a refusal meets a visitor's life: nothing half done, nothing done twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from hardlink.domain import commands
from hardlink.domain.changeset import MOST_SOFT_LINKS
from hardlink.domain.commands import Track
from hardlink.domain.errors import Invalid, NotFound, Refused
from hardlink.domain.graph import Node
from hardlink.domain.times import DAY, to_iso
from hardlink.services.answers import OPTED_OUT
from hardlink.storage import keys
from hardlink.storage.store import Put
from tests.support.engines.tables import Engine
from tests.support.world import SPACE, START, World, in_memory


def view(id_: str, **more: Any) -> dict[str, Any]:
    return {"type": "view", "id": id_, **more}


class LostAnswer:
    """Loses the answer to the next transaction, after it was carried out."""

    def __init__(self, engine: Engine) -> None:
        self._left = 1
        engine.client.meta.events.register(
            "after-call.dynamodb.TransactWriteItems", self._lose
        )

    def _lose(self, **_: object) -> None:
        if self._left:
            self._left -= 1
            raise ReadTimeoutError(endpoint_url="it")


def test_an_undo_whose_answer_is_lost_undoes_one_link(local: Engine) -> None:
    world = local.world()
    for customer in ("a", "b", "c"):
        world.identify("s1", ids={"registered": customer})
    LostAnswer(local)
    answer = world.unlink("s1")
    assert answer["customer"] == {"type": "registered", "value": "b"}
    world.settle()


def test_an_identify_whose_answer_is_lost_links_once(local: Engine) -> None:
    world = local.world()
    world.identify("s1", ids={"registered": "a"})
    LostAnswer(local)
    world.identify("s1", ids={"registered": "b", "email": "x@y.z"})
    assert len(world.session("s1")["why"]) == 2
    world.settle()


def test_an_undo_that_names_its_link_is_done_once(world: World) -> None:
    for customer in ("a", "b"):
        world.identify("s1", ids={"registered": customer})
    evidence = world.session("s1")["why"][0]["evidence"]
    for _ in range(2):
        answer = world.unlink("s1", evidence)
        assert answer["customer"] == {"type": "registered", "value": "a"}
    with pytest.raises(Refused):
        world.unlink("s1", "no such evidence")


def test_a_visitor_with_as_many_soft_identifiers_as_there_may_be_is_associated(
    local: Engine,
) -> None:
    world = local.world()
    world.track("s1", view("first"))
    for number in range(MOST_SOFT_LINKS):
        world.identify("s1", "split", ids={"email": f"{number}@x.y"})
    with pytest.raises(Refused, match="call anonymize first"):
        world.identify("s1", "split", ids={"email": "more@x.y"})
    world.identify("s1", "split", ids={"registered": "a"})
    world.settle()
    assert "s1" in world.sessions("a")
    assert world.timeline("0@x.y", "email") == ["first"]


def test_who_opted_out_leaves_no_new_session_behind(world: World) -> None:
    profile = world.track("s1", view("a"))["profile"]
    world.identify("s1", ids={"registered": "gordon"})
    world.consent("s1", "denied")
    assert (
        world.track("s2", view("b"), profile=profile)["results"][0]["status"]
        == "dropped"
    )
    world.identify("s3", ids={"registered": "gordon"}, profile=profile)
    world.settle()
    assert world.sessions("gordon") == {"s1"}
    for session in ("s2", "s3"):
        with pytest.raises(NotFound):
            world.session(session)


def test_who_opted_out_is_not_linked_by_events_that_carry_ids(world: World) -> None:
    world.consent("s1", "denied")
    world.track("s1", view("a"), ids={"registered": "gordon"})
    assert world.session("s1")["customer"] is None
    with pytest.raises(NotFound):
        world.customer("gordon")


def test_what_is_refused_leaves_nothing_behind(world: World) -> None:
    world.identify("s1", ids={"registered": "a"})
    world.identify("s2", ids={"loyalty": "l"})
    both = {"registered": "a", "loyalty": "l"}
    with pytest.raises(Refused):
        world.identify("new", ids=both)
    with pytest.raises(Refused):
        world.track("new", view("a"), ids=both)
    with pytest.raises(NotFound):
        world.session("new")
    world.settle()


def test_w13_attributes_that_have_no_room_cost_no_login(world: World) -> None:
    before = {f"a{n}": n for n in range(150)}
    world.update(None, ids={"registered": "a"}, properties=before)
    more = {f"b{n}": n for n in range(120)}
    answer = world.identify("s1", ids={"registered": "a"}, properties=more)
    assert answer["customer"] == {"type": "registered", "value": "a"}
    named = [part.field for part in answer["left_out"]]
    assert named == [f"properties.b{n}" for n in range(105, 120)]
    kept = {name: value for name, value in more.items() if value < 105}
    assert world.customer("a")["attributes"] == {**before, **kept}
    assert world.session("s1")["customer"] == {"type": "registered", "value": "a"}
    world.settle()


def test_w13_an_anonymous_visitors_values_that_have_no_room_are_named(
    world: World,
) -> None:
    world.update("s1", traits={f"a{n}": n for n in range(255)})
    answer = world.track("s1", view("a"), traits={"a3": 0, "b": 1})
    assert [part.field for part in answer["left_out"]] == ["traits.b"]
    assert [result["status"] for result in answer["results"]] == ["stored"]


@pytest.mark.parametrize("session", ["x" * 3000, "undefined", "a\x00b"])
def test_a_session_id_that_can_be_none_is_a_clear_error_for_readers_too(
    world: World, session: str
) -> None:
    for read in (world.session, world.session_events):
        with pytest.raises(Invalid):
            read(session)
    with pytest.raises(Invalid):
        world.unlink(session)


def test_a_call_that_saves_no_session_still_knows_its_profile(world: World) -> None:
    profile = world.track("s1", view("a"))["profile"]
    options = {"save": False, "saveSession": False}
    answer = world.track("s2", view("b", options=options), profile=profile)
    assert answer["profile"] == profile
    assert world.track("s3", view("b", options=options))["profile"] == {"id": None}
    with pytest.raises(NotFound):
        world.session("s2")


def test_one_odd_time_does_not_set_a_devices_clock(world: World) -> None:
    odd = view("odd", time=to_iso(START + 400 * DAY))
    answer = world.track("s1", view("now", time=to_iso(START)), odd)
    assert [verdict["status"] for verdict in answer["results"]] == [
        "stored",
        "rejected",
    ]
    world.track("s1", view("later", time=to_iso(START + 10)))
    times = [event["time"] for event in world.session_events("s1")]
    assert times == [to_iso(START + 10), to_iso(START)]


def test_a_time_that_correction_moves_out_of_the_calendar_is_rejected(
    world: World,
) -> None:
    far = START + 30_000 * DAY
    call = world.service.call("move", sent=far)
    events = [view("a", time=to_iso(0)), view("b", time=to_iso(far))]
    body = {"source": {"id": "move"}, "session": {"id": "s1"}, "events": events}
    command = commands.read(Track, body)
    results = world.service.track(call, command)["results"]
    assert [verdict["status"] for verdict in results] == ["rejected", "stored"]


def test_who_opted_out_is_told_so_whatever_else_is_wrong(world: World) -> None:
    profile = world.track("s1", view("a"))["profile"]
    world.consent("s1", "denied")
    world.identify("s2", ids={"registered": "a"})
    world.identify("s3", ids={"loyalty": "l"})
    both = {"registered": "a", "loyalty": "l"}
    assert (
        "opted out" in world.identify("new", ids=both, profile=profile)["warnings"][0]
    )


def test_a_refused_login_of_a_known_visitor_opens_no_session(world: World) -> None:
    profile = world.identify("s1", "refuse", ids={"registered": "a"})["profile"]
    with pytest.raises(Refused):
        world.identify("new", "refuse", ids={"registered": "b"}, profile=profile)
    with pytest.raises(NotFound):
        world.session("new")


def test_a_word_that_is_sent_again_after_a_login_says_nothing_of_the_customer(
    world: World,
) -> None:
    ids, early = {"email": "x@y.z"}, to_iso(START - DAY)
    world.identify("s1", ids=ids, properties={"city": "Rome"}, time=early)
    world.identify("s1", ids={**ids, "registered": "a"})
    world.identify("s1", ids=ids, properties={"city": "Rome"}, time=early)
    world.settle()
    assert world.customer("a")["attributes"] == {"city": "Rome"}
    world.unlink("s1")
    world.settle()
    assert world.customer("a")["attributes"] == {}


def test_the_consent_to_be_tracked_is_said_in_one_place(world: World) -> None:
    """Said elsewhere it would show as granted while nothing is stored, or the other way round."""
    world.identify("s", ids={"registered": "k"})
    said: dict[str, Any] = {
        "ids": {"registered": "k"},
        "consents": {"tracking": "granted"},
    }
    tells: list[Callable[[], Any]] = [
        lambda: world.track("s", **said),
        lambda: world.identify("s", **said),
        lambda: world.update("s", **said),
    ]
    for tell in tells:
        with pytest.raises(Invalid, match="/consent") as raised:
            tell()
        assert raised.value.field == "consents.tracking"
    world.consent("s", "denied")
    world.settle()
    assert world.customer("k")["consents"] == {"tracking": "denied"}


def test_w10_each_call_finds_an_identifier_in_each_spelling(world: World) -> None:
    composed, decomposed = "b\u00fccher", "bu\u0308ch\u00ader"
    addresses = [f"Max@{decomposed}.example", "max@xn--bcher-kva.example"]
    world.identify("s1", ids={"registered": composed, "email": addresses[0]})
    world.identify("s2", ids={"registered": decomposed})
    world.identify("s3", ids={"email": addresses[1]})
    world.settle()
    assert world.sessions(f"\u200b{decomposed}") == {"s1", "s2", "s3"}
    for address in addresses:
        assert world.sessions(address, "email") == {"s1", "s2", "s3"}
    world.erase(decomposed)
    world.swept()
    for address in addresses:
        with pytest.raises(NotFound):
            world.customer(address, "email")


@pytest.mark.parametrize("denied", ["mine", "other"])
def test_a7_an_opt_out_holds_under_both_session_ids_of_a_visitor(
    world: World, denied: str
) -> None:
    """Attraqt's clients send two; each was a visitor of its own before the two met."""
    for session in ("mine", "other"):
        world.track(session, {"type": "view", "id": session})
    world.consent(denied, "denied")
    answer = world.track(
        "mine",
        {"type": "view", "id": "late"},
        linked_session={"id": "other"},
        ids={"registered": "gordon"},
    )
    assert [one["status"] for one in answer["results"]] == ["dropped"]
    assert answer["warnings"] == [OPTED_OUT]
    for session in ("mine", "other"):
        assert world.session(session)["customer"] is None
    with pytest.raises(NotFound):
        world.customer("gordon")


@pytest.mark.parametrize("size", [1, 5000])
def test_w12_an_attribute_that_is_set_to_null_is_removed(
    world: World, size: int
) -> None:
    """A large value is an item of its own, which a removal must not leave visible."""
    world.update("s1", properties={"color": "x" * size, "kept": 1})
    world.identify("s1", ids={"registered": "a"})
    world.settle()
    world.update("s1", properties={"color": None})
    assert world.customer("a")["attributes"] == {"kept": 1}
    world.settle()
    assert world.customer("a")["attributes"] == {"kept": 1}
    world.update("s1", properties={"color": "y" * size}, time=to_iso(START - DAY))
    world.settle()
    assert world.customer("a")["attributes"] == {"kept": 1}
    world.update("s1", properties={"color": "z" * size})
    world.settle()
    assert world.customer("a")["attributes"] == {"kept": 1, "color": "z" * size}


def test_w12_a_customers_own_large_attribute_is_removed(world: World) -> None:
    for value in ("x" * 5000, None, "x" * 5000, None):
        world.update(None, ids={"registered": "a"}, properties={"color": value})
    world.settle()
    assert world.customer("a")["attributes"] == {}


def test_w12_removed_attributes_make_room_for_others(world: World) -> None:
    ids = {"registered": "a"}
    names = [f"a{number}" for number in range(255)]
    large = "x" * 5000
    world.update(None, ids=ids, properties=dict.fromkeys(names, 1) | {"a0": large})
    for _ in range(3):
        world.update(None, ids=ids, properties=dict.fromkeys(names))
        names = [f"{name}x" for name in names]
        values = dict.fromkeys(names, 1) | {names[0]: large}
        world.update(None, ids=ids, properties=values)
    assert world.customer("a")["attributes"] == values


def test_w12_set_once_sets_what_has_no_value(world: World) -> None:
    world.update("s1", set_once={"first": "one", "none": None}, properties={"last": 1})
    world.identify("s1", ids={"registered": "a"}, set_once={"first": "two"})
    world.settle()
    world.update("s1", set_once={"first": "three", "last": 3, "new": 3})
    world.settle()
    assert world.customer("a")["attributes"] == {"first": "one", "last": 1, "new": 3}
    world.update("s1", properties={"first": "set"})
    world.settle()
    assert world.customer("a")["attributes"]["first"] == "set"


def test_w6_a_list_is_what_the_customer_has_of_its_source(world: World) -> None:
    def visit(segments: list[str], traits: dict[str, Any], **more: Any) -> None:
        world.track("s1", segments=segments, traits=traits, replace_lists=True, **more)

    world.update("s1", segments=["native"], traits={"age": 45})
    visit(["new", "prospect"], {"size": "L", "color": "red"})
    visit(["early"], {}, source="split")
    world.identify("s1", ids={"registered": "a"})
    visit(["vip"], {"size": "M"})
    visit([], {})
    world.settle()
    found = world.customer("a")
    assert sorted(found["segments"]) == ["early", "native", "vip"]
    assert found["traits"] == {"age": 45, "size": "M"}
    assert "lists" not in found


def test_w6_lists_too_large_for_one_value_are_added_and_named(world: World) -> None:
    traits = {f"t{number}": "x" * 40_000 for number in range(3)}
    answer = world.track("s1", traits=traits, replace_lists=True)
    (left_out,) = answer["left_out"]
    assert left_out.field == "replace_lists"
    assert "added to the earlier ones" in left_out.reason
    world.identify("s1", ids={"registered": "a"})
    world.settle()
    assert world.customer("a")["traits"] == traits


def test_a11_a_customer_with_thousands_of_addresses_is_associated() -> None:
    """Their list would be an item of more than 400 KB, which can never be written."""
    world = in_memory()
    world.identify("s1", ids={"email": "a@x.org"}, properties={"color": "red"})
    world.settle()
    root = Node("email", "a@x.org")
    for number in range(1700):
        address = Node("email", f"{number:05d}{'x' * 240}@x.org")
        key = keys.customer_identifier(SPACE, root, address)
        world.store.write([Put(key, {})])
    world.identify("s1", ids={"registered": "gordon", "email": "a@x.org"})
    world.drain()
    found = world.customer("gordon")
    assert found["attributes"] == {"color": "red"}
    assert len(found["identifiers"]["email"]) == 1701


def test_a11_a_visitor_with_every_value_that_the_limits_allow_is_linked() -> None:
    """The store refuses items of more than 400 KB, counted in bytes as DynamoDB counts them."""
    world = in_memory()
    names = [f"{number:03d}{'尺' * 65}" for number in range(255)]
    values = dict.fromkeys(names, '"é' * 150)
    kinds: dict[str, Any] = {"properties": values, "traits": values, "consents": values}
    world.update("s1", **kinds, segments=dict.fromkeys(names, True))
    world.settle()
    answer = world.identify("s1", ids={"registered": "gordon"}, **kinds)
    assert "left_out" not in answer
    world.settle()
    found = world.customer("gordon")
    assert found["attributes"] == found["traits"] == found["consents"] == values
    assert found["segments"] == names
