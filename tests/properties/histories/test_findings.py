"""Minimal histories in which a promise about identities was broken once: each stays here for good."""

from __future__ import annotations

import pytest

from hardlink.domain.errors import Invalid, NotFound
from tests.properties.histories.reference import Name
from tests.properties.histories.test_histories import Histories
from tests.properties.histories.world import World, moment
from tests.support.memory_store import MemoryStore


def test_a_resent_identify_does_not_take_an_identifier_back_that_another_customer_got_since() -> (
    None
):
    world = World().at(100)
    world.identify("S1", ids={"email": "e@x.com", "registered": "A"}, time=moment(1))
    world.identify("S2", ids={"email": "e@x.com", "registered": "B"}, time=moment(2))
    before = world.tables.dump()
    world.identify("S1", ids={"email": "e@x.com", "registered": "A"}, time=moment(1))
    assert world.tables.dump() == before


def test_a_late_identify_does_not_take_an_identifier_from_who_got_it_later() -> None:
    world = World().at(100)
    world.identify("S2", ids={"email": "e@x.com", "registered": "B"}, time=moment(2))
    world.identify("S1", ids={"email": "e@x.com", "registered": "A"}, time=moment(1))
    assert world.customer("email=e@x.com")["customer"]["value"] == "B"


def test_a_resent_identify_by_email_stays_with_the_customer_that_it_found_first() -> (
    None
):
    world = World().at(100)
    world.identify("S1", ids={"email": "e@x.com"}, time=moment(1))
    world.identify("S2", ids={"email": "e@x.com", "registered": "A"}, time=moment(2))
    world.identify("S3", ids={"email": "e@x.com", "registered": "B"}, time=moment(3))
    before = world.tables.dump()
    world.identify("S1", ids={"email": "e@x.com"}, time=moment(1))
    assert world.whose("S1") == "registered=A"
    assert world.tables.dump() == before


def test_a_resent_update_says_nothing_about_a_customer_who_was_linked_since() -> None:
    world = World().at(100)
    world.update("S1", properties={"plan": "gold"}, time=moment(1))
    world.identify("S1", ids={"registered": "A"}, time=moment(2))
    world.update("S1", properties={"plan": "gold"}, time=moment(1))
    world.unlink("S1")
    world.check()
    assert world.customer("registered=A")["attributes"] == {}


def test_a_late_identify_splits_where_a_known_customer_was_then() -> None:
    world = World().at(100)
    world.track("S1", events=[{"type": "view", "id": "v1", "time": moment(1)}])
    world.identify("S1", source="split", ids={"registered": "A"}, time=moment(2))
    world.identify("S1", source="split", ids={"email": "e@x.com"}, time=moment(6))
    world.identify("S1", source="split", ids={"registered": "B"}, time=moment(4))
    world.check()
    assert world.events("registered=A") == ["v1"]


def test_a_late_identify_takes_nothing_from_the_customer_that_an_email_belongs_to() -> (
    None
):
    world = World().at(100)
    world.track("S1", events=[{"type": "view", "id": "v1", "time": moment(1)}])
    world.identify("S1", source="split", ids={"email": "e@x.com"}, time=moment(2))
    world.identify("S1", source="split", ids={"registered": "A"}, time=moment(6))
    world.identify("S1", source="split", ids={"registered": "B"}, time=moment(4))
    world.check()
    assert world.events("registered=A") == world.events("email=e@x.com") == ["v1"]
    assert world.events("registered=B") == []


def test_of_two_links_said_at_once_the_later_to_arrive_stands_however_busy_the_visitor_was() -> (
    None
):
    world = World().at(100)
    for number in range(201):
        world.update("S1", properties={"count": number}, time=moment(1 + number / 1000))
    world.identify("S1", ids={"registered": "A"}, time=moment(50))
    world.identify("S1", ids={"registered": "B"}, time=moment(50))
    world.check()
    assert world.whose("S1") == "registered=B"


def test_unlinking_takes_back_the_link_that_was_written_last() -> None:
    store = MemoryStore()
    world = World(store).at(10)
    world.track("S1", events=[{"type": "view"}])
    other = World(store).at(12)

    def meanwhile(request: str, _: object) -> None:
        if request == "write":
            store.before = None
            other.identify("S1", ids={"registered": "B"})

    store.before = meanwhile
    world.at(11).identify("S1", ids={"registered": "A"})
    assert world.whose("S1") == "registered=A"
    world.at(13).unlink("S1")
    assert world.whose("S1") == "registered=B"


