"""Validates `sources.toml` before anything is deployed or started: an error names the file, the field, and the mend."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hardlink.domain import commands
from hardlink.domain.changeset import LINKS_A_DAY, MOST_LINKS
from hardlink.domain.errors import Invalid
from hardlink.domain.graph import PROFILE
from hardlink.domain.sources import PROFILES_A_CUSTOMER, Bots, Policy, Signed, Sources

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
WriteKey = Annotated[str, Field(min_length=4, max_length=256, pattern=r"^[\x21-\x7e]+$")]
RedirectId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d+)?|https?://\[[0-9a-f:]+\](:\d+)?")
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?([/?#][\x21-\x7e]*)?")
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
MOST_TYPES = 8
"""Identifier types of a project: one call may send one of each, and all of it is one transaction."""
_RESERVED = {PROFILE, "session", "cookie"}


class SourcesError(Exception):
    """`sources.toml` can't be used: each line names the file, the field, and what is wrong."""


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IdentifierType(_Declared):
    """See `sources.IdentifierType`."""

    kind: Literal["hard", "soft"]
    spellings: tuple[str, ...] = ()
    email: bool = False
    most: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _hard_has_its_cap(self) -> IdentifierType:
        if self.kind == "hard" and self.most is not None:
            raise ValueError("a customer has one value of a hard type: leave out most")
        return self


class ConsentCategory(_Declared):
    """See `sources.ConsentCategory`."""

    id: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,128}$")]
    legitimate_interest: bool = False
    translations: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)


class Project(_Declared):
    """See `sources.Project`."""

    identifiers: Mapping[str, IdentifierType]
    consent_categories: tuple[ConsentCategory, ...] = ()

    @field_validator("consent_categories")
    @classmethod
    def _each_once(cls, found: tuple[ConsentCategory, ...]) -> tuple[ConsentCategory, ...]:
        ids = [category.id for category in found]
        if twice := next((id_ for id_ in ids if ids.count(id_) > 1), None):
            raise ValueError(f"category {twice!r} is declared twice")
        return found

    time_zone: str = "UTC"
    profiles_a_customer: Annotated[int, Field(ge=1)] = PROFILES_A_CUSTOMER

    @field_validator("time_zone")
    @classmethod
    def _is_there(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, ZoneInfoNotFoundError) as error:
            raise ValueError(
                f"there is no time zone {name!r}: write Europe/Berlin, or UTC"
            ) from error
        return name

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Project:
        seen: dict[str, str] = {}
        for name, type_ in self.identifiers.items():
            if not _TYPE.fullmatch(name) or name.lower() in _RESERVED:
                raise ValueError(f"identifier type {name!r} is reserved or malformed: rename it")
            for spelling in (name, *type_.spellings):
                if seen.setdefault(spelling.lower(), name) != name:
                    first = seen[spelling.lower()]
                    raise ValueError(f"{spelling!r} is a spelling of {first!r} and of {name!r}")
        if len(self.identifiers) > MOST_TYPES:
            raise ValueError(
                f"{len(self.identifiers)} identifier types: declare at most {MOST_TYPES}"
            )
        if not any(type_.kind == "hard" for type_ in self.identifiers.values()):
            raise ValueError("a project needs a hard identifier type")
        return self


class Redirect(_Declared):
    """See `sources.Redirect`."""

    url: str
    event_type: str
    properties: Mapping[str, str] = {}

    @field_validator("url")
    @classmethod
    def _whole(cls, url: str) -> str:
        if not _URL.fullmatch(url):
            raise ValueError(f"{url!r} is no whole URL: https://host/path")
        return url

    @model_validator(mode="after")
    def _is_an_event(self) -> Redirect:
        try:
            commands.event({"type": self.event_type, "properties": self.properties}, 0)
        except Invalid as error:
            raise ValueError(f"{error.field}: {error.message}") from error
        return self


class Source(_Declared):
    """See `sources.Source`."""

    write_key: WriteKey
    project: Name
    origins: tuple[str, ...] = ()
    policy: Policy | None = None
    retention_days: Annotated[int, Field(ge=1, le=36500)] | None = None
    static_profile_id: bool = False
    tracardi: bool = False
    redirects: Mapping[RedirectId, Redirect] = {}
    signed: Signed = "off"
    links_a_day: Annotated[int, Field(ge=1, le=MOST_LINKS)] = LINKS_A_DAY
    rate: Annotated[int, Field(ge=1)] | None = None
    bots: Bots = "keep"

    @field_validator("origins")
    @classmethod
    def _exact(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is no exact origin: scheme, host, port; no path, no *"
                )
        return origins


class Declaration(_Declared):
    """The whole file."""

    projects: Mapping[Name, Project]
    sources: Mapping[Name, Source]

    @model_validator(mode="after")
    def _refer_to_each_other(self) -> Declaration:
        keys: dict[str, str] = {}
        for name, source in self.sources.items():
            if source.project not in self.projects:
                raise ValueError(f"sources.{name}.project: there is no project {source.project!r}")
            if keys.setdefault(source.write_key, name) != name:
                other = keys[source.write_key]
                raise ValueError(f"sources.{name}.write_key: also the key of {other!r}")
        ids = Counter(id_ for source in self.sources.values() for id_ in source.redirects)
        if twice := [id_ for id_, count in ids.items() if count > 1]:
            raise ValueError(f"redirects.{twice[0]}: two sources have it; rename one")
        return self


def load_sources(path: Path) -> Sources:
    """The sources that a file declares. Raises `SourcesError` naming file and field."""
    try:
        return validate_sources(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SourcesError(f"{path}: {error}") from error
    except ValidationError as error:
        where = (".".join(map(str, e["loc"])) or "file" for e in error.errors())
        lines = (f"{path}: {w}: {e['msg']}" for w, e in zip(where, error.errors(), strict=True))
        raise SourcesError("\n".join(lines)) from error


def validate_sources(declared: Mapping[str, Any]) -> Sources:
    """The sources that a parsed file declares. Raises pydantic's `ValidationError`."""
    return Sources.of(Declaration.model_validate(declared).model_dump())
