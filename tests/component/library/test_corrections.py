"""What a shop corrects: two customers who are one, an identifier that is not theirs."""

from __future__ import annotations

from typing import Any

import pytest

from hardlink.domain.changeset import MOST_MERGES
from hardlink.domain.errors import NotFound, Refused
from hardlink.domain.graph import Node
from hardlink.domain.times import HOUR
from tests.support.world import World

TYPO = Node("email", "typo@x.com")
CARD = Node("loyalty", "77")
GORDON, FREEMAN = Node("registered", "gordon"), Node("registered", "freeman")


def view(id_: str) -> dict[str, str]:
    return {"type": "view", "id": id_}


def two_customers(world: World) -> None:
    """Gordon on a phone, and the same person as Freeman on a laptop."""
    for session, name in (("phone", "gordon"), ("laptop", "freeman")):
        world.track(session, view(f"{session} 1"))
        ids = {"registered": name, "email": f"{name}@x.com"}
        world.identify(session, ids=ids, properties={"first_name": name, name: True})
        world.track(session, view(f"{session} 2"))
        world.clock.pass_(HOUR)
    world.settle()


def everything(world: World) -> list[Any]:
    """What readers see of both."""
    seen: list[Any] = []
    for name in ("gordon", "freeman"):
        seen += [world.customer(name), world.events(name)]
    return seen


# -- W3: an identifier is taken off -------------------------------------------------------------


def test_w3_a_wrong_address_is_taken_off_and_the_log_in_stays(world: World) -> None:
    world.track("s1", view("a"))
    world.identify("s1", ids={"registered": "gordon", "email": TYPO.value})
    world.identify("s2", ids={"registered": "gordon"})
    world.settle()
    removed = world.remove_identifier(TYPO, "gordon")
    world.settle()
    assert removed.customer == GORDON
    assert world.customer("gordon")["identifiers"] == {"registered": ["gordon"]}
    assert world.timeline("gordon") == ["a"]
    with pytest.raises(NotFound):
        world.customer(TYPO.value, "email")


def test_w3_what_was_known_by_the_address_alone_is_a_customer_of_its_own_again(
    world: World,
) -> None:
    world.track("s1", view("subscriber's"))
    world.identify("s1", ids={"email": TYPO.value}, properties={"city": "Ulm"})
    world.track("s2", view("gordon's"))
    world.identify("s2", ids={"registered": "gordon", "email": TYPO.value})
    world.settle()
    assert world.timeline("gordon") == ["gordon's", "subscriber's"]
    world.remove_identifier(TYPO, "gordon")
    world.settle()
    assert world.timeline("gordon") == ["gordon's"]
    assert world.timeline(TYPO.value, "email") == ["subscriber's"]
    assert world.customer(TYPO.value, "email")["attributes"] == {"city": "Ulm"}


def test_w3_who_registered_with_a_known_address_stays_when_it_is_taken_off(
    world: World,
) -> None:
    world.track("s1", view("subscriber's"))
    world.identify("s1", ids={"email": TYPO.value})
    registration = {"registered": "gordon", "email": TYPO.value}
    world.identify("s1", ids=registration)
    world.track("s1", view("customer's"))
    world.settle()
    world.remove_identifier(TYPO, "gordon")
    world.settle()
    assert world.timeline("gordon") == ["customer's", "subscriber's"]
    # what was said of the address alone is said of it again; it has no visitor
    assert world.customer(TYPO.value, "email")["sessions"] == []


@pytest.mark.parametrize("with_address", [True, False])
def test_w3_who_logs_in_after_another_visitor_of_the_address_stays_as_well(
    world: World, *, with_address: bool
) -> None:
    address = {"email": TYPO.value}
    for session in ("s1", "s2"):
        world.track(session, view(session))
        world.identify(session, ids=address)
    world.identify("s1", ids={"registered": "gordon", **address})
    ids = (
        {"registered": "gordon", **address}
        if with_address
        else {"registered": "gordon"}
    )
    world.identify("s2", ids=ids)
    world.settle()
    world.remove_identifier(TYPO, "gordon")
    world.settle()
    assert world.sessions("gordon") == {"s1", "s2"}
    assert world.sessions(TYPO.value, "email") == set()


def test_w3_a_removal_is_undone_exactly(world: World) -> None:
    world.track("s1", view("a"))
    world.identify("s1", ids={"email": TYPO.value})
    world.identify("s2", ids={"registered": "gordon", "email": TYPO.value})
    world.settle()
    attributes, events = world.customer("gordon")["attributes"], world.events("gordon")
    removed = world.remove_identifier(TYPO, "gordon")
    world.identify("s3", ids={"registered": "gordon", "email": "right@x.com"})
    world.settle()
    assert world.undo_correction(TYPO, removed.evidence).customer == GORDON
    world.settle()
    found = world.customer("gordon")
    assert found["identifiers"]["email"] == ["right@x.com", TYPO.value]
    assert found["attributes"] == attributes
    assert world.events("gordon") == events
    assert world.undo_correction(TYPO, removed.evidence).evidence is None


