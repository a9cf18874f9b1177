"""Who may send, and with which policies: what `sources.toml` declares, as the functions use it.

`declaration` validates the file, before it is deployed; here it is only read, so that a cold start need not.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from hardlink.domain.changeset import LINKS_A_DAY
from hardlink.domain.errors import Invalid, UnknownSource
from hardlink.domain.graph import PROFILE, Node, profile_node
from hardlink.domain.identifiers import parse_identifier

Policy = Literal["move", "split", "refuse"]
Signed = Literal["off", "optional", "required"]
Bots = Literal["keep", "drop"]
PROFILES_A_CUSTOMER = 10_000
"""Somebody who logs in anew three times a day has as many after nine years."""


@dataclass(frozen=True)
class IdentifierType:
    """One type of identifier of a project.

    `kind`: `hard` (one per customer) or `soft` (many). `spellings`: other names on the wire, in any case.
    `email`: trimmed and lower-cased. `most`: how many values one customer may have (soft types).
    """

    kind: Literal["hard", "soft"]
    spellings: tuple[str, ...] = ()
    email: bool = False
    most: int | None = None


@dataclass(frozen=True)
class ConsentCategory:
    """What a customer may consent to.

    `legitimate_interest`: the shop may do it without being asked. `translations`: by language, texts by their name.
    """

    id: str
    legitimate_interest: bool = False
    translations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Project:
    """The space in which identities are unique: its identifier types, in order of preference.

    `consent_categories`: what its customers may consent to, as Exponea's mobile clients ask for it. `time_zone`: of
    dates that name none, in what the shop's own systems write (its order feed). `profiles_a_customer`: the most.
    """

    identifiers: Mapping[str, IdentifierType]
    consent_categories: tuple[ConsentCategory, ...] = ()
    time_zone: str = "UTC"
    profiles_a_customer: int = PROFILES_A_CUSTOMER

    @cached_property
    def _by_spelling(self) -> Mapping[str, str]:
        return {s.lower(): n for n, t in self.identifiers.items() for s in (n, *t.spellings)}

    @cached_property
    def _order(self) -> Mapping[str, int]:
        return {name: position for position, name in enumerate(self.identifiers)}

    @cached_property
    def caps(self) -> Mapping[str, int]:
        """How many values one customer may have, for the types that say so."""
        return {n: t.most for n, t in self.identifiers.items() if t.most}

    @cached_property
    def hard_types(self) -> frozenset[str]:
        """The types of which a customer has one each."""
        return frozenset(name for name, type_ in self.identifiers.items() if type_.kind == "hard")

    @property
    def first_hard(self) -> str:
        """The hard type that comes first: what others call the customer ID."""
        return next(name for name in self.identifiers if name in self.hard_types)

    @property
    def email(self) -> str | None:
        """The type of e-mail addresses, if there is one."""
        return next((name for name, type_ in self.identifiers.items() if type_.email), None)

    def declares(self, type_: str) -> bool:
        """Whether a type, in any spelling, is one of this project's."""
        return self.type_of(type_) is not None

    def type_of(self, spelling: str) -> str | None:
        """The identifier type of this name or spelling, if one is declared."""
        return self._by_spelling.get(spelling.strip().lower())

    def means(self, spelling: str, named: str) -> bool:
        """Whether an identifier that a caller spells so is the one that an error names."""
        return named in (spelling[:64], self.type_of(spelling))

    def identifier(
        self, type_: str, value: object, field: str, *, type_field: str | None = None
    ) -> Node:
        """The node that a caller means by `type_` and `value`. Raises `Invalid` naming the field at fault."""
        name = self.named_type(type_, type_field or field)
        text = parse_identifier(value, field)
        return Node(name, text.lower() if self.identifiers[name].email else text)

    def parse_customer(self, type_: str, value: str) -> Node:
        """Parse the customer in a path, `type/value`; `type` may be `profile`. Raises `Invalid`."""
        if type_ == PROFILE:
            return profile_node(parse_identifier(value, "value"))
        return self.identifier(type_, value, "value", type_field="type")

    def named_type(self, type_: str, field: str) -> str:
        """A type as it is declared, from any of its spellings. Raises `Invalid` naming `field`."""
        name = self.type_of(type_)
        if name is None:
            known = ", ".join(self.identifiers)
            raise Invalid(
                f"identifier type {type_[:64]!r} is not declared: use one of {known}", field
            )
        return name

    def resolve(self, ids: Mapping[str, object]) -> tuple[Node, ...]:
        """The nodes of a call's `ids`, in order of preference; nulls are left out.

        Raises `Invalid` for an undeclared type, a value that identifies nobody, and two values of one type.
        """
        found: dict[str, Node] = {}
        for type_, value in ids.items():
            if value is None:
                continue
            node = self.identifier(type_, value, f"ids.{type_[:64]}")
            if found.setdefault(node.type, node) != node:
                raise Invalid(f"two values for {node.type!r}: send one", f"ids.{type_[:64]}")
        return tuple(sorted(found.values(), key=lambda node: self._order[node.type]))


