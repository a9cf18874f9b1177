"""`sources.toml`: what is declared is what is used, and an error names the file and the field."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardlink.domain.errors import Invalid, UnknownSource
from hardlink.domain.graph import Node
from hardlink.domain.sources import file_schema, registry
from hardlink.domain.sources.file_schema import SourcesError
from hardlink.domain.sources.registry import Project
from infra import topology

VALID = """
[projects.shop.identifiers]
registered = { kind = "hard", spellings = ["ecommerceId", "customerId"] }
loyalty = { kind = "hard" }
email = { kind = "soft", email = true, most = 3 }

[sources.web]
write_key = "web-key"
project = "shop"
origins = ["https://shop.example"]
policy = "split"
retention_days = 395
"""


REDIRECT = 'redirects.r = { url = "%s", event_type = "click" }'


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "sources.toml"
    path.write_text(VALID)
    return path


@pytest.fixture
def project(written: Path) -> Project:
    return file_schema.load_sources(written).projects["shop"]


def test_what_is_deployed_is_what_was_validated(written: Path) -> None:
    assert registry.load_deployed(written) == file_schema.load_sources(written)


def test_the_file_that_is_shipped_is_valid() -> None:
    demo = file_schema.load_sources(topology.SOURCES)
    assert {name: source.policy for name, source in demo.sources.items()} == {
        "demo": None,
        "demo-move": "move",
        "demo-refuse": "refuse",
        "demo-signed": None,
        "demo-tracardi": None,
    }
    assert {source.project for source in demo.sources.values()} == {"demo"}


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        pytest.param(
            'policy = "split"', 'policy = "merge"', "sources.web.policy", id="policy"
        ),
        pytest.param(
            'project = "shop"', 'project = "x"', "sources.web.project", id="project"
        ),
        pytest.param(
            "retention_days = 395", "retention_days = 0", "retention_days", id="days"
        ),
        pytest.param(
            '"https://shop.example"', '"*"', "sources.web.origins", id="any origin"
        ),
        pytest.param(
            "shop.example", "shop.example/x", "sources.web.origins", id="a path"
        ),
        pytest.param(
            "https://shop.example", "Null", "sources.web.origins", id="no such origin"
        ),
        pytest.param(
            "https://shop.example",
            "javascript:alert(1)",
            "sources.web.origins",
            id="a scheme without a host",
        ),
        pytest.param('write_key = "web-key"', "", "sources.web.write_key", id="no key"),
        pytest.param(
            '"web-key"', '"k y"', "sources.web.write_key", id="a key with a space"
        ),
        pytest.param(
            'policy = "split"', 'signed = "yes"', "sources.web.signed", id="signed"
        ),
        pytest.param(
            'policy = "split"', "links_a_day = 0", "sources.web.links_a_day", id="links"
        ),
        pytest.param(
            'policy = "split"', "links_a_day = 201", "links_a_day", id="too many links"
        ),
        pytest.param('policy = "split"', "rate = 0", "sources.web.rate", id="rate"),
        pytest.param('policy = "split"', 'bots = "no"', "sources.web.bots", id="bots"),
        pytest.param(
            'policy = "split"', "polices = 1", "sources.web.polices", id="a slip"
        ),
        pytest.param(
            '{ kind = "hard" }', '{ kind = "firm" }', "loyalty.kind", id="kind"
        ),
        pytest.param("most = 3", "most = 0", "email.most", id="cap"),
        pytest.param(
            '{ kind = "hard" }', '{ kind = "hard", most = 2 }', "loyalty", id="hard cap"
        ),
        pytest.param(
            'policy = "split"', REDIRECT % "//x.example", "redirects.r.url", id="no URL"
        ),
        pytest.param(
            'policy = "split"',
            REDIRECT % "javascript:alert(1)",
            "redirects.r.url",
            id="a script",
        ),
        pytest.param(
            'policy = "split"',
            REDIRECT % "https://x.example@evil.example",
            "r.url",
            id="userinfo",
        ),
        pytest.param(
            'policy = "split"',
            REDIRECT % "https://x.example/\\r\\nset-cookie: a",
            "r.url",
            id="CRLF",
        ),
        pytest.param(
            'policy = "split"',
            'redirects.r = { url = "https://x.example", event_type = "" }',
            "redirects.r",
            id="a redirect that is no event",
        ),
        pytest.param(
            "retention_days = 395",
            f"{REDIRECT % 'https://x.example'}\n[sources.two]\nwrite_key = 'two-key'\n"
            f"project = 'shop'\n{REDIRECT % 'https://x.example'}",
            "redirects.r: two sources",
            id="one redirect of two sources",
        ),
        pytest.param(
            'policy = "split"',
            'signed = "required"\nstatic_profile_id = true',
            "static_profile_id lets any caller join a visitor",
            id="A12: profiles that anyone joins, beside tokens",
        ),
        pytest.param("loyalty =", "profile =", "'profile'", id="a reserved type"),
        pytest.param(
            'kind = "hard"',
            'kind = "soft"',
            "a project needs a hard identifier type",
            id="no hard type",
        ),
        pytest.param("loyalty =", "since =", "'since' is an option", id="an option"),
        pytest.param(
            '"customerId"', '"Limit"', "'Limit' is an option", id="spelt as an option"
        ),
        pytest.param(
            '"customerId"',
            '"EMAIL"',
            "'email' is a spelling",
            id="one spelling of two types",
        ),
        pytest.param("[sources.web]", "[sources.web", "sources.toml", id="no TOML"),
    ],
)
def test_a_mistake_is_named_with_file_and_field(
    written: Path, old: str, new: str, named: str
) -> None:
    assert old in VALID
    written.write_text(VALID.replace(old, new))
    with pytest.raises(SourcesError) as error:
        file_schema.load_sources(written)
    assert str(written) in str(error.value)
    assert named in str(error.value)


CATEGORIES = """
[[projects.shop.consent_categories]]
id = "newsletter"
translations = { "en" = { name = "Newsletter" } }

