"""Signing keys rotate: the key and the one before are valid, an older one is not."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest

from hardlink.domain.errors import UnverifiedIdentity
from hardlink.domain.graph import Node
from hardlink.domain.signed_identity import IdentityVerifier
from hardlink.domain.times import MINUTE, SECOND
from hardlink.web.api_keys import SigningKeys, signing_key_reader
from infra import topology
from infra.local import lambda_runtime
from tests.support.signing import KEY, LATER, SECOND_KEY, call, token
from tests.support.world import Clock

THIRD_KEY = KEY[::-1]


class Shop:
    """Signatures of the demo's project, by keys as Secrets Manager has them."""

    def __init__(self) -> None:
        self.clock = Clock()
        fetch = signing_key_reader()
        self._signatures = IdentityVerifier(SigningKeys(fetch, self.clock))

    def takes(self, key: str) -> bool:
        """Whether a token is taken that this key signed."""
        found = call("required", self.clock())
        of_demo = found._replace(
            source=lambda_runtime.load_sources(topology.SOURCES).sources["demo-signed"]
        )
        sent = token({"sub": "gordon", "exp": LATER}, key=key)
        try:
            self._signatures.check(of_demo, sent, [Node("registered", "gordon")])
        except UnverifiedIdentity:
            return False
        return True

    def rotate(self, key: str) -> None:
        """As its owner does it."""
        vault = boto3.client("secretsmanager")
        vault.put_secret_value(SecretId="hardlink/demo/signing-key", SecretString=key)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with lambda_runtime.run_deployment(
        topology.SOURCES, {"demo": "server-key"}, {"demo": KEY}
    ):
        yield Shop()


def test_the_key_and_the_one_before_are_valid_and_no_older_one(shop: Shop) -> None:
    assert [shop.takes(key) for key in (KEY, SECOND_KEY)] == [True, False]
    shop.rotate(SECOND_KEY)
    shop.clock.pass_(
        10 * SECOND
    )  # at the latest: whoever has the new key uses it at once
    assert [shop.takes(key) for key in (SECOND_KEY, KEY)] == [True, True]
    shop.rotate(THIRD_KEY)
    shop.clock.pass_(5 * MINUTE)
    assert [shop.takes(key) for key in (THIRD_KEY, SECOND_KEY, KEY)] == [
        True,
        True,
        False,
    ]


def test_a_key_that_was_put_twice_is_the_only_one_within_five_minutes(
    shop: Shop,
) -> None:
    """To revoke a key: what runs already keeps it for as long."""
    assert shop.takes(KEY)
    shop.rotate(SECOND_KEY)
    shop.rotate(SECOND_KEY)
    shop.clock.pass_(5 * MINUTE)
    assert [shop.takes(key) for key in (SECOND_KEY, KEY)] == [True, False]
