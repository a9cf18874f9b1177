"""Who may send, and with which policies: the file `sources.toml`, validated when it is loaded."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hardlink.errors import Invalid, UnknownSource
from hardlink.identifiers import IdentifierType, checked
from hardlink.nodes import PROFILE, Node

Policy = Literal["move", "split", "refuse"]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d+)?|https?://\[[0-9a-f:]+\](:\d+)?")
_RESERVED = {PROFILE, "session", "cookie"}


class SourcesError(Exception):
    """`sources.toml` can't be used: each line names the file, the field, and what is wrong."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))


class Project(_Strict):
    """The space in which identities are unique: its identifier types, in order of preference."""

    identifiers: Mapping[str, IdentifierType]

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Project:
        seen: dict[str, str] = {}
        for name, type_ in self.identifiers.items():
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", name) or name.lower() in _RESERVED:
                raise ValueError(
                    f"identifier type {name!r} can't be used: it is reserved or malformed"
                )
            for spelling in (name, *type_.spellings):
                if seen.setdefault(spelling.lower(), name) != name:
                    raise ValueError(
                        f"{spelling!r} is a spelling of {seen[spelling.lower()]!r} and of {name!r}"
                    )
        if not any(t.kind == "hard" for t in self.identifiers.values()):
            raise ValueError("a project needs a hard identifier type")
        return self

    @cached_property
    def _by_spelling(self) -> Mapping[str, str]:
        return {s.lower(): n for n, t in self.identifiers.items() for s in (n, *t.spellings)}

    @cached_property
    def _order(self) -> Mapping[str, int]:
        return {name: position for position, name in enumerate(self.identifiers)}

    @cached_property
    def caps(self) -> Mapping[str, int]:
        """How many values one customer may have, for the types that say so."""
        return {n: t.most for n, t in self.identifiers.items() if t.kind == "soft" and t.most}

    @cached_property
    def hard_types(self) -> frozenset[str]:
        """The types of which a customer has one each."""
        return frozenset(name for name, type_ in self.identifiers.items() if type_.kind == "hard")

    def identifier(self, type_: str, value: object, field: str) -> Node:
        """The node that a caller means by `type_` and `value`. Raises `Invalid` naming `field`."""
        name = self._by_spelling.get(type_.strip().lower())
        if name is None:
            known = ", ".join(self.identifiers)
            raise Invalid(
                f"identifier type {type_[:64]!r} is not declared: use one of {known}", field
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


class Source(_Strict):
    """A site or backend that may send.

    `write_key` is public: it may send, never read. `origins`: exact origins that browsers may call from.
    `policy`: what a second login on one profile does. `retention_days`: how long events are kept.
    `static_profile_id`: adopt profile IDs that callers make up (Tracardi's option of the same name).
    """

    write_key: Annotated[str, Field(min_length=4, max_length=256, pattern=r"^[\x21-\x7e]+$")]
    project: Name
    origins: tuple[str, ...] = ()
    policy: Policy = "move"
    retention_days: Annotated[int, Field(ge=1, le=36500)] | None = None
    static_profile_id: bool = False

    @field_validator("origins")
    @classmethod
    def _exact(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is no exact origin: write scheme, host and port, no path, no *"
                )
        return origins


class Sources(_Strict):
    """All projects and sources of one deployment."""

    projects: Mapping[Name, Project]
    sources: Mapping[Name, Source]

    @model_validator(mode="after")
    def _refer_to_each_other(self) -> Sources:
        keys: dict[str, str] = {}
        for name, source in self.sources.items():
            if source.project not in self.projects:
                raise ValueError(f"sources.{name}.project: there is no project {source.project!r}")
            if keys.setdefault(source.write_key, name) != name:
                raise ValueError(
                    f"sources.{name}.write_key: also the key of {keys[source.write_key]!r}"
                )
        return self

    @cached_property
    def _by_key(self) -> Mapping[str, tuple[str, Source]]:
        return {source.write_key: (name, source) for name, source in self.sources.items()}

    @cached_property
    def origins(self) -> tuple[str, ...]:
        """Every origin that some source allows."""
        return tuple(sorted({o for source in self.sources.values() for o in source.origins}))

    def named(self, write_key: str) -> tuple[str, Source, Project]:
        """Name, source and project of a write key. Raises `UnknownSource`."""
        found = self._by_key.get(write_key)
        if found is None:
            raise UnknownSource(
                "Unauthorized Access: no source has this ID, see sources.toml", "source.id"
            )
        name, source = found
        return name, source, self.projects[source.project]


def load(path: Path) -> Sources:
    """The sources that a file declares. Raises `SourcesError` naming file and field."""
    try:
        return Sources.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SourcesError(f"{path}: {error}") from error
    except ValidationError as error:
        lines = (
            f"{path}: {'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()
        )
        raise SourcesError("\n".join(lines)) from error
