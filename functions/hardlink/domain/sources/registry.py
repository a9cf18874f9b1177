"""Projects, their identifier types, and the sources that may send, as `sources.toml` declares them.

`file_schema` validates the file before it is deployed. Functions only read it here, which spares
a cold start the validation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from hardlink.domain.changeset import LINKS_A_DAY
from hardlink.domain.errors import Invalid, UnknownSource
from hardlink.domain.graph import PROFILE, Node, Policy, profile_node
from hardlink.domain.identifiers import normal_email, parse_identifier

Signed = Literal["off", "optional", "required"]
Bots = Literal["keep", "drop"]
PROFILES_A_CUSTOMER = 10_000
"""Profiles of one customer: three new logins a day reach it after nine years."""
READ_OPTIONS = frozenset(
    (
        *("cursor", "itself", "limit", "segments", "since"),
        *("source", "traits", "type", "until"),
    )
)
"""Query parameters of read calls, which therefore no identifier type may be called."""
_MOST_SHOWN = 64
"""Characters of a caller's own spelling that an error quotes."""


@dataclass(frozen=True)
class IdentifierType:
    """One type of identifier of a project.

    - `kind`: `hard` (one per customer) or `soft` (many).
    - `spellings`: other names on the wire, in any case.
    - `email`: values are addresses, in their normal form (lower case).
    - `most`: values per customer (soft types).
    """

    kind: Literal["hard", "soft"]
    spellings: tuple[str, ...] = ()
    email: bool = False
    most: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The spellings in lower case, as they are compared with those of calls."""
        return tuple(map(str.lower, self.spellings))


@dataclass(frozen=True)
class ConsentCategory:
    """A purpose that a customer may consent to.

    `legitimate_interest`: it needs no consent. `translations`: language -> name of a text -> text.
    """

    id: str
    legitimate_interest: bool = False
    translations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class ComputedTrait(NamedTuple):
    """A trait that is computed of a customer's events; `domain/traits/declaration.py` builds it.

    - `compute`: how; without it, the trait of this name that every project has.
    - `over`: of what; of orders and visits each counts once.
    - `events`: types that count, all without any. `where`: condition on their properties.
    - `of`: the property that is used, dotted; without it, the event's time.
    - `within`: `30 days` or `visit`, else ever. `most`: values of a list.
    - `public`: pages may read it of their own visitor.
    """

    compute: str | None = None
    over: Literal["events", "orders", "visits"] = "events"
    events: tuple[str, ...] = ()
    where: str | None = None
    of: str | None = None
    within: str | None = None
    most: int | None = None
    public: bool = False


class ComputedSegment(NamedTuple):
    """A segment: customers who meet the condition `when`. `public`: as of a trait."""

    when: str
    public: bool = False


@dataclass(frozen=True)
class Project:
    """The space in which identities are unique.

    `identifiers`: its types, in order of preference. `consent_categories`: as Exponea's mobile
    clients request them. `time_zone`: of dates without a zone in the order feed.
    `profiles_a_customer`: the most profiles that one customer may have. `traits`, `segments`: those
    that are computed, by name. `unproven_visitors`: pages may read public traits of a customer
    whose log-in no token proves.
    """

    identifiers: Mapping[str, IdentifierType]
    consent_categories: tuple[ConsentCategory, ...] = ()
    time_zone: str = "UTC"
    profiles_a_customer: int = PROFILES_A_CUSTOMER
    traits: Mapping[str, ComputedTrait] = field(default_factory=dict)
    segments: Mapping[str, ComputedSegment] = field(default_factory=dict)
    unproven_visitors: bool = False

    @classmethod
    def from_declaration(cls, declared: Mapping[str, Any]) -> Project:
        """Build a project from its part of a valid file."""
        types = declared["identifiers"]
        categories = declared.get("consent_categories", ())
        segments = declared.get("segments", {})
        return cls(
            {name: _identifier_type(type_) for name, type_ in types.items()},
            tuple(ConsentCategory(**category) for category in categories),
            declared.get("time_zone", "UTC"),
            declared.get("profiles_a_customer", PROFILES_A_CUSTOMER),
            _computed_traits(declared.get("traits", {})),
            {name: ComputedSegment(**segment) for name, segment in segments.items()},
            declared.get("unproven_visitors", False),
        )

    @cached_property
    def _by_spelling(self) -> Mapping[str, str]:
        """Every name and spelling in lower case, with the type it stands for.

        No spelling stands for two types: `file_schema` sees to that.
        """
        names: dict[str, str] = {}
        for name, type_ in self.identifiers.items():
            spellings = (name.lower(), *type_.names)
            names.update(dict.fromkeys(spellings, name))
        return names

    @cached_property
    def _preference(self) -> Mapping[str, int]:
        """The place of each type among all, the preferred one first."""
        return dict(zip(self.identifiers, range(len(self.identifiers)), strict=True))

    @cached_property
    def caps(self) -> Mapping[str, int]:
        """Identifiers that one customer may have, for types with a cap.

        Such an identifier is counted where it is given to a customer, all others are not.
        """
        caps: dict[str, int] = {}
        for name, type_ in self.identifiers.items():
            if type_.most is not None:
                caps[name] = type_.most
        return caps

    @cached_property
    def _hard_types(self) -> Sequence[str]:
        """The hard types in order of preference.

        A project has at least one: `file_schema` sees to that.
        """
        hard: list[str] = []
        for name, type_ in self.identifiers.items():
            if type_.kind == "hard":
                hard.append(name)
        return hard

    @cached_property
    def hard_types(self) -> frozenset[str]:
        """Types of which a customer has one identifier each."""
        return frozenset(self._hard_types)

    @property
    def first_hard_type(self) -> str:
        """The first hard type, which other systems call the customer ID."""
        return self._hard_types[0]

    @property
    def email_type(self) -> str | None:
        """The type of e-mail addresses, if one is declared; of several the first one.

        Other systems' calls have a field for an address, and none for its type.
        """
        for name, type_ in self.identifiers.items():
            if type_.email:
                return name
        return None

    def declares(self, spelling: str) -> bool:
        """Check whether a type is declared, in any spelling."""
        return self.find_type(spelling) is not None

    def find_type(self, spelling: str) -> str | None:
        """Find an identifier type by its name or another spelling, in any case."""
        return self._by_spelling.get(spelling.strip().lower())

    def matches_type(self, spelling: str, named: str) -> bool:
        """Check whether a caller's spelling is the type that an error names."""
        return named in (spelling[:_MOST_SHOWN], self.find_type(spelling))

    def parse_type(self, spelling: str, field: str) -> str:
        """Parse a type in any spelling. Raises `Invalid` naming `field` and the declared types."""
        name = self.find_type(spelling)
        if name is None:
            known = ", ".join(self.identifiers)
            shown = spelling[:_MOST_SHOWN]
            raise Invalid(
                f"identifier type {shown!r} is not declared: use one of {known}", field
            )
        return name

    def parse_node(self, type_: str, value: object, field: str) -> Node:
        """Parse an identifier. Raises `Invalid` naming `field`.

        The node has the declared name of its type, and the normal form of its value.
        """
        name = self.parse_type(type_, field)
        text = parse_identifier(value, field)
        if self.identifiers[name].email:
            text = normal_email(text)
        return Node(name, text)

    def parse_customer(self, type_: str, value: str) -> Node:
        """Parse the customer that a read call names; `type_` may be `profile`.

        Raises `Invalid` naming the type as it was sent.
        """
        if type_ == PROFILE:
            return profile_node(parse_identifier(value, PROFILE))
        return self.parse_node(type_, value, type_[:_MOST_SHOWN])

    def parse_ids(self, ids: Mapping[str, object]) -> tuple[Node, ...]:
        """Parse the `ids` of a call, without nulls, in order of preference.

        Raises `Invalid` for an undeclared type, a placeholder, and two values of one type.
        """
        nodes: dict[str, Node] = {}
        for type_, value in ids.items():
            # Clients send null for what they do not know.
            if value is None:
                continue
            field = f"ids.{type_[:_MOST_SHOWN]}"
            node = self.parse_node(type_, value, field)
            # Two spellings of one type are fine, as long as they have one value.
            if nodes.setdefault(node.type, node) != node:
                raise Invalid(f"two values for {node.type!r}: send one", field)
        return tuple(sorted(nodes.values(), key=self._by_preference))

    def _by_preference(self, node: Node) -> int:
        """Order identifiers by their types."""
        return self._preference[node.type]


