"""Amounts that a file writes as text: its decimal sign is learned from all of them. Pure.

`1.250` is 1250 in one half of the world and 1.25 in the other. One amount cannot tell, but the
others of the file can: in `99,90` only the comma can be the decimal sign.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from hardlink.domain.errors import Invalid

SIGNS = (".", ",")
_AMOUNT = re.compile(r"(?P<sign>[+-]?)(?P<number>\d[\d.,]*)")
_AROUND = re.compile(r"^(?:[^\d+\-.,]|\.(?=\D))+|[^\d]+$")
"""Currencies, in signs or letters, before and behind an amount (`12,50 €`, `EUR 12.50`, `Fr. 5`)."""
_GROUP_MARKS = re.compile("(?<=\\d)[ \u00a0\u202f'\u2019](?=\\d{3}(?!\\d))")
"""Marks between thousands that are never decimal signs: spaces, and Switzerland's apostrophe."""
_THOUSANDS = 3
LINE_AMOUNTS = ("quantity", "lineTotal")
"""What a line of an order has."""


class AmountFormat(NamedTuple):
    """How a file writes amounts.

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
        return "".join(character for character in self.number if character in SIGNS)


def amount_texts(order: Mapping[str, Any]) -> Iterable[str]:
    """The amounts of an order that are text: its total, and what its lines have."""
    products = order.get("products")
    lines = products if isinstance(products, list) else []
    values = [order.get("total")]
    for line in lines:
        if isinstance(line, Mapping):
            values += [line.get(name) for name in LINE_AMOUNTS]
    for value in values:
        if isinstance(value, str):
            yield value


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
        """What was learned so far: the sign that is shown most often."""
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
    | it does not, and the file shows none or both | as thousands, in doubt; prices of three decimals are rare |
    """
    digits = _strip(text)
    if digits is None:
        return Amount(_parse_plain(text, field))
    shown = _shown_sign(digits)
    if shown or not digits.separators:
        return Amount(_to_number(digits, shown or ".", field))
    mark = digits.separators[0]
    if file_format.decimal and not file_format.is_mixed:
        return Amount(_to_number(digits, file_format.decimal, field))
    value = _to_number(digits, _other(mark), field)
    reason = "both decimal signs" if file_format.is_mixed else "no decimal sign"
    doubt = f"{text.strip()[:64]!r} was read as {value:g}: the file shows {reason}"
    return Amount(value, f"{field}: {doubt}")


def _strip(text: str) -> _Digits | None:
    """The digits of an amount, `None` if it is not written as one."""
    bare = _GROUP_MARKS.sub("", _AROUND.sub("", text.strip()))
    match = _AMOUNT.fullmatch(bare)
    return _Digits(match["sign"], match["number"]) if match else None


def _shown_sign(digits: _Digits) -> str | None:
    """The decimal sign that an amount shows, `None` if it can be read in two ways."""
    separators = digits.separators
    if not separators:
        return None
    last = separators[-1]
    if len(set(separators)) > 1:
        return last
    if len(separators) > 1:
        return _other(last)  # several marks of one kind stand between thousands
    whole, _, rest = digits.number.partition(last)
    is_group = len(rest) == _THOUSANDS and len(whole) <= _THOUSANDS
    return None if is_group and not whole.startswith("0") else last


def _to_number(digits: _Digits, decimal: str, field: str) -> float:
    """Read the digits with this decimal sign. Raises `Invalid` for groups that are not thousands."""
    whole, _, rest = digits.number.partition(decimal)
    first, *groups = whole.split(_other(decimal))
    is_grouped = all(len(group) == _THOUSANDS for group in groups)
    if not (first and is_grouped) or not (rest.isdigit() or not rest):
        raise Invalid("must be a number", field)
    return float(f"{digits.sign}{first}{''.join(groups)}.{rest or 0}")


def _parse_plain(text: str, field: str) -> float:
    """Parse what programs write and people do not (`1e3`)."""
    try:
        return float(text)
    except ValueError as error:
        raise Invalid("must be a number", field) from error


def _other(sign: str) -> str:
    return "," if sign == "." else "."