def test_unlinking_while_the_visitor_is_identified_is_as_if_one_came_after_the_other() -> (
    None
):
    store = MemoryStore()
    world = World(store)
    world.at(1).track("S1", events=[{"type": "view", "id": "v1"}])
    world.at(2).identify("S1", source="split", ids={"email": "e@x.com"})
    world.at(3).identify("S2", ids={"email": "e@x.com", "registered": "A"})
    other = World(store).at(5)

    def meanwhile(request: str, _: object) -> None:
        if request == "write":
            store.before = None
            other.identify("S1", source="split", ids={"registered": "B"})

    store.before = meanwhile
    world.at(4).unlink("S1")
    world.check()
    unlinked_first = world.whose("S1") == "registered=B" and world.events(
        "registered=B"
    ) == ["v1"]
    identified_first = world.whose("S1") == "registered=A" and world.events(
        "registered=A"
    ) == ["v1"]
    assert unlinked_first or identified_first


def test_who_was_known_by_one_soft_identifier_is_found_after_it_was_sent_with_another() -> (
    None
):
    world = World().at(100)
    world.track("S1", events=[{"type": "view", "id": "v1", "time": moment(1)}])
    world.identify("S1", ids={"email": "e@x.com"})
    world.identify("S2", ids={"user_id": "7", "registered": "A"})
    world.identify("S3", ids={"user_id": "7", "email": "e@x.com"})
    world.check()
    assert "v1" in world.events(world.whose("S1") or "")


def test_who_was_known_by_one_soft_id_is_found_after_it_was_sent_with_that_of_another_such() -> (
    None
):
    world = World().at(100)
    world.track("S1", events=[{"type": "view", "id": "v1", "time": moment(1)}])
    world.identify("S1", ids={"email": "e@x.com"})
    world.identify("S2", ids={"user_id": "7"})
    world.identify("S3", ids={"user_id": "7", "email": "e@x.com"})
    world.check()
    assert "v1" in world.events(world.whose("S1") or "")


def test_after_unlinking_nobody_is_beyond_reach() -> None:
    world = World().at(100)
    world.track("S1", events=[{"type": "view", "id": "v1", "time": moment(1)}])
    world.identify("S1", ids={"email": "e@x.com"})
    world.at(101).identify("S2", ids={"email": "e@x.com", "registered": "A"})
    world.at(102).identify("S3", ids={"email": "e@x.com", "registered": "B"})
    world.at(103).unlink("S1")
    world.check()
    assert (
        world.whose("S1") == "email=e@x.com"
    )  # which finds B now: the profile finds its customer
    assert "v1" in world.events(str(world.profile("S1")))


def test_what_was_unlinked_stays_so_when_an_identify_that_changed_nothing_is_resent() -> (
    None
):
    world = World().at(100)
    world.identify("S1", ids={"registered": "A"}, time=moment(1))
    world.identify("S1", ids={"registered": "A"}, time=moment(2))
    world.unlink("S1")
    assert world.whose("S1") is None
    world.identify("S1", ids={"registered": "A"}, time=moment(2))
    assert world.whose("S1") is None


def test_what_was_superseded_stays_so_after_unlinking_and_resending() -> None:
    world = World().at(100)
    world.identify("S1", ids={"registered": "A"}, time=moment(1))
    world.identify("S1", ids={"registered": "B"}, time=moment(3))
    world.identify("S1", ids={"registered": "C"}, time=moment(2))
    world.unlink("S1")
    before = world.whose("S1")
    world.identify("S1", ids={"registered": "C"}, time=moment(2))
    assert world.whose("S1") == before


def test_an_identifier_that_two_others_lead_to_the_same_customer_is_written_once() -> (
    None
):
    world = World().at(100)
    world.identify("S1", ids={"email": "e@x.com", "phone": "1"})
    world.identify("S2", ids={"user_id": "7", "registered": "A"})
    world.identify("S3", ids={"user_id": "7", "email": "e@x.com"})
    world.identify("S4", ids={"registered": "A", "phone": "1"})
    world.check()
    assert world.customer("phone=1")["customer"]["value"] == "A"