@dataclass(frozen=True)
class Redirect:
    """A link that tracks an event of `event_type` with `properties`, and redirects to `url`.

    `passes_recipient`: `url` is a page of the shop, which may learn who a newsletter was sent to.
    """

    url: str
    event_type: str
    properties: Mapping[str, str] = field(default_factory=dict)
    passes_recipient: bool = False


@dataclass(frozen=True)
class Source:
    """A site or backend that may send.

    - `write_key` is public: it may send, never read. `origins`: exact origins of browsers.
    - `policy`: what a second login on one profile does. None: the default of the client's system
      (`move` for Hello Retail, `split` for all others).
    - `retention_days`: how long events are stored.
    - `static_profile_id`: adopt profile IDs from clients (Tracardi's option of the same name).
    - `tracardi`: clients are Tracardi's and get Tracardi's answers. `redirects`: by their IDs.
    - `signed`: `required` needs a token with every identifier, `optional` verifies tokens that are
      sent, `off` ignores them.
    - `links_a_day`: links of one profile per day. `rate`: calls per second and running instance.
    - `bots`: whether events of known bots are kept or dropped.
    """

    write_key: str
    project: str
    origins: tuple[str, ...] = ()
    policy: Policy | None = None
    retention_days: int | None = None
    static_profile_id: bool = False
    tracardi: bool = False
    redirects: Mapping[str, Redirect] = field(default_factory=dict)
    signed: Signed = "off"
    links_a_day: int = LINKS_A_DAY
    rate: int | None = None
    bots: Bots = "keep"

    @classmethod
    def from_declaration(cls, declared: Mapping[str, Any]) -> Source:
        """Build a source from its part of a valid file.

        Lists become tuples, so that nothing changes it while functions use it.
        """
        redirects: dict[str, Redirect] = {}
        for id_, redirect in declared.get("redirects", {}).items():
            redirects[id_] = Redirect(**redirect)
        origins = tuple(declared.get("origins", ()))
        return cls(**{**declared, "origins": origins, "redirects": redirects})

    @property
    def system_events(self) -> bool:
        """True if a visit begins with Tracardi's system events."""
        return self.tracardi