[[projects.shop.consent_categories]]
id = "personalisation"
legitimate_interest = true
"""


def test_consent_categories_are_declared_in_order(written: Path) -> None:
    written.write_text(VALID + CATEGORIES)
    found = file_schema.load_sources(written)
    assert found == registry.load_deployed(written)
    newsletter, personalisation = found.projects["shop"].consent_categories
    assert (newsletter.id, newsletter.legitimate_interest) == ("newsletter", False)
    assert newsletter.translations == {"en": {"name": "Newsletter"}}
    assert (personalisation.id, personalisation.legitimate_interest) == (
        "personalisation",
        True,
    )
    assert personalisation.translations == {}


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        pytest.param(
            '"personalisation"',
            '"newsletter"',
            "'newsletter' is declared twice",
            id="twice",
        ),
        pytest.param('id = "newsletter"', "", "consent_categories.0.id", id="no ID"),
        pytest.param(
            "true", '"maybe"', "legitimate_interest", id="neither true nor false"
        ),
    ],
)
def test_a_mistake_in_a_consent_category_is_named(
    written: Path, old: str, new: str, named: str
) -> None:
    written.write_text(VALID + CATEGORIES.replace(old, new))
    with pytest.raises(SourcesError) as error:
        file_schema.load_sources(written)
    assert named in str(error.value)


def test_a_project_has_at_most_8_types(written: Path) -> None:
    many = "".join(f'soft{n} = {{ kind = "soft" }}\n' for n in range(6))
    written.write_text(VALID.replace("[sources.web]", f"{many}\n[sources.web]"))
    with pytest.raises(SourcesError, match="9 identifier types"):
        file_schema.load_sources(written)


def test_two_sources_never_share_a_write_key(written: Path) -> None:
    written.write_text(
        VALID + '[sources.app]\nwrite_key = "web-key"\nproject = "shop"\n'
    )
    with pytest.raises(
        SourcesError, match=r"sources\.app\.write_key: also the key of 'web'"
    ):
        file_schema.load_sources(written)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourcesError, match="nowhere"):
        file_schema.load_sources(tmp_path / "nowhere.toml")


def test_a_write_key_finds_its_source(written: Path) -> None:
    name, source, _ = file_schema.load_sources(written).resolve_key("web-key")
    assert (name, source.policy) == ("web", "split")


@pytest.mark.parametrize(
    ("key", "is_warned"),
    [
        pytest.param("other", False, id="misspelled"),
        pytest.param("b7c1" * 10, True, id="a secret of the stack, in a page"),
        pytest.param(
            "550e8400-e29b-41d4-a716-446655440000", False, id="a source of Tracardi"
        ),
    ],
)
def test_an_unknown_write_key_is_unauthorized(
    written: Path, key: str, *, is_warned: bool
) -> None:
    with pytest.raises(UnknownSource, match="Unauthorized Access") as unknown:
        file_schema.load_sources(written).resolve_key(key)
    assert unknown.value.status == 401
    assert ("that is a secret" in unknown.value.message) is is_warned


# -- rule 7: spellings and normal forms ---------------------------------------------------------


@pytest.mark.parametrize(
    "spelling", ["registered", "REGISTERED", "ecommerceid", " customerId "]
)
def test_a_type_in_each_spelling(project: Project, spelling: str) -> None:
    assert project.parse_node(spelling, "Gordon", "f") == Node("registered", "Gordon")


def test_an_undeclared_type_is_an_error_that_names_it(project: Project) -> None:
    with pytest.raises(
        Invalid, match="'phone' is not declared: use one of registered"
    ) as invalid:
        project.parse_ids({"phone": "1234"})
    assert invalid.value.field == "ids.phone"


def test_values_are_case_sensitive_unless_the_type_is_an_email(
    project: Project,
) -> None:
    found = project.parse_ids(
        {"email": " Gordon@BlackMesa.com ", "registered": "Gordon"}
    )
    assert found == (
        Node("registered", "Gordon"),
        Node("email", "gordon@blackmesa.com"),
    )


def test_identifiers_come_in_the_order_of_the_declaration(project: Project) -> None:
    found = project.parse_ids({"email": "a@b.c", "loyalty": "l", "registered": "r"})
    assert [node.type for node in found] == ["registered", "loyalty", "email"]


def test_nulls_are_left_out(project: Project) -> None:
    assert project.parse_ids({"registered": None}) == ()


def test_two_values_of_one_type_in_two_spellings_are_refused(project: Project) -> None:
    with pytest.raises(Invalid, match="two values"):
        project.parse_ids({"registered": "a", "customerId": "b"})


def test_caps_and_hard_types_are_the_declared_ones(project: Project) -> None:
    assert dict(project.caps) == {"email": 3}
    assert project.hard_types == {"registered", "loyalty"}


DECLARED = """
[projects.other.identifiers]
user = { kind = "hard" }

