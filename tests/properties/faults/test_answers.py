"""A 2xx is only ever sent after the durable write: whichever of a call's requests fails, for every call that writes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from hardlink.domain.errors import Busy
from hardlink.domain.records import Item, Key
from hardlink.storage.keys import HEAD
from infra import routes, topology
from infra.local import invoke, lambda_runtime
from infra.local.lambda_runtime import Deployment
from tests.support import invariants
from tests.support.memory_store import MemoryStore

FOLDER = topology.ROOT / "events"
BEFORE: dict[str, tuple[str, ...]] = {
    "consent": ("track",),
    "erase-customer": ("track", "identify-soft", "identify"),
    "erase-session": ("track",),
    "merge-customers": ("identify", "orders"),
    "remove-identifier": ("identify",),
    "undo-correction": ("identify", "remove-identifier"),
    "identify": ("track", "identify-soft"),
    "redirect-session-post": ("track",),
    "unlink": ("track", "identify-soft", "identify"),
    "update": ("identify",),
}
"""What came before a call, where it does more then."""
MOST = 60
"""Requests of one call, at most."""
FAULTS: list[type[Exception]] = [Busy, RuntimeError]
"""What the store raises when the tables don't answer, and what nobody thought of."""
_WRITES = {"PutItem", "PartiQLInsert", "UpdateItem"}
WRITERS = {
    name
    for name, function in topology.FUNCTIONS_BY_NAME.items()
    if any(_WRITES & set(actions) for actions in function.access.values())
} - {"associate", "exponeadata", "visitor"}
"""Functions whose calls promise that something is stored. `associate` answers no call; `exponeadata` and
`visitor` keep summaries of what is stored already, and promise nothing.
"""


READING = {
    "POST /managed-tags/show",
    "POST /serve/trackingUser",  # makes an ID up, which the first call that carries it opens
    "PUT /track",  # its sample has nothing to store
}
"""Routes of functions that may write, which don't; beside these those that are called with GET."""


def _writes(event: dict[str, Any]) -> bool:
    route = str(event.get("routeKey", ""))
    told_by_url = route.startswith(("GET /collect", "GET /redirect"))
    if not route or invoke.find_function(event) not in WRITERS or route in READING:
        return False
    return told_by_url or not route.startswith("GET")


def samples() -> list[str]:
    """The sample events of every route that writes."""
    found = {
        path.stem: invoke.read_event(path) for path in sorted(FOLDER.glob("*.json"))
    }
    return [name for name, event in found.items() if _writes(event)]


class Shop:
    """The functions on a store in memory, of which one request fails, or all from one on."""

    def __init__(self, store: MemoryStore, deployment: Deployment) -> None:
        self.store = store
        self._deployment = deployment
        self.hard_types = deployment.sources.hard_types

    def call(self, name: str) -> int:
        """The status that a sample event is answered with; 500 where the function fails."""
        event = invoke.read_event(FOLDER / f"{name}.json")
        answer: dict[str, Any] = self._deployment.invoke(
            invoke.find_function(event), event
        )
        rejected = json.loads(answer["body"] or "{}").get("rejected")
        return (
            500 if rejected else int(answer["statusCode"])
        )  # a row that is named is no promise

    def failing(
        self, name: str, number: int, error: type[Exception], *, onward: bool
    ) -> int:
        """The status where this request of the call fails; `onward`: and every one after it."""
        made = iter(range(MOST * 2))

        def fail(*_: object) -> None:
            this = next(made)
            if this == number or (onward and this > number):
                raise error("as tests want it")

        self.store.before = fail
        try:
            return self.call(name)
        finally:
            self.store.before = None

    def requests(self, name: str) -> int:
        """How many requests a call makes, and what is there after it."""
        made: list[str] = []
        self.store.before = lambda request, _: made.append(request)
        try:
            assert self.call(name) in (200, 202, 307)
        finally:
            self.store.before = None
        return len(made)


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with pytest.MonkeyPatch.context() as patch:
        store = MemoryStore()
        patch.setattr("hardlink.web.wiring.Tables", lambda *_: store)
        with lambda_runtime.run_deployment(
            topology.SOURCES, {"demo": invoke.SERVER_KEY}
        ) as deployment:
            yield Shop(store, deployment)


def shape(dump: dict[Key, Item]) -> Counter[tuple[object, ...]]:
    """What is there, but for the names and times that each call makes anew."""
    return Counter(
        (
            key.table,
            key.item.partition("/")[0],
            tuple(sorted(item)),
            item.get("rev"),
            item.get("denied"),
            bool(item.get("undone")),
        )
        for key, item in dump.items()
    )


def _dies(dump: dict[Key, Item]) -> bool:
    """Whether somebody is being erased: their rows go one by one, and the stream goes on with what is left."""
    return any(
        key.item == HEAD and "erasing_since" in item for key, item in dump.items()
    )


@pytest.mark.parametrize("name", samples())
def test_whichever_request_fails_a_2xx_promises_nothing_that_is_not_there(
    shop: Shop, name: str
) -> None:
    shop.store.restore(MemoryStore().snapshot())
    for earlier in BEFORE.get(name.removesuffix("-path"), ()):
        shop.call(earlier)
    start = shop.store.snapshot()
    requests = shop.requests(name)
    assert requests < MOST
    promised = shape(shop.store.dump())
    for number in range(requests):
        for error in FAULTS:
            for onward in (False, True):
                shop.store.restore(start)
                status = shop.failing(name, number, error, onward=onward)
                done = shape(shop.store.dump()) == promised
                assert status >= 500 or done, f"request {number} fails: {status}"
                if not _dies(shop.store.dump()):
                    invariants.check(shop.store.dump(), shop.hard_types, drained=False)


def test_every_route_that_may_write_was_tried_with_a_call_that_does(shop: Shop) -> None:
    tried = {
        invoke.read_event(FOLDER / f"{name}.json")["routeKey"] for name in samples()
    }
    assert {route.function for route in routes.ROUTES if route.key in tried} == WRITERS
    assert {r.key for r in routes.ROUTES if _writes({"routeKey": r.key})} == tried
    for name in samples():
        shop.store.restore(MemoryStore().snapshot())
        for earlier in BEFORE.get(name.removesuffix("-path"), ()):
            shop.call(earlier)
        before = shop.store.dump()
        shop.call(name)
        assert shop.store.dump() != before, name