def test_a_late_identify_takes_no_hard_identifier_from_the_customer_who_has_it() -> (
    None
):
    world = World().at(100)
    world.identify("S1", ids={"registered": "A", "loyalty": "L"}, time=moment(50))
    world.identify("S2", ids={"registered": "B"}, time=moment(20))
    answer = world.identify(
        "S2", ids={"registered": "B", "loyalty": "L"}, time=moment(30)
    )
    assert answer == "identifier_conflict"
    world.check()


def test_a_hard_identifier_that_was_unlinked_stays_so_when_the_identify_is_resent() -> (
    None
):
    world = World().at(100)
    world.identify("S1", ids={"registered": "A", "loyalty": "L"}, time=moment(50))
    world.at(101).unlink("S1")
    before = world.tables.dump()
    world.identify("S1", ids={"registered": "A", "loyalty": "L"}, time=moment(50))
    assert world.tables.dump() == before


def test_the_answer_says_that_an_email_changed_hands_which_came_with_a_soft_identifier() -> (
    None
):
    world = World().at(100)
    world.identify("S1", ids={"email": "e@x.com", "user_id": "7"})
    world.at(101).identify("S1", ids={"user_id": "7", "registered": "A"})
    answer = world.at(102).identify("S2", ids={"email": "e@x.com", "registered": "B"})
    assert isinstance(answer, dict)
    assert "it belonged to another customer" in answer["warnings"][0]


def test_of_two_links_said_at_once_the_later_to_arrive_stands_when_the_first_is_resent() -> (
    None
):
    world = World().at(100)
    world.identify("S1", ids={"registered": "A"}, time=moment(50))
    world.identify("S1", ids={"registered": "B"}, time=moment(50))
    world.identify("S1", ids={"registered": "A"}, time=moment(50))
    assert world.whose("S1") == "registered=B"


def test_what_said_nothing_new_splits_nothing_when_it_is_resent_after_a_move() -> None:
    world = World().at(100)
    world.track("S1", events=[{"type": "view", "id": "v1", "time": moment(1)}])
    world.identify("S1", source="split", ids={"registered": "A"}, time=moment(2))
    world.identify("S1", source="split", ids={"registered": "A"}, time=moment(4))
    world.identify("S1", source="move", ids={"registered": "B"}, time=moment(6))
    before = world.tables.dump()
    world.identify("S1", source="split", ids={"registered": "A"}, time=moment(4))
    assert world.tables.dump() == before


def test_a_late_identify_by_an_email_finds_the_customer_that_the_email_leads_to() -> (
    None
):
    world = World().at(100)
    world.identify("S1", ids={"email": "e@x.com", "registered": "A"}, time=moment(9))
    world.update(
        None, ids={"email": "e@x.com"}, properties={"plan": "gold"}, time=moment(6)
    )
    before = world.tables.dump()
    world.update(
        None, ids={"email": "e@x.com"}, properties={"plan": "gold"}, time=moment(6)
    )
    assert world.tables.dump() == before
    world.unlink("S1")
    assert world.customer("registered=A")["attributes"] == {"plan": "gold"}


def test_a_late_identify_that_splits_does_so_though_its_customer_came_back_later() -> (
    None
):
    world = World().at(100)
    world.track("S1", events=[{"type": "view", "id": "v1", "time": moment(1)}])
    world.identify("S1", ids={"registered": "A"}, time=moment(2))
    world.identify("S1", ids={"registered": "B"}, time=moment(6))
    world.identify("S1", source="split", ids={"registered": "B"}, time=moment(4))
    world.identify("S1", ids={"registered": "C"}, time=moment(8))
    before = world.tables.dump()
    world.identify("S1", source="split", ids={"registered": "B"}, time=moment(4))
    assert world.tables.dump() == before
    world.check()
    assert world.events("registered=A") == ["v1"]


def test_a_session_follows_a_merge_of_a_customer_that_it_had_before() -> None:
    world = World().at(100)
    world.identify("S1", source="move", ids={"registered": "Cyd"}, time=moment(1))
    world.identify("S1", source="move", ids={"loyalty": "card-M"}, time=moment(2))
    world.merge("loyalty=card-M", "registered=Cyd", "first")
    world.identify("S2", ids={"registered": "Ada"}, time=moment(3))
    world.merge("registered=Cyd", "registered=Ada", "second")
    assert world.whose("S1") == "registered=Ada"
    world.undo_correction("registered=Cyd", "second")
    assert world.whose("S1") == "registered=Cyd"


