"""IDs from callers: one normal form, and no placeholder."""

from __future__ import annotations

import subprocess
import sys
import unicodedata

import idna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardlink.domain.errors import Invalid
from hardlink.domain.graph import Node
from hardlink.domain.identifiers import (
    normal_email,
    normal_text,
    parse_identifier,
    parse_session_id,
)
from hardlink.domain.orders.matching import parse_claim
from hardlink.domain.sources.registry import IdentifierType, Project
from infra import topology

PROJECT = Project(
    {"registered": IdentifierType("hard"), "email": IdentifierType("soft", email=True)}
)
COMPOSED = "b\u00fccher"
DECOMPOSED = "bu\u0308cher"


# -- one normal form ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(f"max@{COMPOSED}.example", id="letters"),
        pytest.param(f"max@{DECOMPOSED}.example", id="letters and marks"),
        pytest.param("max@xn--bcher-kva.example", id="as DNS has it"),
        pytest.param("Max@XN--BCHER-KVA.Example", id="as DNS has it, in capitals"),
        pytest.param(f"MAX@{COMPOSED.upper()}.EXAMPLE", id="capitals"),
        pytest.param(f"max@{COMPOSED}\u3002example", id="an ideographic full stop"),
        pytest.param(f"\ufeffmax@{COMPOSED}.example\u200b", id="invisible marks"),
        pytest.param("max@b\uff55\u0308cher.example", id="a letter of full width"),
    ],
)
def test_w10_an_address_in_each_spelling_is_one_node(spelling: str) -> None:
    assert PROJECT.parse_node("email", spelling, "f") == Node(
        "email", "max@xn--bcher-kva.example"
    )


@pytest.mark.parametrize(
    "spelling",
    [
        DECOMPOSED,
        "\u200bb\u00fccher",
        "b\u00fc\ufeffcher",
        "b\u00fcch\u00ader",
        "bu\u034f\u0308cher",
        "b\u2060\u00fccher\u200d",
        "\u202ab\u00fccher\u202c",
        " \u200b b\u00fccher\u3000",
    ],
)
def test_w10_an_id_in_each_spelling_is_one(spelling: str) -> None:
    assert parse_identifier(spelling, "f") == COMPOSED
    assert parse_session_id(spelling, "f") == COMPOSED


def test_w10_the_local_part_is_composed_and_in_lower_case() -> None:
    assert normal_email("JU\u0308RGEN@a.example") == "j\u00fcrgen@a.example"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("max@stra\u00dfe.example", "max@strasse.example", id="a sharp s"),
        pytest.param("max@ab.example", "max@a.b.example", id="a dot"),
        pytest.param("a\u00e9@x.example", "ae@x.example", id="an accent"),
    ],
)
def test_w10_addresses_that_dns_tells_apart_are_two(one: str, other: str) -> None:
    assert normal_email(one) != normal_email(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Gordon", "gordon"), ("a b", "ab"), ("\u00b2", "2")]
)
def test_w10_ids_that_look_different_are_two(one: str, other: str) -> None:
    assert parse_identifier(one, "f") != parse_identifier(other, "f")


@pytest.mark.parametrize(
    "domain",
    [
        "b\u00fccher.example",
        "B\u00dcCHER.example",
        "stra\u00dfe.de",
        "STRA\u1e9eE.de",
        "\u03b2\u03cc\u03bb\u03bf\u03c2.gr",
        "\u039f\u0394\u039f\u03a3.gr",
        "\u4f8b\u3048.\u30c6\u30b9\u30c8",
        "\u043f\u043e\u0447\u0442\u0430.\u0440\u0444",
        "a\uff0eb\u00e9.fr",
    ],
)
def test_w10_a_domain_is_what_the_reference_library_makes_of_it(domain: str) -> None:
    expected = idna.encode(domain, uts46=True).decode()
    assert normal_email(f"max@{domain}") == f"max@{expected}"


@given(st.text())
def test_w10_a_normal_form_is_its_own_normal_form(text: str) -> None:
    once = normal_text(text)
    assert normal_text(once) == once
    assert unicodedata.is_normalized("NFC", once)


def test_w10_an_order_is_matched_by_its_address_in_each_spelling() -> None:
    one = parse_claim("1", 0, None, f"max@{COMPOSED}.example")
    assert one == parse_claim("1", 0, None, "max@xn--bcher-kva.example")


def test_w10_the_codec_of_domains_is_not_loaded_before_it_is_used() -> None:
    code = (
        "import sys; import hardlink.domain.identifiers;"
        "print('idna' in sys.modules, 'encodings.punycode' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(topology.FUNCTIONS)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == ["False", "False"]


# -- placeholders -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        *("{{user_id}}", "{{ user.id | default: '' }}", "user-{{id}}", "{user_id}"),
        *("{$email}", "${userId}", "shop-${user.id}", "#{user.id}", "%%EMAIL%%"),
        *("%EMAIL%", "%s", "%@", "<%= id %>", "<% id %>", "<user_id>", "*|EMAIL|*"),
        *("{% id %}", "[% id %]", "[[user.id]]", "\uff5b\uff5buser_id\uff5d\uff5d"),
        *("undefined@undefined", "null@null", "None@None", "undefined@null", "@"),
        *("undefined@undefined.undefined", "undefined-undefined", "null_null"),
        *("undefined undefined", "[object Object]@[object Object]", "nan:nan", "_"),
    ],
)
def test_w11_a_template_that_was_never_filled_in_identifies_nobody(value: str) -> None:
    for type_ in PROJECT.identifiers:
        with pytest.raises(Invalid, match="a placeholder, not an ID") as refused:
            PROJECT.parse_ids({type_: value})
        assert refused.value.field == f"ids.{type_}"


@pytest.mark.parametrize(
    "value",
    [
        *("null@blackmesa.com", "undefined.person@blackmesa.com", "nannan", "nilsson"),
        *("{1fa0b2c3-5d6e-4f70-8a9b-0c1d2e3f4a5b}", "100%", "50%off", "a$b", "a%b%c"),
        *("[42]", "<42>", "a{b}c", "gordon+{tag}@blackmesa.com", "x@y", "none-42"),
    ],
)
def test_w11_an_id_that_resembles_a_placeholder_is_taken(value: str) -> None:
    assert parse_identifier(value, "f") == value