@dataclass(frozen=True)
class Redirect:
    """A link that counts who follows it: an event of `event_type` with these `properties`, then on to `url`."""

    url: str
    event_type: str
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """A site or backend that may send.

    `write_key` is public: it may send, never read. `origins`: exact origins that browsers may call from.
    `policy`: what a second login on one profile does; none: what the client's own system does (Exponea's and
    Segment's split, all others move). `retention_days`: how long events are kept.
    `static_profile_id`: adopt profile IDs that callers make up (Tracardi's option of the same name).
    `tracardi`: its clients are Tracardi's, and are answered as Tracardi does. `redirects`: by their IDs.
    `signed`: whether a token has to prove who a visitor is: `off`, never; `optional`, where there is one; `required`.
    `links_a_day`: of one profile, the most. `rate`: calls a second that one running instance of a function takes.
    `bots`: whether what user agents send that are programs is kept.
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

    @property
    def system_events(self) -> bool:
        """Whether a visit begins with events of its own."""
        return self.tracardi


@dataclass(frozen=True)
class Sources:
    """All projects and sources of one deployment."""

    projects: Mapping[str, Project]
    sources: Mapping[str, Source] = field(default_factory=dict)

    @classmethod
    def of(cls, declared: Mapping[str, Any]) -> Sources:
        """The sources that a valid declaration means."""
        return cls(
            {
                name: Project(
                    {n: _type(t) for n, t in project["identifiers"].items()},
                    tuple(ConsentCategory(**c) for c in project.get("consent_categories", ())),
                    project.get("time_zone", "UTC"),
                    project.get("profiles_a_customer", PROFILES_A_CUSTOMER),
                )
                for name, project in declared["projects"].items()
            },
            {name: _source(source) for name, source in declared["sources"].items()},
        )

    @cached_property
    def _by_key(self) -> Mapping[str, tuple[str, Source]]:
        return {source.write_key: (name, source) for name, source in self.sources.items()}

    @cached_property
    def origins(self) -> tuple[str, ...]:
        """Every origin that some source allows."""
        return tuple(sorted({o for source in self.sources.values() for o in source.origins}))

    @property
    def hard_types(self) -> Mapping[str, frozenset[str]]:
        """The hard identifier types of every project."""
        return {name: project.hard_types for name, project in self.projects.items()}

    @property
    def signed(self) -> tuple[str, ...]:
        """The projects that need signing keys: some source of theirs checks tokens."""
        signing = {source.project for source in self.sources.values() if source.signed != "off"}
        return tuple(name for name in self.projects if name in signing)

    @cached_property
    def redirects(self) -> Mapping[str, tuple[str, Redirect]]:
        """Every redirect by its ID, with the write key of its source."""
        sources = self.sources.values()
        return {id_: (s.write_key, found) for s in sources for id_, found in s.redirects.items()}

    def find(self, write_key: str) -> Source | None:
        """The source with this write key."""
        found = self._by_key.get(write_key)
        return found[1] if found else None

    def named(self, write_key: str) -> tuple[str, Source, Project]:
        """Name, source and project of a write key. Raises `UnknownSource`."""
        found = self._by_key.get(write_key)
        if found is None:
            raise UnknownSource("Unauthorized Access: no source has this ID", "source.id")
        name, source = found
        return name, source, self.projects[source.project]


def load_deployed(path: Path) -> Sources:
    """The sources of a deployment, whose file was validated before."""
    return Sources.of(tomllib.loads(path.read_text(encoding="utf-8")))


def _source(declared: Mapping[str, Any]) -> Source:
    origins = tuple(declared.get("origins", ()))
    redirects = {id_: Redirect(**found) for id_, found in declared.get("redirects", {}).items()}
    return Source(**{**declared, "origins": origins, "redirects": redirects})


def _type(declared: Mapping[str, Any]) -> IdentifierType:
    return IdentifierType(**{**declared, "spellings": tuple(declared.get("spellings", ()))})