def test_what_another_did_until_an_erasure_is_the_next_ones_after_the_undo() -> None:
    world = World().at(20)
    world.identify("S1", source="split", ids={"registered": "A"}, time=moment(1))
    world.identify("S1", source="split", ids={"registered": "B"}, time=moment(5))
    world.track("S1", events=[{"type": "view", "id": "v1", "time": moment(6)}])
    world.erase("registered=A")
    world.sweep()
    world.unlink("S1")
    world.at(30).identify("S1", source="split", ids={"registered": "C"})
    world.check()
    assert world.events("registered=C") == ["v1"]


def test_a_log_in_without_the_address_takes_none_back_whose_owner_was_erased() -> None:
    world = World().at(1)
    world.identify("S1", source="split", ids={"email": "e@x.com"})
    world.at(2).update(None, ids={"registered": "B", "email": "e@x.com"})
    world.at(3).update(None, ids={"registered": "A", "email": "e@x.com"})
    world.drain()
    world.at(4).erase("registered=A")
    world.sweep()
    world.at(5).identify("S1", source="split", ids={"registered": "B"})
    world.check()
    assert world.whose("S1") == "registered=B"
    with pytest.raises(NotFound):
        world.customer("email=e@x.com")


def test_an_event_of_an_address_stays_erased_when_it_is_sent_again() -> None:
    world = World().at(10)
    told = [{"type": "view", "id": "v1", "time": moment(1)}]
    world.track(None, server_side=True, ids={"email": "e@x.com"}, events=told)
    world.at(11).update(None, ids={"registered": "A", "email": "e@x.com"})
    world.at(12).identify("S1", ids={"registered": "B", "email": "e@x.com"})
    world.drain()
    world.at(13).erase("registered=A")
    world.sweep()
    world.at(14).unlink("S1")
    world.at(99)
    again = world.track(None, server_side=True, ids={"email": "e@x.com"}, events=told)
    assert not isinstance(again, str)
    assert [result["status"] for result in again["results"]] == ["dropped"]
    assert "v1" not in str(world.tables.dump())


def test_an_address_that_is_erased_later_leaves_no_session_of_its_name() -> None:
    world = World().at(10)
    viewed = [{"type": "view"}]
    world.track(None, server_side=True, ids={"email": "e@x.com"}, events=viewed)
    world.at(11).update(None, ids={"registered": "A", "email": "e@x.com"})
    world.at(12).update(None, ids={"registered": "B", "email": "e@x.com"})
    world.drain()
    for second, customer in ((13, "A"), (200, "B")):
        world.at(second).erase(f"registered={customer}")
        world.sweep()
    world.check()
    assert "e@x.com" not in str(world.tables.dump())


def test_a_resent_claim_changes_nothing_where_another_was_made_at_the_same_time() -> (
    None
):
    world = World().at(10)
    world.identify("S1", source="split", ids={"registered": "A"}, time=moment(1))
    world.identify("S1", source="split", ids={"registered": "A"}, time=moment(4))
    world.identify("S1", source="split", ids={"registered": "B"}, time=moment(4))
    before = world.tables.dump()
    world.identify("S1", source="split", ids={"registered": "A"}, time=moment(4))
    assert world.tables.dump() == before
    assert world.whose("S1") == "registered=B"


def test_a9_what_was_done_under_an_address_that_two_others_have_is_read_by_itself() -> (
    None
):
    """S1 is gordon's since second 5, and was known by the address before; it finds alyx by now."""
    world = World().at(20)
    viewed = [{"type": "view", "id": "v1", "time": moment(1)}]
    world.track("S1", source="split", events=viewed)
    hard, soft = {"registered": "gordon"}, {"email": "e@x.com"}
    world.identify("S1", source="split", ids=hard, time=moment(5))
    world.identify("S1", source="split", ids=soft, time=moment(2))
    for session, name in (("S2", "barney"), ("S3", "alyx")):
        ids = {"registered": name, **soft}
        world.identify(session, source="split", ids=ids)
    world.unlink("S2")
    world.check()
    view = world.customer("email=e@x.com")
    assert view["customer"]["value"] == "alyx"
    assert "itself=true" in view["warnings"][0]
    assert world.events("registered=gordon") == world.events("registered=alyx") == []
    assert world.events("email=e@x.com", itself="true") == ["v1"]
    alone = world.customer("email=e@x.com", itself="true")
    assert alone["customer"] == {"type": "email", "value": "e@x.com"}
    assert "warnings" not in alone
    with pytest.raises(Invalid, match="must be true or false"):
        world.customer("email=e@x.com", itself="1")