@pytest.mark.parametrize("identifier", [TYPO, CARD])
def test_w3_a_log_in_undone_since_stays_undone_when_the_removal_is_undone(
    world: World, identifier: Node
) -> None:
    ids = {"registered": "gordon", identifier.type: identifier.value}
    world.identify("s1", ids=ids)
    removed = world.remove_identifier(identifier, "gordon")
    world.unlink("s1")
    world.settle()
    world.undo_correction(identifier, removed.evidence)
    world.settle()
    with pytest.raises(NotFound):
        world.customer(identifier.value, identifier.type)


def test_w3_an_identifier_taken_off_twice_stays_off_when_the_first_time_is_undone(
    world: World,
) -> None:
    ids = {"registered": "gordon", "email": TYPO.value}
    removals = []
    for _ in range(2):
        world.identify("s1", ids=ids)
        removals.append(world.remove_identifier(TYPO, "gordon").evidence)
    world.undo_correction(TYPO, removals[0])
    world.settle()
    with pytest.raises(NotFound):
        world.customer(TYPO.value, "email")
    world.undo_correction(TYPO, removals[1])
    world.settle()
    assert world.customer(TYPO.value, "email")["customer"]["value"] == "gordon"


def test_w3_a_second_hard_identifier_is_taken_off_and_free(world: World) -> None:
    world.identify("s1", ids={"registered": "gordon", "loyalty": CARD.value})
    removed = world.remove_identifier(CARD, "gordon")
    world.identify("s2", ids={"registered": "alyx", "loyalty": CARD.value})
    world.settle()
    assert world.customer(CARD.value, "loyalty")["customer"]["value"] == "alyx"
    assert removed.evidence
    with pytest.raises(Refused):
        world.remove_identifier(CARD, "gordon")


def test_w3_a_hard_id_is_not_given_back_to_a_customer_who_has_another_of_its_type(
    world: World,
) -> None:
    world.identify("s1", ids={"registered": "gordon", "loyalty": CARD.value})
    removed = world.remove_identifier(CARD, "gordon")
    world.identify("s1", ids={"registered": "gordon", "loyalty": "78"})
    world.settle()
    with pytest.raises(Refused) as refused:
        world.undo_correction(CARD, removed.evidence)
    assert refused.value.code == "identifier_conflict"
    ids = world.customer("gordon")["identifiers"]
    assert ids == {"registered": ["gordon"], "loyalty": ["78"]}
    world.remove_identifier(Node("loyalty", "78"), "gordon")
    world.undo_correction(CARD, removed.evidence)
    world.settle()
    ids = world.customer("gordon")["identifiers"]
    assert ids == {"registered": ["gordon"], "loyalty": [CARD.value]}


def test_w3_a_removal_sent_again_changes_nothing(world: World) -> None:
    world.identify("s1", ids={"registered": "gordon", "email": TYPO.value})
    world.remove_identifier(TYPO, "gordon")
    world.settle()
    before = world.dumped()
    assert world.remove_identifier(TYPO, "gordon").evidence is None
    assert world.dumped() == before


def test_w3_the_main_id_and_an_unknown_customer_are_refused(world: World) -> None:
    world.identify("s1", ids={"registered": "gordon", "email": TYPO.value})
    with pytest.raises(Refused, match="main ID"):
        world.remove_identifier(GORDON, "gordon")
    with pytest.raises(NotFound):
        world.remove_identifier(TYPO, "nobody")


# -- W4: two customers are one ------------------------------------------------------------------


def test_w4_a_merged_customer_is_read_by_the_identifiers_of_both(world: World) -> None:
    two_customers(world)
    world.merge("freeman", "gordon")
    world.settle()
    for name in ("gordon", "freeman"):
        found = world.customer(name)
        assert found["customer"] == {"type": "registered", "value": "gordon"}
        assert found["identifiers"] == {
            "registered": ["freeman", "gordon"],
            "email": ["freeman@x.com", "gordon@x.com"],
        }
        # the value set last stands, whoever it was said of
        assert found["attributes"] == {
            "first_name": "freeman",
            "gordon": True,
            "freeman": True,
        }
        assert world.sessions(name) == {"phone", "laptop"}
        assert world.timeline(name) == ["laptop 2", "laptop 1", "phone 2", "phone 1"]
    assert world.customer("freeman@x.com", "email")["customer"]["value"] == "gordon"
    assert world.session("laptop")["customer"]["value"] == "gordon"
    assert [link["rule"] for link in world.session("laptop")["why"]] == [
        "merge",
        "first",
    ]