_UNKNOWN_KEY = "Unauthorized Access: no source in sources.toml has this write key"
"""It begins with Tracardi's words (seed 002), which its clients may look for."""
_IF_SERVER_KEY = (
    "If it is a server key or a signing key: that is a secret, which no page may contain. "
    "Rotate it (infra/README.md), and use the source's write key"
)
_SECRET = re.compile("[A-Za-z0-9_-]{32,64}")
"""The form of the secrets that the stack and the local service make."""
_UUID = re.compile("[0-9a-f-]{36}", re.IGNORECASE)
"""The form of Tracardi's sources and of Hello Retail's websites, which are no secrets."""


@dataclass(frozen=True)
class Sources:
    """All projects and sources of one deployment, by name."""

    projects: Mapping[str, Project]
    sources: Mapping[str, Source] = field(default_factory=dict)

    @classmethod
    def from_declaration(cls, declared: Mapping[str, Any]) -> Sources:
        """Build the projects and sources of a valid file.

        `declared`: the parsed file, with `projects` and `sources`, both by name.
        """
        projects, sources = declared["projects"], declared["sources"]
        return cls(
            {name: Project.from_declaration(part) for name, part in projects.items()},
            {name: Source.from_declaration(part) for name, part in sources.items()},
        )

    @cached_property
    def _by_key(self) -> Mapping[str, tuple[str, Source]]:
        """Every source with its name, by its write key: no two have the same one."""
        by_key: dict[str, tuple[str, Source]] = {}
        for name, source in self.sources.items():
            by_key[source.write_key] = (name, source)
        return by_key

    @cached_property
    def origins(self) -> tuple[str, ...]:
        """Every origin that some source allows, sorted: the stack's template stays the same."""
        origins: set[str] = set()
        for source in self.sources.values():
            origins.update(source.origins)
        return tuple(sorted(origins))

    @property
    def hard_types(self) -> Mapping[str, frozenset[str]]:
        """The hard identifier types of every project, by its name."""
        return {name: project.hard_types for name, project in self.projects.items()}

    @property
    def signing_projects(self) -> tuple[str, ...]:
        """The projects that need signing keys, because one of their sources verifies tokens.

        In the order of the file, so that the stack's template stays the same.
        """
        signing: set[str] = set()
        for source in self.sources.values():
            if source.signed != "off":
                signing.add(source.project)
        return tuple(sorted(signing, key=list(self.projects).index))

    @cached_property
    def redirects(self) -> Mapping[str, tuple[str, Redirect]]:
        """Every redirect by its ID, with the write key of its source.

        IDs are unique in a deployment, because a redirect's path names no source.
        """
        found: dict[str, tuple[str, Redirect]] = {}
        for source in self.sources.values():
            for id_, redirect in source.redirects.items():
                found[id_] = (source.write_key, redirect)
        return found

    def find_source(self, write_key: str) -> Source | None:
        """Find the source of a write key, which is compared as it is: write keys are public."""
        _, source = self._by_key.get(write_key, (None, None))
        return source

    def name_of(self, source: Source) -> str:
        """Return the name of a declared source."""
        return self._by_key[source.write_key][0]

    def resolve_key(self, write_key: str) -> tuple[str, Source, Project]:
        """Resolve a write key to name, source and project. Raises `UnknownSource`."""
        found = self._by_key.get(write_key)
        if found is None:
            raise UnknownSource(_explain_unknown(write_key), "source.id")
        name, source = found
        return name, source, self.projects[source.project]