[sources.signed]
write_key = "signed-key"
project = "other"
signed = "required"
origins = ["https://a.example"]
redirects.spring = { url = "https://shop.example", event_type = "click" }
"""


def test_what_several_sources_declare_is_found_over_all_of_them(written: Path) -> None:
    written.write_text(VALID + DECLARED)
    sources = file_schema.load_sources(written)
    assert sources.origins == ("https://a.example", "https://shop.example")
    assert sources.signing_projects == ("other",)
    assert sources.hard_types == {
        "shop": frozenset({"registered", "loyalty"}),
        "other": frozenset({"user"}),
    }
    write_key, redirect = sources.redirects["spring"]
    assert (write_key, redirect.event_type) == ("signed-key", "click")
    found = sources.find_source("signed-key")
    assert found is not None
    assert found.project == "other"
    assert sources.find_source("unknown") is None
    assert sources.projects["other"].email_type is None
    assert sources.projects["shop"].email_type == "email"


def test_a_project_declares_its_types_in_any_spelling(project: Project) -> None:
    assert project.declares("ECOMMERCEID")
    assert not project.declares("phone")


@pytest.mark.parametrize(
    ("zone", "is_valid"),
    [
        ("Europe/Copenhagen", True),
        ("UTC", True),
        ("Mars/Olympus", False),
        ("..", False),
    ],
)
def test_a_time_zone_is_one_that_python_knows(
    written: Path, zone: str, *, is_valid: bool
) -> None:
    written.write_text(f'[projects.shop]\ntime_zone = "{zone}"\n{VALID}')
    if is_valid:
        assert file_schema.load_sources(written).projects["shop"].time_zone == zone
        return
    with pytest.raises(SourcesError, match="time zone"):
        file_schema.load_sources(written)


def test_a_project_has_at_most_eight_types(written: Path) -> None:
    more = "\n".join(f'soft{number} = {{ kind = "soft" }}' for number in range(6))
    written.write_text(VALID.replace("[sources.web]", f"{more}\n\n[sources.web]"))
    with pytest.raises(SourcesError, match="9 identifier types: declare at most 8"):
        file_schema.load_sources(written)


@pytest.mark.parametrize(
    "origin",
    [
        *("null", "capacitor://localhost", "ionic://localhost", "app://shop:80"),
        *("chrome-extension://abcdefghijklmnop", "https://[::1]:8443"),
    ],
)
def test_p1_an_origin_of_an_app_or_a_sandboxed_frame_is_declared(
    written: Path, origin: str
) -> None:
    written.write_text(VALID.replace("https://shop.example", origin))
    assert file_schema.load_sources(written).origins == (origin,)
