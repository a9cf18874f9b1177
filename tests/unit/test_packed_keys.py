"""The short forms of keys: each is read back, keeps the order, and is no other one's."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hardlink.domain.times import END
from hardlink.storage import packed_keys
from hardlink.storage.packed_keys import (
    pack_end,
    pack_id,
    pack_time,
    unpack_end,
    unpack_id,
    unpack_time,
)

UUIDS = st.uuids().map(str)
_SIX_BITS = "-09AZ_az"
LIKE_PACKED = st.text(st.sampled_from(_SIX_BITS + "~/"), min_size=20, max_size=25)
IDS = st.one_of(
    UUIDS,
    UUIDS.map(str.upper),
    UUIDS.map(lambda uuid: uuid.replace("-", "")),
    LIKE_PACKED,
    st.text(st.characters(exclude_categories=["Cs"])),
)
TIMES = st.integers(0, END + 1)


@given(TIMES)
@example(0)
@example(END)
def test_a_time_is_read_as_it_was_written_in_nine_characters(time: int) -> None:
    assert len(pack_time(time)) == packed_keys.TIME_LENGTH
    assert unpack_time(pack_time(time)) == time


@given(TIMES, TIMES)
def test_packed_times_are_in_the_order_of_times(one: int, other: int) -> None:
    assert (pack_time(one) < pack_time(other)) == (one < other)


@pytest.mark.parametrize("time", [-1, 2**54])
def test_a_time_that_has_no_nine_characters_is_refused(time: int) -> None:
    with pytest.raises(OverflowError):
        pack_time(time)


@given(IDS)
@example("")
@example("~")
@example("~" + "-" * 22)
def test_an_id_is_read_as_it_was_written(id_: str) -> None:
    assert unpack_id(pack_id(id_)) == id_


@given(IDS, IDS)
def test_no_two_ids_have_one_form(one: str, other: str) -> None:
    assert (pack_id(one) == pack_id(other)) == (one == other)


@given(st.uuids(), st.uuids())
def test_packed_uuids_are_in_the_order_of_uuids(one: UUID, other: UUID) -> None:
    assert (pack_id(str(one)) < pack_id(str(other))) == (str(one) < str(other))


def test_a_uuid_takes_23_characters_and_another_id_stays_readable() -> None:
    assert len(pack_id("2fbf0b63-3a4c-4e1c-8f0b-0a8a8c9a2f11")) == 23
    assert pack_id("order=7") == "/order=7"
    assert pack_id("2FBF0B63-3A4C-4E1C-8F0B-0A8A8C9A2F11")[0] == "/"


STARTS = st.sampled_from(["", "shop/", "shop/profile=", "shop/~/", "~"])


@given(STARTS, IDS)
@example("", "~")
@example("", "~" + "-" * 22)
@example("", "~" + "-" * 22 + "~")
def test_an_end_is_read_as_it_was_written(start: str, id_: str) -> None:
    assert unpack_end(pack_end(start + id_)) == start + id_


@given(STARTS, IDS, STARTS, IDS)
def test_no_two_texts_have_one_packed_end(
    start: str, id_: str, other_start: str, other_id: str
) -> None:
    one, other = start + id_, other_start + other_id
    assert (pack_end(one) == pack_end(other)) == (one == other)


def test_a_text_without_a_uuid_at_its_end_stays_as_it_is() -> None:
    for text in ("shop/s1", "shop/registered=gordon", "shop/~t", "~a/b", ""):
        assert pack_end(text) == text
        assert unpack_end(text) == text
