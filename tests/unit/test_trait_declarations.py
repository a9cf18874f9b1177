"""Traits and segments in `sources.toml`: what is declared is what is computed, and errors say where."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardlink.domain.sources import file_schema, registry
from hardlink.domain.sources.file_schema import SourcesError
from hardlink.domain.traits import summaries
from hardlink.domain.traits.built_in import BUILT_IN
from hardlink.domain.traits.declaration import MOST_DECLARED, Catalogue
from hardlink.domain.traits.summaries import Computed
from hardlink.domain.traits.windows import Window
from infra import topology
from tests.unit.test_traits import BERLIN, NOON, session_event

SHOP = """
[projects.shop.identifiers]
registered = { kind = "hard" }

[sources.web]
write_key = "web-key"
project = "shop"
"""


def load(tmp_path: Path, lines: str) -> Catalogue:
    path = tmp_path / "sources.toml"
    path.write_text(SHOP + lines)
    declared = file_schema.load_sources(path)
    assert registry.load_deployed(path) == declared
    return Catalogue.of_project(declared.projects["shop"])


def test_a_declared_trait_is_computed_of_the_events_that_it_names(
    tmp_path: Path,
) -> None:
    catalogue = load(
        tmp_path,
        """
        [projects.shop.traits.shoes]
        compute = "latest"
        of = "product.id"
        events = ["view_item", "seen"]
        where = 'product.kind = "shoe" and not hidden'
        within = "30 days"
        most = 2
        """,
    )
    trait = catalogue.traits["shoes"]
    assert trait.window == Window("days", 30)
    events = [
        session_event(NOON + n, type_, product={"id": n, "kind": kind}, hidden=hidden)
        for n, (type_, kind, hidden) in enumerate(
            [
                ("seen", "shoe", False),
                ("view_item", "shoe", None),
                ("view_item", "hat", None),
                ("view_item", "shoe", True),
                ("other", "shoe", None),
                ("view_item", "shoe", False),
            ]
        )
    ]
    summary = summaries.summarise({"shoes": trait}, events, BERLIN)
    found = summaries.compute(trait, summary, NOON, BERLIN)
    assert found == Computed([5, 1])


@pytest.mark.parametrize(
    "lines",
    [
        'compute = "count"',
        'compute = "exists"\nevents = ["a"]',
        'compute = "sum"\nof = "price"',
        'compute = "average"\nof = "price"',
        'compute = "min"\nof = "price"',
        'compute = "max"\nof = "price"',
        'compute = "first"',
        'compute = "last"\nof = "page"',
        'compute = "distinct"\nof = "brand"\nmost = 100',
        'compute = "sum"\nover = "orders"\nwithin = "1 day"',
        'compute = "average"\nover = "orders"',
        'compute = "first"\nover = "orders"',
        'compute = "last"\nover = "orders"',
        'compute = "count"\nover = "visits"\nevents = ["conversion"]\nwithin = "visit"',
    ],
)
def test_every_way_to_compute_can_be_declared(tmp_path: Path, lines: str) -> None:
    catalogue = load(tmp_path, f"[projects.shop.traits.mine]\n{lines}\n")
    assert set(catalogue.traits) == {*BUILT_IN, "mine"}


def test_a_project_may_replace_a_trait_that_comes_with_it(tmp_path: Path) -> None:
    lines = '[projects.shop.traits.visits]\ncompute = "count"\nevents = ["arrived"]\n'
    catalogue = load(tmp_path, lines)
    assert catalogue.traits["visits"].aggregate != BUILT_IN["visits"].aggregate


def test_a_segment_uses_traits_over_the_days_that_it_says(tmp_path: Path) -> None:
    catalogue = load(
        tmp_path,
        """
        [projects.shop.segments]
        frequent = { when = "orders >= 3 within 90 days and attributes.city = 'Oslo'" }
        """,
    )
    traits = list(catalogue.traits_of(catalogue.segments["frequent"]))
    assert [(trait.name, trait.window.days) for trait in traits] == [
        ("orders within 90 days", 90)
    ]


def test_the_file_that_is_shipped_shows_a_trait_and_a_segment() -> None:
    demo = file_schema.load_sources(topology.SOURCES).projects["demo"]
    assert demo.traits
    assert demo.segments
    assert Catalogue.of_project(demo)


ERRORS = [
    ('traits.a = { compute = "mean" }', "projects.shop.traits.a.compute"),
    ('traits.a = { compute = "sum" }', "traits.a: sum needs `of`"),
    (
        'traits.a = { compute = "count", within = "a week" }',
        "traits.a.within: 'a week' is no window",
    ),
    (
        'traits.a = { compute = "count", within = "4000 days" }',
        "traits.a.within: a window has 1 to 3660 days",
    ),
    (
        'traits.a = { compute = "latest", of = "x", most = 101 }',
        "traits.a.most: must be from 1 to 100",
    ),
    (
        'traits.a = { compute = "count", most = 3 }',
        "traits.a.most: only latest and distinct have it",
    ),
    (
        'traits.a = { compute = "max", over = "orders" }',
        "traits.a.compute: max cannot be computed over orders: use one of count, sum",
    ),
    (
        'traits.a = { compute = "sum", over = "orders", of = "total" }',
        "traits.a: only traits over events have `of` and `most`",
    ),
    (
        'traits.a = { compute = "count", where = "price >" }',
        "traits.a.where: character 8: expected a value, found the end",
    ),
    (
        'traits.a = { compute = "count", where = "price > 3 within 2 days" }',
        "traits.a.where: character 1: `within` is a field of the trait",
    ),
    ('traits.consents = { compute = "count" }', "traits.consents: a name begins with"),
    ('traits.within = { compute = "count" }', "traits.within: a name begins with"),
    ('traits.Big = { compute = "count" }', "traits.Big: a name begins with"),
    ('segments.a = { when = "ordres > 3" }', "character 1: there is no trait 'ordres'"),
    ('segments.a = { when = "orders > " }', "segments.a.when: character 10: expected"),
    (
        'segments.a = { when = "consents = 3" }',
        "character 1: consents: write consents.",
    ),
    (
        'segments.a = { when = "true and attributes.x within 2 days" }',
        "character 10: attributes.x: only a computed trait has a window",
    ),
    (
        'traits.b = { compute = "count", within = "visit" }\n'
        'segments.a = { when = "b > 1 within 2 days" }',
        "segments.a.when: character 1: b has a window of its own",
    ),
    ('segments.orders = { when = "true" }', "segments.orders: a trait has this name"),
    ('segments.a = { when = "true", if = 1 }', "projects.shop.segments.a.if"),
]


@pytest.mark.parametrize(("lines", "message"), ERRORS)
def test_an_error_says_where_it_is_and_what_to_do(
    tmp_path: Path, lines: str, message: str
) -> None:
    with pytest.raises(SourcesError) as raised:
        load(tmp_path, f"[projects.shop]\n{lines}\n")
    assert message in str(raised.value)


def test_a_project_declares_so_many_traits_and_no_more(tmp_path: Path) -> None:
    lines = [f'traits.t{n} = {{ compute = "count" }}' for n in range(MOST_DECLARED + 1)]
    assert load(tmp_path, "[projects.shop]\n" + "\n".join(lines[1:]))
    with pytest.raises(SourcesError, match="traits: declare at most 64"):
        load(tmp_path, "[projects.shop]\n" + "\n".join(lines))