def test_w4_a_merge_is_undone_exactly(world: World) -> None:
    two_customers(world)
    before = everything(world)
    merged = world.merge("freeman", "gordon")
    world.settle()
    world.undo_correction(FREEMAN, merged.evidence)
    world.settle()
    assert everything(world) == before


def test_w4_a_merge_is_undone_and_made_the_other_way_any_number_of_times(
    world: World,
) -> None:
    two_customers(world)
    names = ["freeman", "gordon"]
    for _ in range(MOST_MERGES + 2):
        merged = world.merge(*names)
        world.undo_correction(Node("registered", names[0]), merged.evidence)
        names.reverse()
    world.settle()
    assert world.timeline("gordon") == ["phone 2", "phone 1"]


def test_w4_what_comes_after_a_merge_goes_to_whom_it_named_when_it_is_undone(
    world: World,
) -> None:
    two_customers(world)
    merged = world.merge("freeman", "gordon")
    world.identify("tablet", ids={"registered": "freeman"})
    world.track("tablet", view("tablet 1"))
    world.settle()
    assert "tablet 1" in world.timeline("gordon")
    world.undo_correction(FREEMAN, merged.evidence)
    world.settle()
    assert "tablet 1" in world.timeline("freeman")
    assert "tablet 1" not in world.timeline("gordon")


@pytest.mark.parametrize("policy", ["move", "split", "refuse"])
def test_w4_a_log_in_as_the_other_of_both_is_no_other_customer(
    world: World, policy: str
) -> None:
    two_customers(world)
    world.merge("freeman", "gordon")
    before = world.session("phone")["why"]
    answer = world.identify("phone", policy, ids={"registered": "freeman"})
    assert answer["warnings"] == []
    assert world.session("phone")["why"] == before
    world.identify("phone", policy, ids={"registered": "gordon", "email": "f@x.com"})
    world.identify("phone", policy, ids={"email": "freeman@x.com"})
    world.settle()
    assert world.session("phone")["why"] == before


def test_w4_a_merge_sent_again_changes_nothing(world: World) -> None:
    two_customers(world)
    world.merge("freeman", "gordon")
    before = world.dumped()
    assert world.merge("freeman", "gordon").evidence is None
    assert world.merge("gordon", "freeman").evidence is None
    assert world.dumped() == before


def test_w4_customers_are_merged_one_after_the_other(world: World) -> None:
    two_customers(world)
    world.track("kiosk", view("kiosk 1"))
    world.identify("kiosk", ids={"registered": "g.freeman"})
    world.merge("freeman", "gordon")
    world.merge("gordon", "g.freeman")
    world.settle()
    assert world.customer("freeman")["customer"]["value"] == "g.freeman"
    assert world.sessions("gordon") == {"phone", "laptop", "kiosk"}


def test_w4_an_address_of_a_merged_customer_is_taken_off(world: World) -> None:
    two_customers(world)
    world.merge("freeman", "gordon")
    address = Node("email", "freeman@x.com")
    assert world.remove_identifier(address, "gordon").evidence
    world.settle()
    assert world.customer("gordon")["identifiers"]["email"] == ["gordon@x.com"]


def test_w4_a_customer_known_by_an_address_alone_is_refused(world: World) -> None:
    world.identify("s1", ids={"registered": "gordon"})
    world.identify("s2", ids={"email": TYPO.value})
    with pytest.raises(Refused, match="identify one of their visitors"):
        world.administration.merge_customers("shop", TYPO, GORDON, "e")
    with pytest.raises(NotFound):
        world.merge("nobody", "gordon")


def test_w4_no_client_merges_two_customers(world: World) -> None:
    """I7: only the shop's own call does."""
    world.identify("s1", ids={"registered": "gordon", "loyalty": "1"})
    world.identify("s2", ids={"registered": "alyx", "loyalty": "2"})
    with pytest.raises(Refused):
        world.identify("s1", ids={"registered": "gordon", "loyalty": "2"})


@pytest.mark.parametrize("named", ["gordon", "freeman"])
def test_w4_erasing_a_merged_customer_leaves_nothing_of_either(
    world: World, named: str
) -> None:
    two_customers(world)
    world.merge("freeman", "gordon")
    world.settle()
    world.erase(named)
    world.swept()
    left = str([(str(key), str(item)) for key, item in world.dumped().items()])
    for trace in ("phone 1", "laptop 2", "first_name", "@x.com", "'#'}"):
        assert trace not in left
    for name in ("gordon", "freeman"):
        with pytest.raises(NotFound):
            world.customer(name)


def test_w3_erasing_a_customer_erases_the_address_that_was_taken_off(
    world: World,
) -> None:
    world.identify("s1", ids={"registered": "gordon", "email": TYPO.value})
    world.remove_identifier(TYPO, "gordon")
    world.settle()
    world.erase("gordon")
    world.swept()
    heads = [key for key, item in world.dumped().items() if "rev" in item]
    assert not [key for key in heads if TYPO.value in key.partition]
