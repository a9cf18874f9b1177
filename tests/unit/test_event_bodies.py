"""Bodies of events as they are stored: compressed where that saves, readable in every form."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardlink.domain.errors import Busy
from hardlink.storage import event_bodies
from hardlink.storage.event_bodies import compress_body, expand_body

TYPICAL = (
    '{"properties":{"pageTitle":"My Page","price":34.43,"currency":"EUR","tags":["a","b"]},'
    '"context":{}}'
)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_body_is_read_as_it_was_written(text: str) -> None:
    stored = compress_body(text)
    assert expand_body(stored) == text
    assert len(stored if isinstance(stored, bytes) else stored.encode()) <= len(
        text.encode()
    )


def test_a_body_that_no_compression_makes_shorter_stays_a_text() -> None:
    assert compress_body("{}") == "{}"


def test_a_row_without_compression_stays_readable() -> None:
    assert expand_body(TYPICAL) == TYPICAL


def test_a_typical_body_takes_less_than_half() -> None:
    assert len(compress_body(TYPICAL)) < len(TYPICAL) / 2


def test_two_bodies_do_not_depend_on_each_other() -> None:
    first = compress_body(TYPICAL)
    compress_body('{"properties":{"anything":"else"},"context":{}}')
    assert compress_body(TYPICAL) == first


def test_a_dictionary_is_never_changed() -> None:
    """Rows are read with it for years: a better one gets the next number."""
    found = {
        number: hashlib.sha256(dictionary).hexdigest()[:16]
        for number, dictionary in event_bodies._DICTIONARIES.items()
    }
    assert found == {1: "6b8fdef421eb8357"}


def test_a_dictionary_of_a_newer_version_is_refused_and_nothing_is_lost() -> None:
    newer = bytes([event_bodies.NEWEST + 1]) + b"\x00"
    with pytest.raises(Busy, match="deploy that version"):
        expand_body(newer)
