"""Signed identities: which token proves what, row by row."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardlink.domain import signed_identity
from hardlink.domain.errors import UnverifiedIdentity
from hardlink.domain.graph import Node
from hardlink.domain.signed_identity import IdentityVerifier, NoKeys
from hardlink.domain.sources.registry import Project, Signed
from hardlink.domain.times import SECOND
from infra import topology
from tests.support.signing import KEY, SECOND_KEY, call, token
from tests.support.world import SOURCES

NOW = 1_900_000_000
"""Seconds."""
PROJECT: Project = SOURCES.projects["shop"]
GORDON = Node("registered", "gordon")
LOYALTY = Node("loyalty", "77")
EMAIL = Node("email", "gordon@blackmesa.com")
RSA_LIKE = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----"


def signed(**claims: Any) -> str:
    return token(**{"sub": "gordon", "exp": NOW + 60, **claims})


def forged(header: Mapping[str, Any], claims: object, signature: bytes = b"x") -> str:
    """A token of these parts, whether they fit together or not."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts
    )


def prove(sent: object, *ids: Node, keys: tuple[str, ...] = (KEY,)) -> None:
    signed_identity.verify_identifiers(
        sent, ids or (GORDON,), PROJECT, keys, NOW * SECOND
    )


CLAIMS = {"sub": "gordon", "exp": NOW + 60}


@pytest.mark.parametrize(
    ("sent", "ids"),
    [
        pytest.param(signed(), [GORDON], id="the customer that it is for"),
        pytest.param(
            signed(), [GORDON, EMAIL], id="an address is the customer's own word"
        ),
        pytest.param(
            signed(email="Gordon@blackmesa.com "), [GORDON, EMAIL], id="a claim agrees"
        ),
        pytest.param(
            signed(loyalty="77"), [GORDON, LOYALTY], id="another hard ID is a claim"
        ),
        pytest.param(signed(loyalty="77"), [LOYALTY], id="the claim alone"),
        pytest.param(
            signed(sub="77", typ="loyalty"),
            [LOYALTY],
            id="typ says of which type sub is",
        ),
        pytest.param(signed(exp=NOW - 29), [GORDON], id="expired within the leeway"),
        pytest.param(
            signed(nbf=NOW + 29), [GORDON], id="not yet valid within the leeway"
        ),
        pytest.param(
            signed(iat=NOW + 29), [GORDON], id="signed in a moment, within the leeway"
        ),
        pytest.param(signed(exp=NOW + 0.5), [GORDON], id="a fraction of a second"),
        pytest.param(
            signed(aud="shop", iss="shop", jti="1"),
            [GORDON],
            id="the shop's own claims",
        ),
        pytest.param(
            token(CLAIMS, headers={"kid": "1"}), [GORDON], id="a kid is not looked at"
        ),
        pytest.param(token(CLAIMS, key=SECOND_KEY), [GORDON], id="the key before"),
    ],
)
def test_it_proves(sent: str, ids: list[Node]) -> None:
    prove(sent, *ids, keys=(KEY, SECOND_KEY))


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        pytest.param(signed(exp=NOW - 30), "expired", id="expired"),
        pytest.param(signed(nbf=NOW + 31), "nbf", id="not valid yet"),
        pytest.param(signed(iat=NOW + 31), "iat", id="signed in the future"),
        pytest.param(token({"sub": "gordon"}), '"exp"', id="no expiry"),
        pytest.param(token({"exp": NOW + 60}), '"sub"', id="nobody"),
        pytest.param(signed(exp=str(NOW + 60)), "exp", id="an expiry that is a text"),
        pytest.param(signed(exp=True), "exp", id="an expiry that is true"),
        pytest.param(signed(exp=float("nan")), "exp", id="an expiry that is no number"),
        pytest.param(signed(exp=float("inf")), "exp", id="an expiry that never comes"),
        pytest.param(signed(exp=10**400), "exp", id="an expiry beyond all numbers"),
        pytest.param(signed(nbf=None), "nbf", id="a time that is null"),
        pytest.param(
            signed(sub="barney"), "another 'registered'", id="another customer"
        ),
        pytest.param(
            signed(sub="Gordon"), "another 'registered'", id="another spelling"
        ),
        pytest.param(signed(sub=""), "registered", id="an empty customer"),
        pytest.param(
            signed(sub="undefined"), "registered", id="a customer who is nobody"
        ),
        pytest.param(
            signed(typ="loyalty"),
            "has no claim 'registered'",
            id="an ID of another type",
        ),
        pytest.param(signed(typ="email"), "typ", id="a type that is soft"),
        pytest.param(signed(typ="x"), "typ", id="a type that is not declared"),
        pytest.param(signed(typ=["registered"]), "typ", id="a type that is a list"),
        pytest.param(
            signed(loyalty={"a": 1}), "loyalty", id="a claim that can be no ID"
        ),
        pytest.param(
            token(CLAIMS, key=SECOND_KEY), "no key", id="a key that was rotated out"
        ),
        pytest.param(token(CLAIMS, algorithm="HS384"), "alg", id="HS384"),
        pytest.param(token(CLAIMS, algorithm="HS512"), "alg", id="HS512"),
        pytest.param(forged({"alg": "none"}, CLAIMS, b""), "alg", id="none"),
        pytest.param(
            forged({"alg": "NoNe"}, CLAIMS, b""), "alg", id="none, in disguise"
        ),
        pytest.param(forged({"alg": "RS256"}, CLAIMS), "alg", id="RS256"),
        pytest.param(forged({"alg": "ES256"}, CLAIMS), "alg", id="ES256"),
        pytest.param(
            forged({"alg": ["HS256"]}, CLAIMS), "used", id="an algorithm that is a list"
        ),
        pytest.param(forged({}, CLAIMS), "used", id="no algorithm"),
        pytest.param(
            forged({"alg": "HS256"}, CLAIMS), "no key", id="a made-up signature"
        ),
        pytest.param(
            forged({"alg": "HS256"}, CLAIMS, b""), "no key", id="no signature"
        ),
        pytest.param(
            forged({"alg": "HS256", "crit": ["x"]}, CLAIMS),
            "used",
            id="a critical header",
        ),
        pytest.param(
            forged({"alg": "HS256", "b64": False}, CLAIMS),
            "used",
            id="no payload inside",
        ),
        pytest.param(signed()[:-4], "used", id="cut off"),
        pytest.param(signed() + ".x", "used", id="a part too many"),
        pytest.param("x" * 5000, "4096", id="too long"),
        pytest.param("no token", "used", id="garbage"),
        pytest.param("..", "used", id="dots"),
        pytest.param("ü.ü.ü", "JWT", id="letters that no token has"),
        pytest.param("\ud800", "JWT", id="half a letter"),
        pytest.param(7, "JWT", id="a number"),
        pytest.param({"sub": "gordon"}, "JWT", id="an object"),
        pytest.param(True, "JWT", id="true"),
    ],
)
def test_it_proves_nothing(sent: object, why: str) -> None:
    with pytest.raises(UnverifiedIdentity) as refused:
        prove(sent)
    assert refused.value.code == "bad_signature"
    assert why in f"{refused.value.field}: {refused.value.message}"
    assert refused.value.status == 403


