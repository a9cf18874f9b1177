"""What a page may read of its own visitor, and what it cannot learn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hardlink.domain.call import Call
from hardlink.domain.errors import Invalid, UnverifiedIdentity
from hardlink.domain.sources.registry import Project, Sources
from hardlink.queries.visitor import VisitorValues
from tests.support.memory_store import MemoryStore
from tests.support.signing import KEY, proof
from tests.support.world import SOURCES, SPACE, World, in_memory

DECLARED = {
    "traits": {
        "recently_viewed": {"public": True},
        "secret": {"compute": "count"},
        "pages": {"compute": "count", "public": True},
    },
    "segments": {
        "regular": {"when": "secret > 1", "public": True},
        "suspect": {"when": "secret > 1"},
    },
}
EMPTY = {
    "traits": {"recently_viewed": [], "pages": 0},
    "segments": {"regular": False},
    "incomplete": {},
}


class SigningKeys:
    """The shop's one signing key."""

    def of(self, project: str, *, fresh: bool = False) -> list[str]:
        del project, fresh
        return [KEY]


def declare(**more: Any) -> Project:
    identifiers = SOURCES.projects[SPACE].identifiers
    types = {name: vars(type_) for name, type_ in identifiers.items()}
    project = {"identifiers": types, **DECLARED, **more}
    declared = {"projects": {SPACE: project}, "sources": {}}
    return Sources.from_declaration(declared).projects[SPACE]


class Page:
    """Pages of a shop, which hold sessions and no server key."""

    def __init__(self, world: World, **more: Any) -> None:
        self.world = world
        self.project = declare(**more)
        sources = replace(world.sources, projects={SPACE: self.project})
        self.visitors = VisitorValues(world.store, sources, world.clock, SigningKeys())

    def read(self, session: object, token: object = "") -> dict[str, Any]:
        call: Call = self.world.service.call("move")._replace(project=self.project)
        return self.visitors.read(call, session, token)


def view(product: str) -> dict[str, Any]:
    return {"type": "view_item", "properties": {"product_id": product}}


@pytest.fixture
def page(world: World) -> Page:
    return Page(world)


def test_a_visitor_is_answered_what_is_public_and_no_identifier(page: Page) -> None:
    page.world.track("s1", view("p1"), view("p2"))
    assert page.read("s1") == {
        "traits": {"recently_viewed": ["p2", "p1"], "pages": 2},
        "segments": {"regular": True},
        "incomplete": {},
    }


def test_a_guessed_session_is_answered_like_one_without_events(page: Page) -> None:
    page.world.identify("known", ids={"registered": "gordon"})
    page.world.erase("gordon")
    for session in ("never-seen", "known"):
        assert page.read(session) == EMPTY


def test_a_stolen_session_of_a_customer_tells_nothing_without_a_token(
    page: Page,
) -> None:
    page.world.track("s1", view("p1"), ids={"registered": "gordon"})
    page.world.settle()
    for token, code in (
        ("", "unsigned"),
        ("no token", "bad_signature"),
        (proof("alyx"), "bad_signature"),
    ):
        with pytest.raises(UnverifiedIdentity) as raised:
            page.read("s1", token)
        assert raised.value.code == code
        assert "gordon" not in str(raised.value.body())
    assert page.read("s1", proof("gordon"))["traits"]["recently_viewed"] == ["p1"]


def test_a_customer_with_a_token_is_answered_what_other_devices_did(page: Page) -> None:
    for session, product in (("phone", "p1"), ("laptop", "p2")):
        page.world.track(session, view(product), ids={"registered": "gordon"})
    page.world.settle()
    found = page.read("phone", proof("gordon"))
    assert found["traits"]["recently_viewed"] == ["p2", "p1"]


def test_a_token_opens_no_other_customers_session(page: Page) -> None:
    page.world.track("s1", view("p1"), ids={"registered": "gordon"})
    page.world.track("s2", view("p2"), ids={"registered": "alyx"})
    page.world.settle()
    with pytest.raises(UnverifiedIdentity):
        page.read("s2", proof("gordon"))


@pytest.mark.parametrize("request_number", range(1, 8))
def test_a_log_in_while_it_is_read_opens_nothing_without_a_token(
    request_number: int,
) -> None:
    store = MemoryStore()
    page = Page(in_memory(store))
    page.world.track("phone", view("secret"), ids={"registered": "gordon"})
    page.world.settle()
    page.world.track("m", view("own"))
    seen = 0

    def log_in(_name: str, _keys: object) -> None:
        nonlocal seen
        seen += 1
        if seen == request_number:
            page.world.identify("m", ids={"registered": "gordon"})

    store.before = log_in
    try:
        found = page.read("m")
    except UnverifiedIdentity:
        return
    finally:
        store.before = None
    assert found["traits"]["recently_viewed"] in ([], ["own"])


def test_a_customer_known_by_an_address_alone_is_not_answered(page: Page) -> None:
    page.world.track("s1", view("p1"), ids={"email": "g@x.com"})
    page.world.settle()
    with pytest.raises(UnverifiedIdentity):
        page.read("s1", proof("gordon", email="g@x.com"))


def test_a_project_may_say_that_an_unproven_log_in_is_enough(world: World) -> None:
    page = Page(world, unproven_visitors=True)
    world.track("s1", view("p1"), ids={"email": "g@x.com"})
    world.settle()
    assert page.read("s1")["traits"]["recently_viewed"] == ["p1"]


@pytest.mark.parametrize("session", [None, "", "@registered=gordon", "undefined"])
def test_a_customers_own_session_cannot_be_asked_for(
    page: Page, session: object
) -> None:
    page.world.track(None, view("p1"), ids={"registered": "gordon"}, server_side=True)
    page.world.settle()
    with pytest.raises(Invalid) as raised:
        page.read(session)
    assert raised.value.field == "session"
