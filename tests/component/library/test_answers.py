"""What the store makes of answers that no engine here ever gives: conflicts, throttling, lost connections."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from hardlink.domain.errors import Busy
from hardlink.domain.records import Item, Key
from hardlink.storage.dynamodb import Tables
from hardlink.storage.store import (
    Absent,
    Action,
    Check,
    ConditionFailed,
    Delete,
    Patch,
    Present,
    Put,
    Rev,
)

pytestmark = pytest.mark.memory


A, B, C = (Key("sessions", "shop/s1", name) for name in "abc")
Answer = Exception | dict[str, Any]


class Script:
    """A client that gives these answers, one a request, and then the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        def answer(**request: Any) -> dict[str, Any]:
            self.requests.append((operation, request))
            given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(given, Exception):
                raise given
            return given

        return answer

    @property
    def store(self) -> Tables:
        return Tables(self, {"sessions": "sessions", "customers": "customers"})


def refusal(code: str, *reasons: str) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "as it is"}}
    if reasons:
        answer["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return ClientError(answer, "Operation")


def cancelled(*reasons: str) -> ClientError:
    return refusal("TransactionCanceledException", *reasons)


def raw(key: Key, **values: str) -> dict[str, Any]:
    return {
        "session": {"S": key.partition},
        "item": {"S": key.item},
        **{name: {"S": value} for name, value in values.items()},
    }


TWO: list[Action] = [Put(A, {}), Check(B, Rev(1))]
THROTTLED = (
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "InternalServerError",
    "ServiceUnavailable",
)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits here; how long one would have waited."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def test_a_transaction_that_met_another_one_is_tried_again_after_a_random_pause(
    pauses: list[float],
) -> None:
    script = Script(
        cancelled("None", "TransactionConflict"),
        cancelled("TransactionConflict", "TransactionConflict"),
        cancelled("TransactionConflict", "None"),
        {},
    )
    script.store.write(TWO)
    assert len(script.requests) == 4
    assert len(pauses) == len(set(pauses)) == 3