def newsletter(**claims: Any) -> str:
    return signed(**{"aud": signed_identity.NEWSLETTER, **claims})


@pytest.mark.parametrize(
    ("sent", "recipient"),
    [
        pytest.param(newsletter(), GORDON, id="of the first hard type"),
        pytest.param(
            newsletter(sub="77", typ="loyalty"), LOYALTY, id="of another type"
        ),
        pytest.param(
            newsletter(sub=" Gordon@Blackmesa.com", typ="email"),
            EMAIL,
            id="an address, in its normal form",
        ),
        pytest.param(
            newsletter(aud=["shop", signed_identity.NEWSLETTER]),
            GORDON,
            id="one audience of several",
        ),
    ],
)
def test_a_newsletters_token_names_its_recipient(sent: str, recipient: Node) -> None:
    found = signed_identity.read_recipient(sent, PROJECT, (KEY,), NOW * SECOND)
    assert found == recipient


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        pytest.param(signed(), "aud", id="a token of a log-in"),
        pytest.param(signed(aud="hardlink"), "aud", id="another audience"),
        pytest.param(newsletter(exp=NOW - 30), "expired", id="expired"),
        pytest.param(newsletter(typ="x"), "not declared", id="an undeclared type"),
        pytest.param(newsletter(typ="profile"), "not declared", id="a profile"),
        pytest.param(newsletter(sub="undefined"), "recipient", id="a placeholder"),
        pytest.param(newsletter()[:-4], "used", id="cut off"),
        pytest.param("", "used", id="none"),
        pytest.param(None, "JWT", id="not sent"),
    ],
)
def test_it_names_no_recipient(sent: object, why: str) -> None:
    with pytest.raises(UnverifiedIdentity, match=why):
        signed_identity.read_recipient(sent, PROJECT, (KEY,), NOW * SECOND)


@pytest.mark.parametrize("aud", [signed_identity.NEWSLETTER, ["hardlink:newsletter"]])
def test_a_newsletters_token_proves_no_log_in(aud: object) -> None:
    """Whoever was forwarded a mail has it."""
    with pytest.raises(UnverifiedIdentity, match="newsletter"):
        prove(newsletter(aud=aud))


def test_an_algorithm_that_is_not_asked_for_is_not_taken_whoever_has_the_key() -> None:
    """Algorithm confusion: a key that is public for one algorithm is no secret for another."""
    sent = forged({"alg": "HS256", "typ": "JWT"}, CLAIMS)
    with pytest.raises(UnverifiedIdentity):
        prove(sent, keys=(RSA_LIKE,))


