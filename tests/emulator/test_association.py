"""The stream function of the deployed stack: a login brings along what was done before, and undo takes it back."""

from __future__ import annotations

from typing import Any

import pytest

from infra import topology
from tests.emulator.deployment import Api, Deployment
from tests.http.service import fresh


def mapping(stack: Deployment, table: str) -> Any:
    """The deployed event source mapping of a table."""
    name = stack.name(f"Association{table.capitalize()}")
    return stack.emulator.client("lambda").get_event_source_mapping(UUID=name)


def test_a_login_brings_history_along_and_undo_takes_it_back(shop: Api) -> None:
    phone, laptop, who = fresh("phone"), fresh("laptop"), fresh("c")
    shop.track(phone, "a", "b", source="demo")
    shop.track(laptop, "c", source="demo")
    shop.identify(phone, {"registered": who}, source="demo")
    shop.settles("registered", who, "a", "b")
    shop.identify(laptop, {"registered": who}, source="demo")
    shop.settles("registered", who, "a", "b", "c", "merge")
    assert shop.unlink(laptop).json["customer"] is None
    shop.settles("registered", who, "a", "b")


def test_a_soft_identifier_brings_along_everybody_known_by_it(shop: Api) -> None:
    email, who = f"{fresh()}@shop.example", fresh("c")
    first, second = fresh(), fresh()
    for session, type_ in ((first, "a"), (second, "b")):
        shop.track(session, type_, source="demo")
        shop.identify(session, {"email": email}, source="demo")
    shop.identify(first, {"registered": who, "email": email}, source="demo")
    shop.settles("registered", who, "a", "b")


@pytest.mark.parametrize("table", list(topology.STREAM_FILTERS))
def test_it_was_the_deployed_mapping_that_brought_it(
    stack: Deployment, shop: Api, table: str
) -> None:
    who = fresh("c")
    shop.track(session := fresh(), "a", source="demo")
    shop.identify(session, {"registered": who}, source="demo")
    shop.settles("registered", who, "a")
    found = mapping(stack, table)
    assert found["LastProcessingResult"].startswith("OK")
    assert found["FunctionArn"].endswith(f":{stack.function('associate')}")
    assert (
        f"/{stack.name(f'Tables{table.capitalize()}')}/stream/"
        in found["EventSourceArn"]
    )
