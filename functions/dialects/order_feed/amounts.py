"""Amounts that a file writes as text: its decimal sign is learned from all of them. Pure.

`1.250` is 1250 in one half of the world and 1.25 in the other. One amount cannot tell, but the
others of the file can: in `99,90` only the comma can be the decimal sign.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from hardlink.domain.errors import Invalid
from hardlink.domain.json_types import as_object

_OTHER_SIGN = {".": ",", ",": "."}
_AMOUNT = re.compile(r"(?P<sign>[+-]?)(?P<number>\d[\d.,]*)")
_AROUND = re.compile(r"^(?:[^\d+\-.,]|\.(?=\D))+|[^\d]+$")
"""A currency before or behind an amount, as a sign or letters (`12,50 €`, `EUR 12.50`, `Fr. 5`)."""
_GROUP_MARKS = re.compile("(?<=\\d)[ \u00a0\u202f'\u2019](?=\\d{3}(?!\\d))")
"""Marks between thousands that are never decimal signs: spaces, and Switzerland's apostrophe."""
_NO_SIGN = re.compile(r"[^.,]+")
_THOUSANDS = 3
_MAY_BE_THOUSANDS = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
"""An amount with one mark that stands as well between thousands as before three decimals."""
LINE_AMOUNTS = ("quantity", "lineTotal")
"""What a line of an order has."""


class AmountFormat(NamedTuple):
    """The form in which a file writes amounts.

    `decimal`: its decimal sign, `None` where no amount shows it; `is_mixed`: both signs are shown.
    """

    decimal: str | None = None
    is_mixed: bool = False


UNKNOWN = AmountFormat()
"""Of a file that shows no decimal sign."""


class Amount(NamedTuple):
    """An amount. `doubt`: how it was read, where the file does not tell how it is meant."""

    value: float
    doubt: str | None = None


class _Digits(NamedTuple):
    """An amount without currency and marks: `number` has digits, points and commas."""

    sign: str
    number: str

    @property
    def separators(self) -> str:
        """Its points and commas, in their order."""
        return _NO_SIGN.sub("", self.number)


def amount_texts(order: Mapping[str, Any]) -> Iterable[str]:
    """List the amounts of an order that are text: its total, and what its lines have.

    `order`: as it was read, not validated yet. Numbers of JSON need no decimal sign.
    """
    yield from _named_texts(order, ("total",))
    products = order.get("products")
    if not isinstance(products, list):
        return  # the schema says what is wrong with it, where the row is read
    for line in products:
        yield from _named_texts(as_object(line), LINE_AMOUNTS)


class FormatLearner:
    """Counts which amounts of a file show its decimal sign."""

    def __init__(self) -> None:
        self._shown: Counter[str] = Counter()

    def add_amounts(self, texts: Iterable[str]) -> None:
        """Learn from some amounts of the file."""
        for text in texts:
            digits = _strip(text)
            sign = digits and _shown_sign(digits)
            if sign:
                self._shown[sign] += 1

    @property
    def format(self) -> AmountFormat:
        """The form that was learned so far: the sign that is shown most often.

        `UNKNOWN` as long as no amount has shown one.
        """
        if not self._shown:
            return UNKNOWN
        (sign, _), *others = self._shown.most_common()
        return AmountFormat(sign, is_mixed=bool(others))


def parse_amount(text: str, file_format: AmountFormat, field: str) -> Amount:
    """Parse an amount, with or without its currency. Raises `Invalid` naming `field`.

    | amount | is read |
    |---|---|
    | it shows its sign (`1.234,56`, `99,90`, `1.234.567`) | by itself |
    | it does not (`1.250`), and the file has one sign | by that |
    | it does not, and the file shows none or both | as thousands, in doubt |
    """
    digits = _strip(text)
    if digits is None:
        return Amount(_parse_plain(text, field))
    if not digits.separators:
        return Amount(_to_number(digits, ".", field))
    decimal = _shown_sign(digits) or _sign_of_file(file_format)
    if decimal:
        return Amount(_to_number(digits, decimal, field))
    # Prices of three decimals are rarer than prices of a thousand and more.
    value = _to_number(digits, _other(digits.separators[0]), field)
    return Amount(value, f"{field}: {_describe_doubt(text, value, file_format)}")


def _describe_doubt(text: str, value: float, file_format: AmountFormat) -> str:
    """Say how an amount was read that can be read in two ways, and why the file did not help.

    `value`: the amount as it was read, which whoever reads the warning can compare.
    """
    shown_signs = "no decimal sign"
    if file_format.is_mixed:
        shown_signs = "both decimal signs"
    read_as = f"{text.strip()[:64]!r} was read as {value:g}"
    return f"{read_as}: the file shows {shown_signs}"


def _named_texts(values: Mapping[str, Any], names: Iterable[str]) -> Iterator[str]:
    """List the values with these names that are text. `values`: of an order or of its line."""
    for name in names:
        value = values.get(name)
        if isinstance(value, str):
            yield value


def _sign_of_file(file_format: AmountFormat) -> str | None:
    """Find the decimal sign that decides about an amount that does not show its own.

    `None` if the file shows none or both.
    """
    if file_format.is_mixed:
        return None
    return file_format.decimal


def _strip(text: str) -> _Digits | None:
    """Find the digits of an amount, without its currency and the marks between thousands.

    Returns `None` for a text that people do not write amounts in, such as `1e3`.
    """
    bare = _GROUP_MARKS.sub("", _AROUND.sub("", text.strip()))
    match = _AMOUNT.fullmatch(bare)
    if match is None:
        return None
    return _Digits(match["sign"], match["number"])


def _shown_sign(digits: _Digits) -> str | None:
    """Find the decimal sign that an amount shows, `None` if it can be read in two ways.

    | amount | sign |
    |---|---|
    | `1.234,56` | the last of its two signs |
    | `1.234.567` | the other one: a decimal sign stands once |
    | `99,90`, `0.500`, `1234,567` | its own: thousands are not grouped so |
    | `1.250` | `None` |
    """
    separators = digits.separators
    if not separators:
        return None
    last = separators[-1]
    if len(set(separators)) > 1:
        return last
    if len(separators) > 1:
        return _other(last)  # several marks of one kind stand between thousands
    if _MAY_BE_THOUSANDS.fullmatch(digits.number):
        return None
    return last


def _to_number(digits: _Digits, decimal: str, field: str) -> float:
    """Read the digits with this decimal sign.

    Raises `Invalid` naming `field` for other groups than thousands, such as `12.34,5`.
    """
    whole, _, rest = digits.number.partition(decimal)
    first, *groups = whole.split(_other(decimal))
    for group in groups:
        if len(group) != _THOUSANDS:
            raise Invalid("must be a number", field)
    # without a digit in front, or with a second decimal sign, it is no number for Python either
    return _parse_plain(f"{digits.sign}{first}{''.join(groups)}.{rest}", field)


def _parse_plain(text: str, field: str) -> float:
    """Parse a number as Python writes it, which may be what no person writes (`1e3`).

    Raises `Invalid` naming `field`.
    """
    try:
        return float(text)
    except ValueError as error:
        raise Invalid("must be a number", field) from error


def _other(sign: str) -> str:
    """The other one of the two decimal signs: it stands between thousands where `sign` does not."""
    return _OTHER_SIGN[sign]
