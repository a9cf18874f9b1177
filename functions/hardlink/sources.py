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

from hardlink.errors import Invalid, UnknownSource
from hardlink.identifiers import checked
from hardlink.nodes import Node

Policy = Literal["move", "split", "refuse"]


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
class Project:
    """The space in which identities are unique: its identifier types, in order of preference.

    `time_zone`: of dates that name none, in what the shop's own systems write (its order feed).
    """

    identifiers: Mapping[str, IdentifierType]
    time_zone: str = "UTC"

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
        return type_.strip().lower() in self._by_spelling

    def identifier(
        self, type_: str, value: object, field: str, *, type_field: str | None = None
    ) -> Node:
        """The node that a caller means by `type_` and `value`. Raises `Invalid` naming the field at fault."""
        name = self._by_spelling.get(type_.strip().lower())
        if name is None:
            known = ", ".join(self.identifiers)
            raise Invalid(
                f"identifier type {type_[:64]!r} is not declared: use one of {known}",
                type_field or field,
            )
        text = checked(value, field)
        return Node(name, text.lower() if self.identifiers[name].email else text)

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
class Source:
    """A site or backend that may send.

    `write_key` is public: it may send, never read. `origins`: exact origins that browsers may call from.
    `policy`: what a second login on one profile does; none: what the client's own system does (Exponea's splits, all
    others move). `retention_days`: how long events are kept.
    `static_profile_id`: adopt profile IDs that callers make up (Tracardi's option of the same name).
    """

    write_key: str
    project: str
    origins: tuple[str, ...] = ()
    policy: Policy | None = None
    retention_days: int | None = None
    static_profile_id: bool = False


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
                    project.get("time_zone", "UTC"),
                )
                for name, project in declared["projects"].items()
            },
            {
                name: Source(**{**source, "origins": tuple(source.get("origins", ()))})
                for name, source in declared["sources"].items()
            },
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

    def named(self, write_key: str) -> tuple[str, Source, Project]:
        """Name, source and project of a write key. Raises `UnknownSource`."""
        found = self._by_key.get(write_key)
        if found is None:
            raise UnknownSource("Unauthorized Access: no source has this ID", "source.id")
        name, source = found
        return name, source, self.projects[source.project]


def deployed(path: Path) -> Sources:
    """The sources of a deployment, whose file was validated before."""
    return Sources.of(tomllib.loads(path.read_text(encoding="utf-8")))


def _type(declared: Mapping[str, Any]) -> IdentifierType:
    return IdentifierType(**{**declared, "spellings": tuple(declared.get("spellings", ()))})
