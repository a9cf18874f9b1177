"""Amounts of an order feed: how a file's decimal sign is learned, a row a sentence."""

from __future__ import annotations

import pytest

from dialects.order_feed.amounts import (
    AmountFormat,
    FormatLearner,
    amount_texts,
    parse_amount,
)
from hardlink.domain.errors import Invalid

COMMA, POINT = AmountFormat(","), AmountFormat(".")
UNKNOWN, MIXED = AmountFormat(), AmountFormat(".", is_mixed=True)


def learned(*texts: str) -> AmountFormat:
    learner = FormatLearner()
    learner.add_amounts(texts)
    return learner.format


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param([], UNKNOWN, id="of nothing"),
        pytest.param(["5", "1250"], UNKNOWN, id="whole numbers show none"),
        pytest.param(["1.250"], UNKNOWN, id="nor does what may be thousands"),
        pytest.param(["1.250", "99,90"], COMMA, id="two digits behind it"),
        pytest.param(["1,250", "99.90"], POINT, id="of the other kind"),
        pytest.param(["1.234,56"], COMMA, id="the last one of two kinds"),
        pytest.param(["1,234.567"], POINT, id="whatever follows"),
        pytest.param(["1.234.567"], COMMA, id="a mark that is repeated is none"),
        pytest.param(["0.125"], POINT, id="no thousands begin with a zero"),
        pytest.param(["1234,567"], COMMA, id="nor have they four digits"),
        pytest.param(["12,5 €", "1.0000"], AmountFormat(",", is_mixed=True), id="both"),
        pytest.param(["EUR 12,50", "abc", ""], COMMA, id="beside what is no amount"),
    ],
)
def test_o2_a_file_shows_its_decimal_sign(
    texts: list[str], expected: AmountFormat
) -> None:
    assert learned(*texts) == expected


@pytest.mark.parametrize(
    ("text", "file_format", "value"),
    [
        ("99,90", UNKNOWN, 99.9),
        ("1.250", COMMA, 1250),
        ("1.250", POINT, 1.25),
        ("1,250", POINT, 1250),
        ("1.234,56", UNKNOWN, 1234.56),
        ("1,234.56", COMMA, 1234.56),
        ("12,50 €", UNKNOWN, 12.5),
        ("€12.50", COMMA, 12.5),
        ("kr. 12,50", UNKNOWN, 12.5),
        ("-5,00", UNKNOWN, -5),
        ("+5", UNKNOWN, 5),
        ("1'234.50 CHF", COMMA, 1234.5),
        ("1 234,50", UNKNOWN, 1234.5),
        ("1\u202f234\u00a0567,5", UNKNOWN, 1234567.5),
        ("1.234.567", UNKNOWN, 1234567),
        (" 7 ", UNKNOWN, 7),
        ("1e3", UNKNOWN, 1000),
    ],
)
def test_o2_amounts_are_read_as_they_are_meant(
    text: str, file_format: AmountFormat, value: float
) -> None:
    amount = parse_amount(text, file_format, "total")
    assert amount == (value, None)


@pytest.mark.parametrize(
    ("file_format", "shows"),
    [
        pytest.param(UNKNOWN, "no decimal sign", id="of a file that shows none"),
        pytest.param(MIXED, "both decimal signs", id="of one that shows both"),
    ],
)
def test_o2_what_stays_ambiguous_is_doubted(
    file_format: AmountFormat, shows: str
) -> None:
    amount = parse_amount(" 1.250 ", file_format, "total")
    assert amount.value == 1250
    assert amount.doubt == f"total: '1.250' was read as 1250: the file shows {shows}"


@pytest.mark.parametrize(
    "text", ["much", "", "1.23.4", "1,2.345,6", "12,34,5", "5,00-6", "€", ",5,"]
)
def test_o2_what_is_no_amount(text: str) -> None:
    with pytest.raises(Invalid) as raised:
        parse_amount(text, COMMA, "total")
    assert raised.value.field == "total"


def test_o2_all_amounts_of_an_order_count() -> None:
    lines = [{"quantity": "1", "lineTotal": "2,5"}, {"lineTotal": 3}, "odd"]
    texts = amount_texts({"total": "99,90", "products": lines, "email": "1,5"})
    assert list(texts) == ["99,90", "1", "2,5"]
    assert list(amount_texts({"total": 5, "products": "odd"})) == []
