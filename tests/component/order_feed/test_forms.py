"""Every form of an order feed, whole and broken: what comes out, and that a large file is never held in memory."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dialects.order_feed.amounts import AmountFormat
from dialects.order_feed.feed_errors import MOST_CHARACTERS
from dialects.order_feed.feed_reader import Row, learn_format, read_rows

ORDER = {
    "orderNumber": "7",
    "date": "2026-11-22 10:00:00",
    "total": "2.5",
    "currency": "EUR",
    "status": "paid",
    "email": "g@x.org",
    "customerId": "gordon",
    "products": [
        {
            "productNumber": "crowbar",
            "url": "https://x.org/1",
            "quantity": "1",
            "lineTotal": "2",
        },
        {"productNumber": "suit", "quantity": "1", "lineTotal": "0.5"},
    ],
}
JSON = json.dumps([ORDER, {**ORDER, "orderNumber": "8"}])
LINES = "\n".join(json.dumps({**ORDER, "orderNumber": n}) for n in ("7", "8"))
CSV = """orderNumber;Date;TOTAL;Currency;status;email;customer_id;Product Number;url;quantity;lineTotal;unknown
7;2026-11-22 10:00:00;2.5;EUR;paid;g@x.org;gordon;crowbar;https://x.org/1;1;2;x
7;;;;;;;suit;;1;0.5;
8;2026-11-22 10:00:00;2.5;EUR;paid;g@x.org;gordon;crowbar;https://x.org/1;1;2;x
8;2026-11-22 10:00:00;2.5;EUR;paid;g@x.org;gordon;suit;;1;0.5;
"""
XML_ORDER = """<order><ordernumber>7</ordernumber><email>g@x.org</email><total>2.5</total>
<currency>EUR</currency><Status>paid</Status>
<date>2026-11-22 10:00:00</date><customerId>gordon</customerId><products>
<product><productNumber>crowbar</productNumber><url>https://x.org/1</url><quantity>1</quantity>
<lineTotal>2</lineTotal></product>
<product><productnumber>suit</productnumber><quantity>1</quantity><lineTotal>0.5</lineTotal></product>
</products><note>x</note></order>"""
XML = f"<orders>{XML_ORDER}{XML_ORDER.replace('>7<', '>8<')}</orders>"


def read(text: str | bytes) -> list[Row]:
    return list(read_rows(io.BytesIO(text.encode() if isinstance(text, str) else text)))


def orders(text: str | bytes) -> list[Any]:
    return [row.order for row in read(text)]


def faults(text: str | bytes) -> list[str | None]:
    return [row.fault for row in read(text)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(JSON, id="json"),
        pytest.param(LINES, id="json lines"),
        pytest.param(CSV, id="csv with semicolons"),
        pytest.param(CSV.replace(";", ","), id="csv with commas"),
        pytest.param(CSV.replace(";", "\t").replace("\n", "\r\n"), id="csv with tabs"),
        pytest.param(f"sep=;\r\n{CSV}", id="o4 csv with excel's own first line"),
        pytest.param(
            "SEP=\t\n" + CSV.replace(";", "\t"), id="o4 which names tabs in capitals"
        ),
        pytest.param(f"\n \n{CSV}", id="o4 csv behind empty lines"),
        pytest.param(
            CSV.replace("\n", ";\n"), id="o4 csv with a separator at each row's end"
        ),
        pytest.param(
            CSV.replace("\n", ";;\n").replace(";;\n", "\n", 1),
            id="o4 or at the end of all but the first",
        ),
        pytest.param(f"\n\n{LINES}\n\n", id="o4 json lines between empty ones"),
        pytest.param(f"\n{XML}", id="o4 xml behind an empty line"),
        pytest.param(XML, id="xml"),
        pytest.param(
            XML.replace("<o", "<s:o").replace("</o", "</s:o"), id="xml with a prefix"
        ),
    ],
)
@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(str.encode, id="plain"),
        pytest.param(lambda text: b"\xef\xbb\xbf" + text.encode(), id="with a BOM"),
        pytest.param(lambda text: gzip.compress(text.encode()), id="gzip"),
    ],
)
def test_every_form_says_the_same(text: str, packed: Callable[[str], bytes]) -> None:
    assert orders(packed(text)) == [ORDER, {**ORDER, "orderNumber": "8"}]


def test_the_older_form_lists_product_numbers_alone() -> None:
    products = "<products><productNumber>1</productNumber><productNumber>2</productNumber></products>"
    (order,) = orders(
        f"<orders><order><orderNumber>7</orderNumber>{products}</order></orders>"
    )
    assert order["products"] == [{"productNumber": "1"}, {"productNumber": "2"}]


def test_xml_says_how_it_is_encoded() -> None:
    text = '<?xml version="1.0" encoding="{}"?><orders><order><email>ø</email></order></orders>'
    for encoding in ("iso-8859-1", "utf-16"):
        assert orders(text.format(encoding).encode(encoding))[0]["email"] == "ø"


@pytest.mark.parametrize("text", ["[]", "<orders/>", "orderNumber,date\n", " [ ] \n"])
def test_a_feed_may_be_empty(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize(
    ("text", "before", "fault"),
    [
        pytest.param("", 0, "no column orderNumber", id="nothing at all"),
        pytest.param(
            "a,b\n1,2\n", 0, "no column orderNumber", id="a csv of something else"
        ),
        pytest.param(
            '[{"orderNumber": "7"}, {"order', 1, "broken", id="json that ends"
        ),
        pytest.param(
            '[{"orderNumber": "7"}', 1, "ends too early", id="json without its end"
        ),
        pytest.param(
            '[{"orderNumber": "7"} {"a": 1}]', 1, "comma", id="json without a comma"
        ),
        pytest.param(
            '[{"a": 1}, oops, {"a": 1}]', 1, "broken", id="json broken in the middle"
        ),
        pytest.param('[{"a": 1}] []', 1, "something follows", id="json with a tail"),
        pytest.param("[" + "[" * 200_000, 0, "too deeply", id="json nested deeply"),
        pytest.param(
            "[1" + "0" * 2 * MOST_CHARACTERS,
            1,
            "ends too early",
            id="an endless number",
        ),
        pytest.param(
            '["' + "x" * 3 * MOST_CHARACTERS, 0, "too long", id="an endless text"
        ),
        pytest.param(XML[:-30], 1, "XML is broken", id="xml that ends"),
        pytest.param(
            "<orders><order></x></order></orders>", 0, "mismatched", id="broken xml"
        ),
        pytest.param(b"orderNumber\n7\n\xff\n", 0, "UTF-8", id="not utf-8"),
        pytest.param(
            gzip.compress(JSON.encode())[:-20], 0, "gzip", id="gzip that ends"
        ),
        pytest.param(b"\x1f\x8b nothing", 0, "gzip", id="no gzip"),
        pytest.param(
            "orderNumber\n" + "x" * 2 * MOST_CHARACTERS,
            0,
            "characters",
            id="a long row",
        ),
        pytest.param(
            "orderNumber\n" + "7\n" * 5001, 0, "5000 rows", id="an endless order"
        ),
        pytest.param(
            "<orders><order>" + "<a>" * 20, 0, "deeper than 16", id="deep xml"
        ),
        pytest.param(
            "<orders><order>" + "<a/>" * MOST_CHARACTERS,
            0,
            "characters",
            id="an endless order of xml",
        ),
        pytest.param(
            '<orders a="' + "x" * 3 * MOST_CHARACTERS,
            0,
            "more than",
            id="an endless tag",
        ),
    ],
)
def test_behind_what_is_broken_nothing_is_read(
    text: str | bytes, before: int, fault: str
) -> None:
    *good, last = read(text)
    assert len(good) == before
    assert fault in str(last.fault)
    assert (last.number, last.goes_on) == (before + 1, False)


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE o [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><orders><order>&b;</order></orders>',
        '<!DOCTYPE o [<!ENTITY a SYSTEM "file:///etc/hostname">]><orders><order>&a;</order></orders>',
        '<!DOCTYPE o SYSTEM "http://127.0.0.1:9/x.dtd"><orders/>',
    ],
)
def test_no_document_type_is_taken(declared: str) -> None:
    assert "document type" in str(faults(declared)[0])


def test_a_bad_row_loses_no_other() -> None:
    text = 'orderNumber,email\n1,a\n2,b,c\n3,"x"y\n4,d\n'
    assert [
        (row.number, (row.order or {}).get("orderNumber")) for row in read(text)
    ] == [
        (1, "1"),
        (2, None),
        (3, None),
        (4, "4"),
    ]
    assert "line 3 has 3 columns" in str(read(text)[1].fault)
    assert "line 4 is not valid CSV" in str(read(text)[2].fault)
    assert faults('[1, {"a": 1}, "x", null]') == [
        "an order must be an object",
        None,
        *["an order must be an object"] * 2,
    ]
    assert faults("<orders><x/><order/></orders>") == ["<x> is not an order", None]


@pytest.mark.parametrize(
    "broken",
    [
        '{"orderNumber": "2", oops}',
        '{"orderNumber": "2"',
        "oops",
        '{"orderNumber": "2}',
        "[" * 100_000,
    ],
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_o4_a_broken_line_of_json_lines_is_rejected_alone(broken: str, at: int) -> None:
    lines = ['{"orderNumber": "1"}', '{"orderNumber": "3"}', '{"orderNumber": "4"}']
    lines.insert(at, broken)
    if not lines[0].startswith("{"):
        lines[0] = "{" + lines[0]  # the first character tells in which form a file is
    rows = read("\n".join(lines))
    assert [row.number for row in rows if row.fault] == [at + 1]
    assert "the line is not valid JSON" in str(rows[at].fault)
    assert [row.order for row in rows if row.order] == [
        {"orderNumber": number} for number in ("1", "3", "4")
    ]
    assert all(row.goes_on for row in rows)


def test_o4_a_last_line_that_is_broken_may_be_a_file_that_ended_too_early() -> None:
    *good, last = read('{"orderNumber": "1"}\n{"orderNumber": "2", "to')
    assert [row.order for row in good] == [{"orderNumber": "1"}]
    assert "the last line is not valid JSON" in str(last.fault)
    assert not last.goes_on


def test_o4_objects_may_take_several_lines_or_share_one() -> None:
    spread = "\n".join(json.dumps({"orderNumber": n}, indent=1) for n in ("1", "2"))
    shared = '{"orderNumber": "1"} {"orderNumber": "2"}\n'
    for text in (spread, shared):
        assert orders(text) == [{"orderNumber": "1"}, {"orderNumber": "2"}]


def test_o4_a_line_that_never_ends_ends_the_file() -> None:
    good, last = read('{"a": 1}\n{"a": "' + "x" * 2 * MOST_CHARACTERS)
    assert good.order == {"a": 1}
    assert "more than" in str(last.fault)


@pytest.mark.parametrize(
    ("totals", "expected"),
    [
        pytest.param(["99,90", "1.250"], AmountFormat(","), id="a comma"),
        pytest.param(
            ["1,250", "99.90"], AmountFormat("."), id="a point, which comes last"
        ),
        pytest.param(["1.250", "3"], AmountFormat(), id="none"),
    ],
)
def test_o2_a_file_is_read_once_for_its_decimal_sign(
    totals: list[str], expected: AmountFormat
) -> None:
    csv = "orderNumber;total\n" + "".join(f"{t};{t}\n" for t in totals)
    json_lines = "\n".join(json.dumps({"total": t}) for t in totals)
    for text in (csv, json_lines):
        assert learn_format(read(text)) == expected


def test_rows_of_one_order_agree() -> None:
    assert faults("orderNumber,email\n1,a\n1,b\n2,c\n") == [
        "the rows of this order differ in email",
        None,
    ]


COUNT = 100_000


class Endless(io.RawIOBase):
    """A file that is made up while it is read."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while len(self._left) < len(buffer) and (part := next(self._parts, b"")):
            self._left += part
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count


