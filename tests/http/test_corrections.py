"""POST /customers/merge, /remove-identifier, /undo, and GET /customers/why, as a shop's backend sends them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.http.service import KEY, OTHER_KEY, Client, Reply, fresh


def correct(shop: Client, what: str, body: Any, key: str = KEY) -> Reply:
    return shop.post(f"/customers/{what}", body, authorization=f"Bearer {key}")


def two_customers(shop: Client) -> tuple[str, str]:
    names = fresh("gordon"), fresh("freeman")
    for number, name in enumerate(names):
        session = fresh()
        shop.track(session, f"event {number}")
        ids = {"registered": name, "email": f"{name}@example.com"}
        shop.identify(session, ids, properties={"city": f"city {number}"})
        shop.settles("registered", name, f"event {number}")
    return names


def test_w4_a_merge_is_shown_made_and_undone(shop: Client) -> None:
    gordon, freeman = two_customers(shop)
    body = {"from": {"registered": freeman}, "into": {"email": f"{gordon}@example.com"}}
    shown = correct(shop, "merge", {**body, "preview": True})
    assert shown.status == 200
    assert shown.json["evidence"] is None
    assert shown.json["into"]["customer"] == {"type": "registered", "value": gordon}
    assert shown.json["from"]["identifiers"]["email"] == [f"{freeman}@example.com"]
    assert shown.json["conflicts"] == [
        {
            "kind": "attributes",
            "name": "city",
            "from": "city 1",
            "into": "city 0",
            "kept": "city 1",
        }
    ]
    assert shop.types("registered", gordon) == ["event 0"]

    merged = correct(shop, "merge", body).json
    assert merged["customer"] == {"type": "registered", "value": gordon}
    assert shop.types("registered", freeman) == ["event 0", "event 1"]
    assert shop.get("customers", "registered", freeman).json["attributes"] == {
        "city": "city 1"
    }
    why = shop.get("customers", "registered", freeman, "why").json
    assert why["why"][0]["rule"] == "merge"
    assert why["why"][0]["to"] == f"registered={gordon}"

    undo = {"identifier": {"registered": freeman}, "evidence": merged["evidence"]}
    assert correct(shop, "undo", undo).status == 200
    assert shop.types("registered", gordon) == ["event 0"]
    assert shop.types("registered", freeman) == ["event 1"]


def test_w3_an_address_is_taken_off_explained_and_given_back(shop: Client) -> None:
    gordon, _ = two_customers(shop)
    address = {"email": f"{gordon}@example.com"}
    body = {"customer": {"registered": gordon}, "identifier": address}
    removed = correct(shop, "remove-identifier", body).json
    assert shop.get("customers", "email", address["email"]).status == 404
    why = shop.get("customers", "email", address["email"], "why").json
    assert [(w["rule"], bool(w["undone"])) for w in why["why"]] == [
        ("removed", False),
        ("known", True),
    ]
    assert why["finds"] is None
    undo = {"identifier": address, "evidence": removed["evidence"]}
    assert correct(shop, "undo", undo).status == 200
    assert (
        shop.get("customers", "email", address["email"]).json["customer"]["value"]
        == gordon
    )


@pytest.mark.parametrize(
    ("what", "body", "field"),
    [
        ("merge", {"from": {"registered": "a"}}, "into"),
        ("merge", {"from": {}, "into": {"registered": "a"}}, "from"),
        ("merge", {"from": {"nothing": "a"}, "into": {"registered": "a"}}, "from.nothing"),
        ("remove-identifier", {"customer": {"registered": "a"}}, "identifier"),
        ("undo", {"identifier": {"registered": "a"}}, "evidence"),
    ],
)  # fmt: skip
def test_a_body_that_names_nobody_says_which_field(
    shop: Client, what: str, body: Any, field: str
) -> None:
    reply = correct(shop, what, body)
    assert reply.status == 400
    assert reply.json["error"]["field"] == field


@pytest.mark.parametrize("what", ["merge", "remove-identifier", "undo"])
def test_w4_no_client_and_no_other_project_corrects_anything(
    shop: Client, what: str
) -> None:
    gordon, freeman = two_customers(shop)
    body = {
        "from": {"registered": freeman},
        "into": {"registered": gordon},
        "customer": {"registered": gordon},
        "identifier": {"email": f"{gordon}@example.com"},
        "evidence": "unknown",
    }
    assert correct(shop, what, body, key="web-key").status == 401
    assert correct(shop, what, body, key=OTHER_KEY).status in (400, 404)
    assert shop.types("registered", gordon) == ["event 0"]