def _explain_unknown(write_key: str) -> str:
    """Say that no source has a key; a long random one may be a secret that a page gave away."""
    if _SECRET.fullmatch(write_key) and not _UUID.fullmatch(write_key):
        return f"{_UNKNOWN_KEY}. {_IF_SERVER_KEY}"
    return _UNKNOWN_KEY


def load_deployed(path: Path) -> Sources:
    """Load the sources of a deployment, whose file was validated before.

    It is not validated again, which would lengthen every cold start.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return Sources.from_declaration(json.loads(text))
    import tomllib  # noqa: PLC0415 - deployed functions have JSON

    return Sources.from_declaration(tomllib.loads(text))


def _identifier_type(declared: Mapping[str, Any]) -> IdentifierType:
    """Build an identifier type from its part of a valid file."""
    spellings = tuple(declared.get("spellings", ()))
    return IdentifierType(**{**declared, "spellings": spellings})


def _computed_traits(declared: Mapping[str, Any]) -> dict[str, ComputedTrait]:
    """Build the computed traits of a valid file. Lists become tuples, as of a source."""
    traits: dict[str, ComputedTrait] = {}
    for name, trait in declared.items():
        events = tuple(trait.get("events", ()))
        traits[name] = ComputedTrait(**{**trait, "events": events})
    return traits