def test_w3_no_second_hard_id_of_a_type_is_given_back_to_a_customer_who_has_another() -> (
    None
):
    shop = Histories()
    ada, bob = Name("registered", "Ada"), Name("registered", "Bob")
    card = {"loyalty": "card-L"}
    shop.update_a_customer("move", card, None)
    shop.update_a_customer("move", {**card, "registered": ada.value}, None)
    shop.take_off(ada, Name("loyalty", "card-L"), 1)
    shop.update_a_customer("move", {**card, "registered": bob.value}, None)
    shop.give_back(0)
    shop.teardown()
    assert shop.reference.owner(ada) is None
    assert shop.reference.owner(bob) == Name("loyalty", "card-L")


def test_w3_a_removal_is_undone_also_beyond_what_a_customer_may_be_sent_of_a_type() -> (
    None
):
    shop = Histories()
    customer, removed = Name("loyalty", "card-L"), Name("phone", "tel-2")
    _give_phones(shop, {"loyalty": "card-L"}, "tel-1", "tel-2")
    shop.take_off(removed, customer, 1)
    _give_phones(shop, {"loyalty": "card-L"}, "tel-3")
    shop.give_back(0)
    _give_phones(shop, {"loyalty": "card-L"}, "tel-4")
    shop.teardown()
    found = {name.value for name in shop.reference.identifiers(customer)}
    assert found == {"card-L", "tel-1", "tel-2", "tel-3"}


def test_w3_the_phone_that_a_customer_was_first_known_by_is_not_counted_at_an_undo() -> (
    None
):
    shop = Histories()
    customer, returned = Name("phone", "tel-1"), Name("phone", "tel-3")
    _give_phones(shop, {"email": "f@x.com"}, "tel-1")
    shop.take_off(customer, customer, 1)
    _give_phones(shop, {}, "tel-1")
    _give_phones(shop, {"email": "e@x.com"}, "tel-1", "tel-2", "tel-3")
    shop.take_off(returned, customer, 1)
    shop.give_back(1)
    shop.teardown()
    assert shop.reference.owner(returned) == customer


def _give_back_to_bob_what_cyd_got_since(shop: Histories) -> Name:
    """Bob has another card by now, and gets the one that Cyd has once it is taken off Cyd."""
    card = Name("loyalty", "card-L")
    shop.update_a_customer("move", {"loyalty": "card-L", "registered": "Bob"}, None)
    shop.take_off(card, card, 1)
    shop.update_a_customer("move", {"loyalty": "card-M", "registered": "Bob"}, None)
    shop.log_in("S1", "move", {"loyalty": "card-L", "registered": "Cyd"}, None, 7)
    shop.give_back(0)
    return card


def test_w3_a_hard_id_does_not_fall_back_to_a_customer_who_has_another_by_a_removal() -> (
    None
):
    shop = Histories()
    card = _give_back_to_bob_what_cyd_got_since(shop)
    shop.take_off(card, Name("registered", "Cyd"), 1)
    shop.teardown()
    assert shop.reference.owner(card) == Name("registered", "Cyd")


def test_w3_a_hard_id_does_not_fall_back_to_a_customer_who_has_another_by_an_undo() -> (
    None
):
    shop = Histories()
    card = _give_back_to_bob_what_cyd_got_since(shop)
    shop.unlink("S1")
    shop.teardown()
    assert shop.reference.owner(card) == Name("registered", "Cyd")


def test_w3_taking_a_hard_id_off_leaves_the_merge_of_the_customer_that_it_was() -> None:
    shop = Histories()
    card = Name("loyalty", "card-M")
    ada, bob = Name("registered", "Ada"), Name("registered", "Bob")
    shop.update_a_customer("move", {"loyalty": "card-M", "registered": "Ada"}, None)
    shop.take_off(card, ada, 1)
    shop.update_a_customer("move", {"loyalty": "card-M"}, None)
    shop.update_a_customer("move", {"registered": "Bob"}, None)
    shop.merge(card, bob, 1)
    shop.give_back(0)
    shop.merge(ada, bob, 1)
    shop.take_off(card, ada, 1)
    shop.teardown()
    assert shop.reference.answers(card) == bob


def _give_phones(shop: Histories, ids: dict[str, str], *phones: str) -> None:
    """Give a customer these phones, one with each call."""
    for phone in phones:
        shop.update_a_customer("move", {**ids, "phone": phone}, None)
