"""What a newsletter is made of: for the shop's backend, and for a link that anybody may hold (seed 003)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from hardlink.domain import commands
from hardlink.domain.commands import Identify
from hardlink.domain.errors import Invalid, NotFound, UnverifiedIdentity
from hardlink.domain.signed_identity import NEWSLETTER
from hardlink.domain.sources.registry import Signed
from hardlink.queries.api import ReadApi
from hardlink.services.answers import Answer
from hardlink.services.service import Service
from hardlink.storage import keys
from tests.component.library.test_visitor import EMPTY, Page, SigningKeys, view
from tests.support.signing import LATER, proof
from tests.support.signing import token as signing_token
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


def test_a_link_answers_what_is_public_and_no_identifier(shop: Shop) -> None:
    assert shop.signed_content(recipient("gordon")) == GORDON


def test_an_address_opens_nothing_of_a_customer_with_an_id(shop: Shop) -> None:
    """Without a proof, anybody can say that their own address is another customer's."""
    shop.world.identify("m", ids={"email": "mallory@x.com"})
    shop.world.identify("n", ids={"registered": "gordon", "email": "mallory@x.com"})
    shop.world.settle()
    with pytest.raises(UnverifiedIdentity, match="sign that ID as sub") as raised:
        shop.signed_content(recipient("mallory@x.com", typ="email"))
    assert "gordon" not in str(raised.value.body())


def test_an_address_opens_what_was_done_by_whom_it_alone_names(shop: Shop) -> None:
    shop.world.track("tablet", view("p3"), ids={"email": "alyx@x.com"})
    shop.world.settle()
    found = shop.signed_content(recipient("alyx@x.com", typ="email"))
    assert found["traits"]["recently_viewed"] == ["p3"]


def test_a_project_may_say_that_an_unproven_address_is_enough(world: World) -> None:
    shop = Shop(world, unproven_visitors=True)
    world.track("phone", view("p1"), ids={"registered": "gordon", "email": "g@x.com"})
    world.settle()
    found = shop.signed_content(recipient("g@x.com", typ="email"))
    assert found["traits"]["recently_viewed"] == ["p1"]


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


def follow(shop: Shop, session: str, token: object, signed: Signed = "off") -> Answer:
    """Log in whoever follows a newsletter's link, on a page of a source of this setting."""
    body = {"source": {"id": "move"}, "session": {"id": session}, "recipient": token}
    world = shop.world
    service = Service(
        world.store,
        world.sources,
        world.clock,
        lambda: str(uuid4()),
        signing_keys=SigningKeys(),
    )
    call = service.call("move")._replace(project=shop.project)
    call = call._replace(source=replace(call.source, signed=signed))
    return service.identify(call, commands.read(Identify, body))


@pytest.mark.parametrize(
    ("token", "customer"),
    [
        (recipient("gordon"), {"type": "registered", "value": "gordon"}),
        (recipient("g@x.com", typ="email"), {"type": "email", "value": "g@x.com"}),
    ],
)
def test_who_follows_a_link_is_identified(
    shop: Shop, token: str, customer: dict[str, str]
) -> None:
    for signed in ("off", "optional"):
        assert follow(shop, f"new-{signed}", token, signed)["customer"] == customer


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("a.b.c", id="made up"),
        pytest.param(recipient("gordon", exp=1), id="expired"),
        pytest.param(proof("gordon"), id="of a log-in"),
        pytest.param(
            signing_token(
                {"sub": "gordon", "exp": LATER, "aud": NEWSLETTER}, key="k" * 40
            ),
            id="signed by somebody else",
        ),
    ],
)
def test_a_link_that_the_shop_did_not_sign_identifies_nobody(
    shop: Shop, token: str
) -> None:
    with pytest.raises(UnverifiedIdentity):
        follow(shop, "new", token)
    assert shop.world.store.get([keys.session_head(SPACE, "new")]) == [None]


def test_a_source_that_requires_proof_takes_no_recipient(shop: Shop) -> None:
    with pytest.raises(UnverifiedIdentity, match="a newsletter proves none"):
        follow(shop, "new", recipient("gordon"), "required")


def test_a_log_in_names_a_recipient_or_identifiers(shop: Shop) -> None:
    with pytest.raises(Invalid, match="either ids or recipient"):
        shop.world.identify(
            "new", ids={"registered": "gordon"}, recipient=recipient("gordon")
        )


def test_values_are_set_by_no_recipient(shop: Shop) -> None:
    answer = shop.world.update(
        "phone", recipient=recipient("gordon"), properties={"a": 1}
    )
    (left_out,) = answer["left_out"]
    assert left_out.field == "recipient"
