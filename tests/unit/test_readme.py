"""Figures and codes in the documents are those of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from hardlink.domain import (
    changeset,
    commands,
    identifiers,
    signed_identity,
    values,
)
from hardlink.domain.sources import registry
from hardlink.domain.times import MINUTE, SECOND
from hardlink.web import api_keys, request
from infra import routes, topology
from tests.support import documents

DOCUMENTS = " ".join(documents.read_all().split())
LIBRARY = topology.FUNCTIONS / "hardlink"


def codes() -> Iterator[str]:
    """The codes of all errors of the library, as its classes and its calls name them."""
    for file in LIBRARY.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "code":
                yield from _text(node.value)
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "code":
                yield from _text(node.value)


def _text(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value


def test_every_code_of_an_error_says_what_to_do_and_there_are_no_others() -> None:
    tables = list(documents.find_tables("| status | code |"))
    assert len(tables) == 1
    for status, _, what_to_do in tables[0]:
        assert re.fullmatch(r"\d{3}", status)
        assert what_to_do
    documented = {code for row in tables[0] for code in re.findall(r"`(\w+)`", row[1])}
    assert documented == set(codes())


@pytest.mark.parametrize(
    "said",
    [
        f"{values.MOST_NAMES} names of up to {values.MOST_BYTES // 1024} KB for an event",
        f"of up to {values.MOST_CUSTOMER_BYTES // 1024} KB for a visitor",
        f"{values.LONGEST_NAME} characters and {values.MOST_NAME_BYTES} bytes",
        f"{commands.MOST_EVENTS} events, {request.MOST_LEVELS} levels",
        f"{request.MOST_BYTES // 1024**2} MiB a call; an ID has {identifiers.MOST_BYTES} bytes",
        f"at most {changeset.MOST_LINKS} links in all, {changeset.MOST_SOFT_LINKS} of them to soft",
        f"`links_a_day`: of one profile, at most ({changeset.LINKS_A_DAY})",
        f"at most ({registry.PROFILES_A_CUSTOMER:,})".replace(",", " "),
        f"It has at least {signed_identity.SHORTEST_KEY} bytes",
        f"beyond {routes.WRITES.per_second} calls a second, for each route; {routes.READS.per_second} for",
        f"{routes.FEEDS_AND_EXPORTS.per_second} for order feeds",
        f"feeds and results in the bucket ({topology.FEED_DAYS} days)",
        f"for {topology.FORWARD_DAYS} days, at least once",
    ],
)
def test_a_figure(said: str) -> None:
    assert said in DOCUMENTS


def test_half_a_minute_and_five_minutes() -> None:
    assert signed_identity.LEEWAY == 30 * SECOND
    assert api_keys.CACHE_TIME == 5 * MINUTE
    assert "half a minute of leeway" in DOCUMENTS
    assert "revoke it, within five minutes" in DOCUMENTS