def parts(kind: str) -> Iterator[bytes]:
    start, end = {
        "json": ("[", "]"),
        "json lines": ("", ""),
        "csv": ("orderNumber,email\n", ""),
        "xml": ("<o>", "</o>"),
    }[kind]
    yield start.encode()
    for n in range(COUNT):
        yield {
            "json": f'{"," if n else ""}{{"orderNumber": {n}, "email": "{n}@x.org"}}',
            "json lines": f'{{"orderNumber": {n}, "email": "{n}@x.org"}}\n',
            "csv": f"{n},{n}@x.org\n",
            "xml": f"<order><orderNumber>{n}</orderNumber><email>{n}@x.org</email></order>",
        }[kind].encode()
    yield end.encode()


@pytest.mark.parametrize("kind", ["json", "json lines", "csv", "xml"])
def test_a_hundred_thousand_orders_take_no_more_memory_than_a_few(kind: str) -> None:
    tracemalloc.start()
    try:
        count = sum(row.fault is None for row in read_rows(Endless(parts(kind))))
        assert learn_format(read_rows(Endless(parts(kind)))) == AmountFormat()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == COUNT
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("<product/>", [], id="a root that is called like a line"),
        pytest.param(
            '<?xml version="1.0" encoding="nope"?><orders/>',
            ["unknown encoding: nope"],
            id="an encoding that nobody knows",
        ),
        pytest.param(
            "a" * 200_000,
            ["the first row is not valid CSV"],
            id="a column without an end",
        ),
    ],
)
def test_no_file_is_too_odd_to_be_answered(text: str, found: list[str]) -> None:
    assert len(faults(text)) == len(found)
    assert all(
        part in str(fault) for part, fault in zip(found, faults(text), strict=True)
    )