def test_a_transaction_is_sent_again_as_it_was() -> None:
    script = Script(cancelled("TransactionConflict", "None"), {})
    script.store.write(TWO)
    assert script.requests[0] == script.requests[1]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_whoever_on_the_way_says_that_a_server_failed_is_asked_again(
    status: int,
) -> None:
    """Whatever words it has: a proxy's page is no JSON, and its code is the status."""
    told: Any = {
        "Error": {"Code": str(status), "Message": "<html>"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    script = Script(ClientError(told, "Operation"), {"Item": raw(A)})
    assert script.store.get([A]) == [{}]
    with pytest.raises(Busy):
        Script(ClientError(told, "Operation")).store.get([A])


def test_a_failed_condition_counts_even_where_something_else_conflicted(
    pauses: list[float],
) -> None:
    for reasons in (
        ("TransactionConflict", "ConditionalCheckFailed"),
        ("ConditionalCheckFailed", "ThrottlingError"),
        ("None", "ConditionalCheckFailed"),
    ):
        script = Script(cancelled(*reasons))
        with pytest.raises(ConditionFailed):
            script.store.write(TWO)
        assert len(script.requests) == 1
    assert pauses == []


@pytest.mark.parametrize(
    "action", [Put(A, {}), Patch(A, {"n": 1}, Present()), Delete(A)]
)
def test_a_single_write_that_met_a_transaction_is_tried_again(
    action: Put | Patch | Delete,
) -> None:
    script = Script(refusal("TransactionConflictException"), {})
    script.store.write([action])
    assert len(script.requests) == 2


def test_a_single_write_whose_condition_fails_is_told_so() -> None:
    script = Script(refusal("ConditionalCheckFailedException"))
    with pytest.raises(ConditionFailed):
        script.store.write([Put(A, {}, Absent())])
    assert len(script.requests) == 1


@pytest.mark.parametrize("code", THROTTLED)
def test_throttling_ends_in_busy_after_so_many_tries(
    code: str, pauses: list[float]
) -> None:
    calls: list[Callable[[Tables], object]] = [
        lambda store: store.get([A]),
        lambda store: store.get([A, B]),
        lambda store: list(store.scan("sessions", "shop/s1", "a", "b")),
        lambda store: store.write([Put(A, {})]),
        lambda store: store.write(TWO),
        lambda store: store.insert([(A, {})]),
        lambda store: store.insert([(A, {}), (B, {})]),
    ]
    for call in calls:
        script = Script(refusal(code))
        with pytest.raises(Busy):
            call(script.store)
        assert 2 <= len(script.requests) <= 10
    assert max(pauses) <= 0.4


def test_a_throttled_transaction_is_tried_again() -> None:
    for error in (
        cancelled("ThrottlingError", "None"),
        cancelled("ProvisionedThroughputExceeded", "TransactionConflict"),
        refusal("TransactionInProgressException"),
    ):
        script = Script(error, {})
        script.store.write(TWO)
        assert len(script.requests) == 2


def test_a_transaction_that_is_wrong_is_not_tried_again() -> None:
    for error in (
        cancelled("ValidationError", "None"),
        cancelled("ItemCollectionSizeLimitExceeded", "TransactionConflict"),
    ):
        script = Script(error)
        with pytest.raises(ClientError):
            script.store.write(TWO)
        assert len(script.requests) == 1


def test_what_was_not_read_is_read_again_and_only_that(pauses: list[float]) -> None:
    unread = {"sessions": {"Keys": [{"session": {"S": "shop/s1"}, "item": {"S": "b"}}]}}
    script = Script(
        {
            "Responses": {"sessions": [raw(C, n="3"), raw(A, n="1")]},
            "UnprocessedKeys": unread,
        },
        {"Responses": {}, "UnprocessedKeys": unread},
        {"Responses": {"sessions": [raw(B, n="2")]}, "UnprocessedKeys": {}},
    )
    assert script.store.get([A, B, C]) == [{"n": "1"}, {"n": "2"}, {"n": "3"}]
    assert [request["RequestItems"] for _, request in script.requests[1:]] == [
        unread,
        unread,
    ]
    assert len(pauses) == 2


def test_what_is_never_read_ends_in_busy() -> None:
    unread = {"sessions": {"Keys": [{"session": {"S": "shop/s1"}, "item": {"S": "b"}}]}}
    script = Script({"Responses": {}, "UnprocessedKeys": unread})
    with pytest.raises(Busy):
        script.store.get([A, B])
    assert len(script.requests) <= 10


def test_every_batch_of_keys_is_read_consistently() -> None:
    script = Script({"Responses": {}, "UnprocessedKeys": {}})
    script.store.get([A, Key("customers", "shop/x", "#")])
    asked = script.requests[0][1]["RequestItems"]
    assert [of["ConsistentRead"] for of in asked.values()] == [True, True]


def test_a_page_without_items_is_no_end() -> None:
    script = Script(
        {
            "Items": [],
            "LastEvaluatedKey": {"session": {"S": "shop/s1"}, "item": {"S": "a"}},
        },
        {"Items": [raw(B)]},
    )
    assert list(script.store.scan("sessions", "shop/s1", "a", "z")) == [(B, {})]


def responses(*codes: str | None) -> dict[str, Any]:
    return {"Responses": [{"Error": {"Code": code}} if code else {} for code in codes]}


def statements(request: dict[str, Any]) -> list[str]:
    return [one["Parameters"][1]["S"] for one in request["Statements"]]


def test_only_the_inserts_that_were_throttled_are_sent_again() -> None:
    script = Script(
        responses("ThrottlingError", None, "DuplicateItem", "TransactionConflict"),
        responses("ProvisionedThroughputExceeded", "DuplicateItem"),
        responses(None),
    )
    items: list[tuple[Key, Item]] = [(A._replace(item=name), {}) for name in "abcd"]
    assert script.store.insert(items) == [True, True, False, False]
    assert [statements(request) for _, request in script.requests] == [
        ["a", "b", "c", "d"],
        ["a", "d"],
        ["a"],
    ]


def test_an_insert_that_is_always_throttled_ends_in_busy() -> None:
    script = Script(responses(None, "ThrottlingError"), responses("ThrottlingError"))
    with pytest.raises(Busy):
        script.store.insert([(A, {}), (B, {})])
    assert len(script.requests) <= 10


def test_an_insert_that_is_wrong_is_no_verdict_but_an_error() -> None:
    script = Script(responses(None, "ValidationError"))
    with pytest.raises(RuntimeError, match="ValidationError"):
        script.store.insert([(A, {}), (B, {})])


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="it"),
        ConnectTimeoutError(endpoint_url="it"),
        ReadTimeoutError(endpoint_url="it"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_connection_that_is_lost_for_good_ends_in_busy(error: Exception) -> None:
    script = Script(error)
    with pytest.raises(Busy):
        script.store.get([A])
    assert 2 <= len(script.requests) <= 10


def test_a_connection_that_is_lost_once_is_made_again() -> None:
    script = Script(ReadTimeoutError(endpoint_url="it"), {"Item": raw(A, n="1")})
    assert script.store.get([A]) == [{"n": "1"}]


def test_an_error_that_nobody_knows_is_raised_as_it_is() -> None:
    for code in (
        "ResourceNotFoundException",
        "AccessDeniedException",
        "ValidationException",
    ):
        script = Script(refusal(code))
        with pytest.raises(ClientError, match=code):
            script.store.write([Put(A, {})])
        assert len(script.requests) == 1
