"""Exponea's data calls: their questions and answers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dialects.exponea import data_answers, data_requests
from dialects.exponea.data_answers import Viewed
from hardlink.domain.errors import (
    Busy,
    Forbidden,
    HardlinkError,
    Invalid,
    NotFound,
    TooLarge,
    Unauthorized,
    UnknownSource,
)
from hardlink.domain.graph import Node, State, profile_node
from hardlink.domain.records import Contribution, Record, SessionRow
from hardlink.domain.sources.registry import (
    ComputedSegment,
    ComputedTrait,
    IdentifierType,
    Project,
)
from hardlink.domain.times import SECOND
from hardlink.domain.traits.declaration import Catalogue
from hardlink.queries.customer import Customer

PROJECT = Project(
    {
        "registered": IdentifierType("hard", ("customerId",)),
        "loyalty": IdentifierType("hard"),
        "email": IdentifierType("soft", email=True),
    }
)
NOW = 1_790_000_000 * SECOND
END = 10**16 - 1


def customer(*rows: tuple[str, int]) -> Customer:
    """`gordon`, with a session of a profile of its own for each row: its name, and when its interval ends."""
    return Customer(
        "shop",
        Node("registered", "gordon"),
        Record(State(rev=1, known=True, ids={"registered": "gordon", "loyalty": "l1"})),
        tuple(
            Contribution(profile_node(f"p{name}"), ((0, end),), {})
            for name, end in rows
        ),
        tuple(
            SessionRow(name, profile_node(f"p{name}"), n, n, n)
            for n, (name, _) in enumerate(rows)
        ),
        (Node("email", "b@x.org"), Node("email", "a@x.org")),
    )


def ids_of(found: Customer) -> dict[str, Any]:
    return Viewed(found, {}, PROJECT).ids


def test_hard_ids_are_texts_and_soft_ones_lists_and_cookies_are_sessions_of_now() -> (
    None
):
    rows = (("z", END), ("gone", 5), ("a", END), ("@registered=gordon", END))
    assert ids_of(customer(*rows)) == {
        "registered": "gordon",
        "loyalty": "l1",
        "email": ["a@x.org", "b@x.org"],
        "cookie": ["z", "a"],
    }
    assert "cookie" not in ids_of(customer(("gone", 5)))


@pytest.mark.parametrize(
    ("consent", "valid"),
    [
        pytest.param(None, False, id="never asked"),
        pytest.param({"action": "accept"}, True, id="no end"),
        pytest.param(
            {"action": "accept", "valid_until": "unlimited"}, True, id="unlimited"
        ),
        pytest.param(
            {"action": "accept", "valid_until": NOW / SECOND + 1}, True, id="to come"
        ),
        pytest.param(
            {"action": "accept", "valid_until": NOW // SECOND}, False, id="just over"
        ),
        pytest.param(
            {"action": "accept", "valid_until": 10**11 - 1},
            True,
            id="far in the future",
        ),
        pytest.param(
            {"action": "accept", "valid_until": "1999999999"},
            True,
            id="a text, to come",
        ),
        pytest.param(
            {"action": "accept", "valid_until": "1500000000"}, False, id="a text, over"
        ),
        pytest.param(
            {"action": "accept", "valid_until": "2099-01-01"}, True, id="ISO, to come"
        ),
        pytest.param(
            {"action": "accept", "valid_until": "2019-01-01"}, False, id="ISO, over"
        ),
        pytest.param(
            {"action": "accept", "valid_until": "some day"}, False, id="nobody can tell"
        ),
        pytest.param(
            {"action": "accept", "valid_until": "nan"}, False, id="not a number"
        ),
        pytest.param({"action": "accept", "valid_until": True}, False, id="true"),
        pytest.param({"action": "accept", "valid_until": [1]}, False, id="a list"),
        pytest.param(
            {"action": "reject", "valid_until": "unlimited"}, False, id="rejected"
        ),
        pytest.param({"valid_until": "unlimited"}, False, id="no action"),
        pytest.param("granted", True, id="in a word"),
        pytest.param("denied", False, id="denied in a word"),
        pytest.param(True, False, id="not in our words"),
    ],
)
def test_the_validity_of_a_consent(consent: object, *, valid: bool) -> None:
    values = {
        "attributes": {},
        "consents": {} if consent is None else {"news": consent},
    }
    asked = [{"type": "consent", "category": "news"}]
    viewed = Viewed(customer(), values, PROJECT)
    (found,) = data_answers.answer_attributes(asked, viewed, NOW).body["results"]
    assert found == {"success": True, "value": valid}


@pytest.mark.parametrize(
    ("given", "nodes", "session"),
    [
        ({"registered": "g"}, [Node("registered", "g")], None),
        (
            {"customerId": 5, "email": " A@X.org "},
            [("registered", "5"), ("email", "a@x.org")],
            None,
        ),
        ({"cookie": "c", "registered": ""}, [], "c"),
        ({"cookie": None, "loyalty": "l"}, [Node("loyalty", "l")], None),
    ],
)
def test_the_customer_of_a_call(
    given: dict[str, Any], nodes: list[Node], session: str | None
) -> None:
    assert data_requests.read_visitor({"customer_ids": given}, PROJECT) == (
        nodes,
        session,
    )


def test_columns_are_all_or_the_named_ones_with_identifiers_first() -> None:
    everything = data_requests.read_columns({"format": "native_json"}, PROJECT)
    assert everything == (["registered", "loyalty", "email", "cookie"], None)
    listed = [{"type": "property", "property": "b"}, {"type": "id", "id": "customerid"}]
    some = {"format": "native_json", "attributes": {"type": "some", "list": listed}}
    assert data_requests.read_columns(some, PROJECT) == (["registered"], ["b"])


def test_a_table_has_a_row_for_each_customer_and_a_column_for_every_name() -> None:
    rows = [
        (customer(("c", END)), {"attributes": {"b": 1}}),
        (customer(), {"attributes": {"a": 2}}),
    ]
    fields, found = data_answers.build_table(
        rows, data_requests.Columns(["registered", "cookie"], None), PROJECT
    )
    assert [field.get("id") or field["property"] for field in fields] == [
        "registered",
        "cookie",
        "a",
        "b",
    ]
    assert list(found) == [["gordon", ["c"], None, 1], ["gordon", None, 2, None]]


def test_an_event_in_exponeas_form() -> None:
    shown = {
        "type": "a",
        "time": "2026-11-22T10:00:00.250000Z",
        "properties": {"x": [1]},
        "id": "1",
    }
    expected = {"type": "a", "timestamp": 1795341600.25, "properties": {"x": [1]}}
    assert data_answers.show_event(shown) == expected


ERRORS: list[tuple[HardlinkError, int, dict[str, Any]]] = [
    (UnknownSource("x", "source.id"), 400, {"error": "Invalid project id"}),
    (Unauthorized("x"), 400, {"error": "Could not authenticate", "message": "x"}),
    (Forbidden("x"), 403, {"error": "No permission", "message": "x"}),
    (NotFound("x"), 404, {"errors": {"_global": ["Customer does not exist"]}}),
    (Invalid("x"), 400, {"errors": {"_global": ["x"]}}),
    (Invalid("x", "limit"), 400, {"errors": {"limit": ["x"]}}),
    (Invalid("x", "ids"), 400, {"errors": {"customer_ids": ["x"]}}),
    (TooLarge("x"), 413, {"errors": {"_global": ["x"]}}),
    (Busy("x"), 503, {"errors": {"_global": ["x"]}}),
]


@pytest.mark.parametrize(
    ("error", "status", "said"), ERRORS, ids=lambda v: type(v).__name__ if v else ""
)
def test_an_error_in_exponeas_words(
    error: HardlinkError, status: int, said: dict[str, Any]
) -> None:
    answer = data_answers.answer_error(error)
    assert (answer.status, answer.body["success"]) == (status, False)
    assert {name: answer.body[name] for name in said} == said
    assert answer.body.keys() & {"error", "errors"}


COMPUTED = {
    "traits": {"pages": 7, "brands": ["a"]},
    "segments": {"regular": True, "vip": False},
    "incomplete": {"brands": "more values than the trait has room for"},
}


@pytest.mark.parametrize(
    ("attribute", "result"),
    [
        ({"type": "segmentation", "id": "regular"}, "regular"),
        ({"type": "segmentation", "id": "vip"}, None),
        ({"type": "expression", "id": "pages"}, 7),
        ({"type": "aggregate", "id": "pages"}, 7),
    ],
)
def test_ex25_a_computed_attribute_is_the_projects_own(
    attribute: dict[str, str], result: object
) -> None:
    viewed = Viewed(customer(), {}, PROJECT, COMPUTED)
    (found,) = data_answers.answer_attributes([attribute], viewed, NOW).body["results"]
    assert found == {"success": True, "value": result}


@pytest.mark.parametrize(
    ("attribute", "why"),
    [
        ({"type": "segmentation", "id": "pages"}, "id: no such name: .* segments"),
        ({"type": "expression", "id": "regular"}, "id: no such name: .* traits"),
        ({"type": "expression", "id": "brands"}, "more values than"),
        ({"type": "segmentation"}, "is missing"),
        ({"type": "prediction", "id": "pages"}, "not computed here"),
    ],
)
def test_ex25_one_that_is_not_computed_says_why(
    attribute: dict[str, str], why: str
) -> None:
    viewed = Viewed(customer(), {}, PROJECT, COMPUTED)
    (found,) = data_answers.answer_attributes([attribute], viewed, NOW).body["results"]
    assert found["success"] is False
    assert re.search(why, found["error"])


def test_ex25_only_what_is_named_is_computed() -> None:
    project = Project(
        PROJECT.identifiers,
        traits={"pages": ComputedTrait("count")},
        segments={"regular": ComputedSegment("pages > 3")},
    )
    attributes = [
        {"type": "segmentation", "id": "regular"},
        {"type": "expression", "id": "pages"},
        {"type": "aggregate", "id": "visits"},
        {"type": "segmentation", "id": "pages"},
        {"type": "expression", "id": ["pages"]},
        {"type": "prediction", "id": "regular"},
        "expression",
    ]
    catalogue = Catalogue.of_project(project)
    wanted = data_requests.list_computed(attributes, catalogue)
    assert wanted == (["pages", "visits"], ["regular"])
