"""What a newsletter is made of: for the shop's backend, and for a link that anybody may hold (seed 003)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hardlink.domain.errors import Invalid, NotFound, UnverifiedIdentity
from hardlink.domain.signed_identity import NEWSLETTER
from hardlink.queries.api import ReadApi
from tests.component.library.test_visitor import EMPTY, Page, view
from tests.support.signing import proof
from tests.support.world import SPACE, World


class Shop(Page):
    """A shop that sends newsletters: its backend, and who holds a link of one."""

    def content(self, **query: str) -> dict[str, Any]:
        """What the backend is answered, with its server key."""
        sources = replace(self.world.sources, projects={SPACE: self.project})
        api = ReadApi(self.world.store, sources, self.world.clock)
        return api.read_newsletter_content(SPACE, query.get)

    def signed_content(self, token: object) -> dict[str, Any]:
        """What a link is answered."""
        call = self.world.service.call("move")._replace(project=self.project)
        return self.visitors.read_recipient(call, token)


def recipient(value: str, **claims: Any) -> str:
    return proof(value, aud=NEWSLETTER, **claims)


@pytest.fixture
def shop(world: World) -> Shop:
    """A shop with a customer of two devices, and an address."""
    shop = Shop(world)
    for session, product in (("phone", "p1"), ("laptop", "p2")):
        world.track(session, view(product), ids={"registered": "gordon"})
    world.identify("phone", ids={"registered": "gordon", "email": "g@x.com"})
    world.settle()
    return shop


GORDON: dict[str, Any] = {
    "traits": {"recently_viewed": ["p2", "p1"], "pages": 2},
    "segments": {"regular": True},
    "incomplete": {},
}
"""What is public of them."""


@pytest.mark.parametrize(
    "query",
    [
        {"email": "G@x.com"},
        {"userEmail": "g@x.com"},
        {"customerId": "gordon"},
        {"customer_id": "gordon"},
    ],
)
def test_content_is_of_all_devices_of_whom_an_address_or_an_id_names(
    shop: Shop, query: dict[str, str]
) -> None:
    found = shop.content(**query)
    assert found.pop("session") == {"id": "laptop"}
    assert found.pop("profile")["id"]
    assert found == GORDON


def test_the_backend_may_ask_for_what_is_not_public(shop: Shop) -> None:
    found = shop.content(email="g@x.com", traits="secret", segments="suspect")
    assert found["traits"] == {"secret": 2}
    assert found["segments"] == {"suspect": True}


def test_content_of_whom_only_the_shop_reported_has_no_visit(shop: Shop) -> None:
    shop.world.track(None, view("p3"), ids={"registered": "alyx"}, server_side=True)
    shop.world.settle()
    found = shop.content(customerId="alyx")
    assert (found["session"], found["profile"]) == (None, None)
    assert found["traits"]["recently_viewed"] == ["p3"]


def test_content_names_one_customer_who_is_known(shop: Shop) -> None:
    with pytest.raises(Invalid):
        shop.content()
    with pytest.raises(Invalid):
        shop.content(userEmail="g@x.com", customerId="gordon")
    with pytest.raises(NotFound):
        shop.content(userEmail="nobody@x.com")


@pytest.mark.parametrize(
    "token", [recipient("gordon"), recipient("g@x.com", typ="email")]
)
def test_a_link_answers_what_is_public_and_no_identifier(
    shop: Shop, token: str
) -> None:
    assert shop.signed_content(token) == GORDON


def test_a_link_of_somebody_unknown_is_answered_like_one_without_events(
    shop: Shop,
) -> None:
    assert shop.signed_content(recipient("nobody")) == EMPTY
    shop.world.erase("gordon")
    assert shop.signed_content(recipient("gordon")) == EMPTY


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(None, id="none"),
        pytest.param("a.b.c", id="made up"),
        pytest.param(recipient("gordon", exp=1), id="expired"),
        pytest.param(proof("gordon"), id="of a log-in"),
    ],
)
def test_no_other_token_opens_it(shop: Shop, token: object) -> None:
    with pytest.raises(UnverifiedIdentity) as raised:
        shop.signed_content(token)
    assert "gordon" not in str(raised.value.body())


def test_a_forwarded_link_opens_no_session_of_its_recipient(shop: Shop) -> None:
    with pytest.raises(UnverifiedIdentity):
        shop.read("phone", recipient("gordon"))