def test_a_header_that_is_nested_deeply_is_refused() -> None:
    header = b"[" * 1500 + b"]" * 1500
    sent = base64.urlsafe_b64encode(header).rstrip(b"=").decode() + ".e30.eA"
    with pytest.raises(UnverifiedIdentity):
        prove(sent)


def test_a_short_key_signs_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyJWT warns, and signs all the same
        sent = token(CLAIMS, key="short key")
    with pytest.raises(UnverifiedIdentity, match="no key"):
        prove(sent, keys=("short key",))


@pytest.mark.parametrize(
    "ids",
    [
        pytest.param([GORDON, LOYALTY], id="a hard ID that the token does not say"),
        pytest.param([LOYALTY], id="the same value of another type"),
        pytest.param([EMAIL], id="a soft identifier alone"),
    ],
)
def test_what_a_token_does_not_say_it_does_not_prove(ids: list[Node]) -> None:
    with pytest.raises(UnverifiedIdentity):
        prove(signed(sub="gordon"), *ids)
    with pytest.raises(UnverifiedIdentity):
        prove(signed(sub="77"), *ids)


def test_a_claim_that_says_otherwise_wins() -> None:
    with pytest.raises(UnverifiedIdentity, match="another 'email'"):
        prove(signed(email="barney@blackmesa.com"), GORDON, EMAIL)


def test_sub_is_not_overruled_by_a_claim_of_its_type() -> None:
    with pytest.raises(UnverifiedIdentity, match="another 'registered'"):
        prove(signed(sub="gordon", registered="barney"), Node("registered", "barney"))


@given(
    st.one_of(
        st.text(),
        st.binary().map(lambda b: b.decode("latin-1")),
        st.from_regex(r"\A[\w-]{0,40}\.[\w-]{0,40}\.[\w-]{0,40}\Z"),
    )
)
def test_whatever_is_sent_is_refused_in_order(sent: str) -> None:
    with pytest.raises(UnverifiedIdentity):
        prove(sent)


# -- what a source wants --------------------------------------------------------------------------


class Keys:
    """Rotated once: who asks for fresh keys sees the new one."""

    def __init__(self, *kept: str, fresh: tuple[str, ...] = ()) -> None:
        self._kept = kept
        self._fresh = fresh or kept
        self.asked: list[bool] = []

    def of(self, project: str, *, fresh: bool = False) -> tuple[str, ...]:
        assert project == "shop"
        self.asked.append(fresh)
        return self._fresh if fresh else self._kept


@pytest.mark.parametrize(
    ("wanted", "sent", "trusted", "taken"),
    [
        pytest.param("off", None, False, True, id="off, unsigned"),
        pytest.param("off", "garbage", False, True, id="off, whatever is sent"),
        pytest.param("optional", None, False, True, id="optional, unsigned"),
        pytest.param("optional", "", False, True, id="optional, empty"),
        pytest.param("optional", signed(), False, True, id="optional, right"),
        pytest.param("optional", "garbage", False, False, id="optional, wrong"),
        pytest.param("required", None, False, False, id="required, unsigned"),
        pytest.param("required", "", False, False, id="required, empty"),
        pytest.param("required", signed(), False, True, id="required, right"),
        pytest.param(
            "required", signed(sub="x"), False, False, id="required, somebody else's"
        ),
        pytest.param(
            "required", None, True, True, id="required, the shop's own backend"
        ),
    ],
)
def test_what_a_source_wants(
    wanted: Signed, sent: object, *, trusted: bool, taken: bool
) -> None:
    found = call(wanted, NOW * SECOND)._replace(trusted=trusted)
    checked = IdentityVerifier(Keys(KEY))
    if taken:
        checked.check(found, sent, [GORDON])
        return
    with pytest.raises(UnverifiedIdentity) as refused:
        checked.check(found, sent, [GORDON])
    assert refused.value.code == ("unsigned" if sent in (None, "") else "bad_signature")


def test_a_call_that_names_nobody_need_not_prove_anything() -> None:
    IdentityVerifier(Keys()).check(call("required", NOW * SECOND), None, [])


def test_a_key_that_was_put_a_moment_ago_signs_at_once() -> None:
    keys = Keys(SECOND_KEY, fresh=(KEY, SECOND_KEY))
    IdentityVerifier(keys).check(call("required", NOW * SECOND), signed(), [GORDON])
    assert keys.asked == [False, True]


def test_a_key_that_was_rotated_out_a_moment_ago_is_looked_for_once() -> None:
    keys = Keys(SECOND_KEY)
    with pytest.raises(UnverifiedIdentity):
        IdentityVerifier(keys).check(call("required", NOW * SECOND), signed(), [GORDON])
    assert keys.asked == [False, True]


def test_nobody_waits_for_what_checks_tokens_who_checks_none() -> None:
    code = "import sys, hardlink.services.service; print('jwt' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(topology.FUNCTIONS)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "False"


def test_without_signing_keys_no_token_is_valid() -> None:
    assert NoKeys().of("shop", fresh=True) == ()
