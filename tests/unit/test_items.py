"""What is written is what is read, and keys sort as they must."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardlink.domain.graph import Entry, Node, State, profile_node
from hardlink.domain.records import (
    Clock,
    Contribution,
    Key,
    MergeNotice,
    Record,
    Session,
    SessionRow,
)
from hardlink.domain.values import Value
from hardlink.storage import items, keys

A, X, P = Node("registered", "a=b/c"), Node("email", "x@y"), profile_node("p")


def test_a_session_comes_back() -> None:
    for session in (
        Session("s/1", P, "web", 1, 3, 2),
        Session(
            "s/1",
            P,
            "web",
            1,
            3,
            2,
            offset=-5,
            denied=True,
            earliest=1,
            clock=Clock(-5, (7, 3), ((2, 1), (0, 4))),
        ),
    ):
        key = keys.session_head("shop", session.id)
        assert items.decode_session(key, items.encode_session(session)) == session


def test_a_sessions_copy_of_its_customer_comes_back() -> None:
    assert items.decode_session_customer(items.encode_session_customer(A)) == A
    assert items.decode_session_customer(None) is None


@pytest.mark.parametrize(
    "record",
    [
        Record(State(rev=1), 5),
        Record(
            State(
                4,
                known=True,
                owner=A,
                link=X,
                effective_at=7,
                links=2,
                soft_links=1,
                ids={"l": "1"},
                counts={"e": 3},
                day=20_000,
                links_that_day=2,
            ),
            5,
            {
                ("traits", "t"): Value(3, "1"),
                ("consents", "c"): Value(4, "", spilled=True),
            },
            denied=True,
        ),
    ],
)
def test_a_node_comes_back(record: Record) -> None:
    assert items.decode_record(items.encode_record(record)) == record


def test_an_absent_node_is_one_nobody_mentioned() -> None:
    assert items.decode_record(None) == Record()


@pytest.mark.parametrize(
    "entry",
    [
        Entry(
            12,
            "split",
            "e",
            5,
            4,
            "web",
            (P, X),
            link=A,
            starts_span=True,
            owner=A,
            undone=9,
        ),
        Entry(1, "own", "e", 5, 4, "web", (X,), owner=A),
    ],
)
def test_a_history_entry_comes_back(entry: Entry) -> None:
    key = keys.link_entry("shop", P, entry.rev)
    assert items.decode_entry(key, items.encode_entry(entry)) == entry


def test_rows_under_a_root_come_back() -> None:
    row = SessionRow("s/1", P, 1, 3, 2)
    key = keys.root_session("shop", A, row.session)
    assert items.decode_session_row(key, items.encode_session_row(row)) == row
    given = Contribution(
        P,
        ((0, 5), (9, 12)),
        {("attributes", "a"): Value(1, "2")},
        (X,),
        MergeNotice(3, 4, "web"),
    )
    key = keys.node_contribution("shop", A, P)
    without_values = given._replace(values={})
    assert (
        items.decode_contribution(key, items.encode_contribution(given))
        == without_values
    )
    key = keys.contributed_values("shop", A, P)
    item = items.encode_contributed_values(given.values)
    assert items.decode_contributed_values(key, item) == (P, given.values)


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_node_is_what_its_text_says_whatever_its_value(
    space_free: str, value: str
) -> None:
    node = Node("type", space_free + value)
    assert Node.parse(str(node)) == node
    partition = keys.node_head("shop", node).partition
    assert keys.split_partition(partition) == ("shop", str(node))


@given(st.text(min_size=1))
def test_every_key_of_a_kind_lies_before_its_end_and_no_other_does(id_: str) -> None:
    key = keys.root_session("shop", A, id_).item.encode(errors="surrogatepass")
    assert b"s/" < key < keys.end_of_prefix("s/").encode()
    assert keys.spilled_value("shop", A, ("traits", "t")).item > keys.end_of_prefix(
        "s/"
    )


@given(st.integers(0, 10**16 - 2), st.integers(0, 10**16 - 2), st.text(), st.text())
def test_events_sort_by_time(one: int, other: int, id_: str, other_id: str) -> None:
    first = keys.session_event("shop", "s", min(one, other), id_).item
    second = keys.session_event("shop", "s", max(one, other) + 1, other_id).item
    assert first.encode(errors="surrogatepass") < second.encode(errors="surrogatepass")


def test_the_pieces_of_an_event_lie_outside_what_a_timeline_reads() -> None:
    event = keys.session_event("shop", "s", 5, "id")
    assert event.item.startswith("e/")
    piece = keys.event_piece(event, "digest", 3)
    assert piece == Key("events", "shop/s", "x/--------4/id/digest/003")
