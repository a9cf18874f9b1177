"""What an order is: a table a decision, a row a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from hardlink.domain.errors import Invalid
from hardlink.domain.graph import Node, profile_node
from hardlink.domain.orders import matching
from hardlink.domain.orders.matching import (
    STORE,
    FeedRow,
    Match,
    Order,
    OrderClaim,
    ShopOrder,
    TrackedOrder,
)
from hardlink.domain.times import DAY
from hardlink.storage import items, keys

HARD = frozenset({"registered"})
GORDON, ALYX = Node("registered", "gordon"), Node("registered", "alyx")
MAIL = Node("email", "g@x.org")
THEMSELVES = {GORDON: GORDON, ALYX: ALYX}
"""The roots of customers whom no shop merged."""
NOW = 100 * DAY
CLAIM = OrderClaim("7", NOW, 1999, "g@x.org")
PHONE, LAPTOP, OWN = profile_node("phone"), profile_node("laptop"), profile_node("own")


def tracked_by(
    who: Node, claim: OrderClaim = CLAIM, *, tracked: bool = True
) -> TrackedOrder:
    return TrackedOrder(who, who.value, "order=7", claim, tracked)


def links(**roots: Node) -> dict[Node, Node]:
    """The owner of each profile: itself by default."""
    return {p: roots.get(p.value, p) for p in (PHONE, LAPTOP, OWN)}


FEED = tracked_by(OWN, tracked=False)
REPORTED = ShopOrder((GORDON,), CLAIM, place=OWN)
PROOF = Match("link", tracked_by(PHONE))
KNOWN = Match("known")
"""By whichever event."""


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param({"email": "a"}, {"email": "a"}, True, id="the address decides"),
        pytest.param(
            {"email": "a", "total": 1}, {"email": "a", "total": 2}, True, id="alone"
        ),
        pytest.param(
            {"email": "a", "total": 1}, {"email": "b", "total": 1}, False, id="it does"
        ),
        pytest.param(
            {"email": "a", "total": 1}, {"total": 1}, True, id="else the total"
        ),
        pytest.param({"total": 1}, {"total": 2}, False, id="which may differ"),
        pytest.param(
            {"email": "a"}, {"total": 2}, None, id="or neither can be compared"
        ),
    ],
)
def test_two_agree(one: dict[str, Any], other: dict[str, Any], same: object) -> None:
    first, second = (
        OrderClaim("7", NOW)._replace(**one),
        OrderClaim("7", 0)._replace(**other),
    )
    assert matching.claims_agree(first, second) is same
    assert matching.claims_agree(second, first) is same


@pytest.mark.parametrize(
    ("order", "roots", "mine", "step"),
    [
        pytest.param(Order("7"), {}, CLAIM, STORE, id="a new one is stored"),
        pytest.param(
            Order("7", 1, (tracked_by(PHONE),)),
            {},
            CLAIM,
            KNOWN,
            id="sent again it is known",
        ),
        pytest.param(
            Order("7", 1, (tracked_by(PHONE, CLAIM._replace(total=1, email=None)),)),
            {},
            CLAIM,
            KNOWN,
            id="sent again with another total, the first one stands",
        ),
        pytest.param(
            Order("7", 1, (tracked_by(LAPTOP),)),
            {"phone": GORDON, "laptop": GORDON},
            CLAIM,
            KNOWN,
            id="a second device of a customer adds nothing",
        ),
        pytest.param(
            Order("7", 1, (tracked_by(LAPTOP, OrderClaim("7", NOW, 1)),)),
            {"phone": GORDON, "laptop": GORDON},
            OrderClaim("7", NOW, 1999),
            STORE,
            id="a forged one in the customer's name never hides the real one",
        ),
        pytest.param(
            Order("7", 1, (tracked_by(LAPTOP),)),
            {},
            CLAIM,
            STORE,
            id="two strangers are two strangers",
        ),
        pytest.param(
            Order("7", 1, (tracked_by(PHONE, CLAIM._replace(line="a")),)),
            {},
            CLAIM._replace(line="b"),
            STORE,
            id="each line of an order is an event of its own",
        ),
        pytest.param(
            Order("7", 1, (tracked_by(PHONE, CLAIM._replace(line="a")),)),
            {},
            CLAIM._replace(line="a"),
            KNOWN,
            id="a line that is sent again is known",
        ),
        pytest.param(
            Order("7", 1, (tracked_by(PHONE, CLAIM._replace(line="a")),)),
            {},
            CLAIM,
            KNOWN,
            id="an order whose lines are there is known",
        ),
        pytest.param(
            Order("7", 1, (tracked_by(PHONE),)),
            {},
            CLAIM._replace(line="a"),
            KNOWN,
            id="and so is a line of an order that is there",
        ),
        pytest.param(
            Order("7", 1, (FEED,), REPORTED),
            {"own": GORDON},
            CLAIM,
            PROOF,
            id="reported: the visitor who proves it is linked",
        ),
        pytest.param(
            Order("7", 1, (FEED,), REPORTED),
            {"own": GORDON, "phone": MAIL},
            CLAIM,
            PROOF,
            id="an address alone is no customer yet",
        ),
        pytest.param(
            Order("7", 1, (FEED,), REPORTED),
            {"own": GORDON},
            OrderClaim("7", NOW),
            STORE,
            id="a number alone proves nothing",
        ),
        pytest.param(
            Order("7", 1, (FEED,), REPORTED),
            {"own": GORDON},
            CLAIM._replace(email="m@x.org"),
            STORE,
            id="nor does another address",
        ),
        pytest.param(
            Order("7", 1, (FEED,), REPORTED),
            {"own": GORDON},
            CLAIM._replace(time=NOW + 4 * DAY),
            STORE,
            id="nor an old order",
        ),
        pytest.param(
            Order("7", 1, (FEED,), REPORTED._replace(visitor=LAPTOP)),
            {"own": GORDON},
            CLAIM,
            KNOWN,
            id="an order finds one visitor, and is no second one",
        ),
        pytest.param(
            Order("7", 1, (FEED,), REPORTED),
            {"own": GORDON, "phone": ALYX},
            CLAIM,
            KNOWN,
            id="another customer stays who they are, and has no order of their own by it",
        ),
        pytest.param(
            Order("7", 1, (FEED,), REPORTED),
            {"own": GORDON, "phone": ALYX},
            CLAIM._replace(total=1, email=None),
            STORE,
            id="unless they say otherwise",
        ),
        pytest.param(
            Order("7", 1, (FEED,), REPORTED._replace(visitor=LAPTOP)),
            {},
            CLAIM,
            STORE,
            id="nor is it known where its customer lost it",
        ),
        pytest.param(
            Order("7", 1, (FEED,), REPORTED),
            {"own": GORDON, "phone": GORDON},
            CLAIM,
            KNOWN,
            id="the customer's own beacon comes late",
        ),
    ],
)
def test_a_visitor_tracks_an_order(
    order: Order, roots: dict[str, Node], mine: OrderClaim, step: Match
) -> None:
    found = matching.match_tracked(order, tracked_by(PHONE, mine), links(**roots), HARD)
    assert found.action == step.action
    if step.action == "link":
        assert found.event == tracked_by(PHONE, mine)
    if step.action == "known":
        assert found.event in order.tracked


@pytest.mark.parametrize(
    ("tracked", "roots", "step"),
    [
        pytest.param([], {}, STORE, id="never tracked: stored"),
        pytest.param([tracked_by(PHONE)], {}, PROOF, id="its visitor is found"),
        pytest.param(
            [tracked_by(PHONE)], {"phone": MAIL}, PROOF, id="known by an address alone"
        ),
        pytest.param(
            [tracked_by(PHONE)],
            {"phone": GORDON},
            KNOWN,
            id="who is the customer already",
        ),
        pytest.param(
            [tracked_by(PHONE)],
            {"phone": ALYX},
            STORE,
            id="no visitor is taken from another customer",
        ),
        pytest.param(
            [tracked_by(PHONE, OrderClaim("7", NOW))],
            {},
            STORE,
            id="a number proves nothing",
        ),
        pytest.param(
            [tracked_by(PHONE, OrderClaim("7", NOW, 1))],
            {},
            STORE,
            id="a forged one hides nothing",
        ),
        pytest.param(
            [tracked_by(PHONE, OrderClaim("7", NOW, 1))],
            {"phone": GORDON},
            KNOWN,
            id="of the customer's own it is corrected",
        ),
        pytest.param(
            [tracked_by(PHONE, OrderClaim("7", NOW))],
            {"phone": GORDON},
            KNOWN,
            id="who says no less, is theirs",
        ),
        pytest.param(
            [tracked_by(PHONE), tracked_by(LAPTOP)],
            {},
            STORE,
            id="of two neither is proven",
        ),
        pytest.param(
            [tracked_by(LAPTOP, OrderClaim("7", NOW, 1999)), tracked_by(PHONE)],
            {},
            PROOF,
            id="an address proves more than a total",
        ),
        pytest.param(
            [tracked_by(PHONE, CLAIM._replace(time=NOW - 4 * DAY))],
            {},
            STORE,
            id="of another day: no proof",
        ),
        pytest.param([FEED], {"own": GORDON}, KNOWN, id="the feed's own event"),
        pytest.param(
            [FEED], {"own": MAIL}, STORE, id="the feed's own sessions are no visitors"
        ),
    ],
)
def test_the_shop_reports_an_order(
    tracked: list[TrackedOrder], roots: dict[str, Node], step: Match
) -> None:
    order = Order("7", 1, tuple(tracked))
    found = matching.match_shop_order(order, CLAIM, GORDON, links(**roots), HARD)
    assert found.action == step.action
    if step.action == "link":
        assert found == step


@pytest.mark.parametrize(
    ("ids", "place", "owner", "named", "placement"),
    [
        pytest.param((GORDON,), OWN, GORDON, GORDON, "kept", id="the same customer"),
        pytest.param((MAIL,), OWN, GORDON, None, "kept", id="an address alone"),
        pytest.param((MAIL,), OWN, MAIL, None, "kept", id="which no customer has"),
        pytest.param((MAIL,), OWN, MAIL, GORDON, "joins", id="and one has now"),
        pytest.param((MAIL,), OWN, ALYX, GORDON, "refused", id="or another one had"),
        pytest.param((MAIL,), PHONE, ALYX, GORDON, "refused", id="by a visitor too"),
        pytest.param(
            (GORDON,), PHONE, PHONE, GORDON, "lost", id="the visitor was unlinked"
        ),
        pytest.param(
            (GORDON,), PHONE, ALYX, GORDON, "lost", id="and is somebody else's since"
        ),
        pytest.param((MAIL,), PHONE, PHONE, None, "lost", id="a guest's visitor too"),
    ],
)
def test_a8_one_order_has_one_place(
    ids: tuple[Node, ...], place: Node, owner: Node, named: Node | None, placement: str
) -> None:
    kept = tracked_by(place, tracked=place != OWN)
    order = Order("7", 2, (kept,), ShopOrder(ids, CLAIM, place=place))
    assert order.kept_event == kept
    assert matching.judge_placement(order, kept, owner, named, HARD) == placement


def test_a8_an_order_whose_event_is_gone_has_no_place() -> None:
    assert Order("7", 2, (tracked_by(PHONE),), REPORTED).kept_event is None
    assert Order("7", 2, (FEED,)).kept_event is None


def test_o1_a_claim_is_completed_by_its_own_visitor() -> None:
    bare = OrderClaim("7", NOW)
    assert matching.complete_claim(bare, CLAIM) == CLAIM
    other = OrderClaim("7", NOW, 1, "m")
    assert matching.complete_claim(CLAIM, other) == CLAIM


def test_a_report_with_another_identifier_adds_one() -> None:
    order = Order("7", 1, (FEED,), ShopOrder((MAIL,), CLAIM))
    assert matching.adds_identifiers(Order("7"), (MAIL,))
    assert matching.adds_identifiers(order, (GORDON, MAIL))
    assert not matching.adds_identifiers(order, (MAIL,))
    assert not matching.names_other_customer(order, [GORDON], THEMSELVES)


def test_a_report_of_another_customer_names_another_one() -> None:
    order = Order("7", 1, (FEED,), REPORTED)
    assert matching.names_other_customer(order, [ALYX], THEMSELVES)
    assert not matching.names_other_customer(order, [GORDON], THEMSELVES)
    assert not matching.names_other_customer(order, [], THEMSELVES)


@pytest.mark.parametrize("survivor", [GORDON, ALYX])
def test_o1_a_report_of_a_merged_customer_names_no_other_one(survivor: Node) -> None:
    order = Order("7", 1, (FEED,), REPORTED)
    roots = {GORDON: survivor, ALYX: survivor}
    assert not matching.names_other_customer(order, [ALYX], roots)


def test_o1_an_order_reported_of_two_is_known_of_both_when_their_merge_is_undone() -> (
    None
):
    order = Order("7", 1, (FEED,), REPORTED._replace(ids=(ALYX, GORDON)))
    assert not matching.names_other_customer(order, [GORDON], THEMSELVES)
    assert not matching.names_other_customer(order, [ALYX], THEMSELVES)


@pytest.mark.parametrize(
    "number", ["undefined", "", "0", None, True, 1.5, "x" * 251, "a\nb"]
)
def test_a_value_that_is_no_order_number(number: object) -> None:
    with pytest.raises(Invalid) as raised:
        matching.parse_claim(number, 0, None, None)
    assert raised.value.field == "orderNumber"


def test_claims_are_comparable() -> None:
    assert matching.parse_claim(100042, 5, 2185.85, None) == OrderClaim(
        "100042", 5, 218585
    )
    assert matching.parse_claim("x" * 250, 5, None, " ") == OrderClaim("x" * 250, 5)


@pytest.mark.parametrize(
    "order",
    [
        Order(
            "a=b/c",
            3,
            (FEED, tracked_by(PHONE, OrderClaim("a=b/c", 1, line="crowbar"))),
            ShopOrder((GORDON, MAIL), CLAIM, PHONE, OWN),
        ),
        Order("7", 1, (tracked_by(PHONE),), expires=12),
    ],
)
def test_an_order_is_read_as_it_was_written(order: Order) -> None:
    key = keys.order_head("shop", order.number)
    claim: Any = {"number": order.number}
    expected = order._replace(
        tracked=tuple(
            k._replace(claim=k.claim._replace(**claim)) for k in order.tracked
        ),
        shop_order=order.shop_order
        and order.shop_order._replace(claim=order.shop_order.claim._replace(**claim)),
    )
    assert items.decode_order(key, items.encode_order(order)) == expected
    assert items.decode_order(key, None) == Order(order.number)


@pytest.mark.parametrize(
    ("total", "email", "wrong"),
    [
        pytest.param(1e308, None, "total", id="a total that is none"),
        pytest.param(float("nan"), None, "total", id="nor is this"),
        pytest.param(
            1, "e" * 257, "email", id="an address that has no room in the row"
        ),
        pytest.param(1, "a\x00@x.org", "email", id="nor one that can not be typed"),
    ],
)
def test_a_claim_that_can_not_be_parsed(
    total: float, email: str | None, wrong: str
) -> None:
    for field, beside in (
        ("orderNumber", ""),
        ("events[0].order.number", "events[0].order."),
    ):
        with pytest.raises(Invalid) as raised:
            matching.parse_claim("7", 0, total, email, field)
        assert raised.value.field == f"{beside}{wrong}"


def test_a_placeholder_is_no_address_that_proves_anything() -> None:
    assert matching.parse_claim("7", 5, None, "undefined").email is None


def test_an_address_is_compared_within_one_order_and_stands_in_none() -> None:
    emails = [
        matching.parse_claim(number, 5, None, "G@x.org").email or ""
        for number in ("7", "7", "8")
    ]
    assert emails[0] == emails[1] == matching.parse_claim("7", 6, 1.0, "g@X.org ").email
    assert emails[0] != emails[2]
    assert not any("x.org" in email for email in emails)


def test_as_many_as_are_tracked_fit_into_an_item() -> None:
    claim = matching.parse_claim("x" * 250, 10**16, 1e12, "é" * 128)
    most = tuple(
        TrackedOrder(profile_node("é" * 128), "é" * 128, "order=" + "x" * 250, claim)
        for _ in range(matching.MOST_TRACKED + 2)
    )
    item = items.encode_order(Order("x" * 250, 1, most))
    assert sum(len(str(value).encode()) for value in item.values()) < 300_000


def test_a8_an_order_that_only_its_client_told_was_reported_of_nobody() -> None:
    order = Order("7", 1, (tracked_by(PHONE),))
    assert not matching.names_other_customer(order, [GORDON], THEMSELVES)
    placement = matching.judge_placement(order, tracked_by(PHONE), ALYX, GORDON, HARD)
    assert placement == "refused"


@pytest.mark.parametrize(
    ("before", "row", "apart"),
    [
        pytest.param(FeedRow("file", 1), FeedRow("file", 3), True, id="another row"),
        pytest.param(FeedRow("file", 1), FeedRow("file", 1), False, id="the same one"),
        pytest.param(FeedRow("file", 1), FeedRow("next", 3), False, id="a later file"),
        pytest.param(None, FeedRow("file", 3), False, id="reported by no feed"),
        pytest.param(FeedRow("file", 1), None, False, id="nor now"),
    ],
)
def test_o3_rows_of_one_file_stand_apart(
    before: FeedRow | None, row: FeedRow | None, *, apart: bool
) -> None:
    order = Order("7", 1, (FEED,), REPORTED._replace(row=before))
    assert matching.stands_apart(order, row) is apart
    assert not matching.stands_apart(Order("7"), row)
