"""Validate `sources.toml` before it is deployed or served: errors name file, field, and remedy.

The classes mirror those of `sources`, where the fields are described.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from hardlink.domain import commands
from hardlink.domain.changeset import LINKS_A_DAY, MOST_LINKS
from hardlink.domain.errors import Invalid, located_message
from hardlink.domain.graph import PROFILE, Policy
from hardlink.domain.schema import describe_errors
from hardlink.domain.sources import registry
from hardlink.domain.sources.registry import (
    PROFILES_A_CUSTOMER,
    READ_OPTIONS,
    Bots,
    Signed,
    Sources,
)
from hardlink.domain.sources.trait_schema import ComputedSegment, ComputedTrait
from hardlink.domain.traits.declaration import Catalogue

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
WriteKey = Annotated[
    str, Field(min_length=4, max_length=256, pattern=r"^[\x21-\x7e]+$")
]
RedirectId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
_ORIGIN = re.compile(
    r"https?://[a-z0-9.-]+(:\d+)?|https?://\[[0-9a-f:]+\](:\d+)?"
    # apps in a web view (capacitor://localhost, ionic://localhost), and sandboxed frames
    r"|(?!https?:)[a-z][a-z0-9+.-]*://[a-z0-9._-]+(:\d+)?|null"
)
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?([/?#][\x21-\x7e]*)?")
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
MOST_TYPES = 8
"""Identifier types of a project: a call may send one of each, all in one transaction."""
_RESERVED = {PROFILE, "session", "cookie"}


class SourcesError(Exception):
    """`sources.toml` is invalid: each line names the file, the field, and what is wrong."""


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IdentifierType(_Declared):
    """Schema of `sources.IdentifierType`."""

    kind: Literal["hard", "soft"]
    spellings: tuple[str, ...] = ()
    email: bool = False
    most: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _check_cap(self) -> IdentifierType:
        """Refuse a cap that could have no effect.

        A customer has one identifier of a hard type, whatever the cap.
        """
        is_capped = self.most is not None
        if is_capped and self.kind == "hard":
            raise ValueError(
                "a customer has one identifier of a hard type: remove most"
            )
        return self


class ConsentCategory(_Declared):
    """Schema of `sources.ConsentCategory`."""

    id: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,128}$")]
    legitimate_interest: bool = False
    translations: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)


class Project(_Declared):
    """Schema of `sources.Project`."""

    identifiers: Mapping[str, IdentifierType]
    consent_categories: tuple[ConsentCategory, ...] = ()
    time_zone: str = "UTC"
    profiles_a_customer: Annotated[int, Field(ge=1)] = PROFILES_A_CUSTOMER
    traits: Mapping[str, ComputedTrait] = Field(default_factory=dict)
    segments: Mapping[str, ComputedSegment] = Field(default_factory=dict)
    unproven_visitors: bool = False

    @field_validator("consent_categories")
    @classmethod
    def _check_categories(
        cls, categories: tuple[ConsentCategory, ...]
    ) -> tuple[ConsentCategory, ...]:
        """Refuse a category that is declared twice.

        Mobile clients would show it twice, and customers could answer both.
        """
        repeated = _first_repeated([category.id for category in categories])
        if repeated is not None:
            raise ValueError(f"category {repeated!r} is declared twice")
        return categories

    @field_validator("time_zone")
    @classmethod
    def _check_time_zone(cls, name: str) -> str:
        """Refuse a time zone that Python does not know: feeds would fail one by one."""
        try:
            ZoneInfo(name)
        except (ValueError, OSError, ZoneInfoNotFoundError) as error:
            raise ValueError(
                f"there is no time zone {name!r}: write a name such as Europe/Berlin"
            ) from error
        return name

    @model_validator(mode="after")
    def _check_identifier_types(self) -> Project:
        """Refuse too many types, reserved names, and a project without a hard type.

        A hard type is what every customer is known by in the end.
        """
        if len(self.identifiers) > MOST_TYPES:
            raise ValueError(
                f"{len(self.identifiers)} identifier types: declare at most {MOST_TYPES}"
            )
        for name in self.identifiers:
            if not _is_type_name(name):
                raise ValueError(
                    f"identifier type {name!r} is reserved or malformed: rename it"
                )
        # Without one, nobody could ever be merged, erased or exported as one customer.
        kinds = {type_.kind for type_ in self.identifiers.values()}
        if "hard" not in kinds:
            raise ValueError("a project needs a hard identifier type")
        return self

    @model_validator(mode="after")
    def _check_traits(self) -> Project:
        """Refuse traits and segments that cannot be computed: the message says where and why."""
        project = registry.Project.from_declaration(self.model_dump())
        Catalogue.of_project(project)
        return self

    @model_validator(mode="after")
    def _check_spellings(self) -> Project:
        """Check that no spelling stands for two types, in any case.

        They are compared in lower case, as calls are.
        """
        # Clients write `customerId` and `customerID`; a call must never mean one of two types.
        names: dict[str, str] = {}
        for name, type_ in self.identifiers.items():
            for spelling in (name, *type_.spellings):
                _check_no_option(spelling)
                other = names.setdefault(spelling.lower(), name)
                if other != name:
                    raise ValueError(
                        f"{spelling!r} is a spelling of {other!r} and of {name!r}"
                    )
        return self


class Redirect(_Declared):
    """Schema of `sources.Redirect`."""

    url: str
    event_type: str
    properties: Mapping[str, str] = {}
    passes_recipient: bool = False

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        """Refuse a URL that no browser could follow.

        It is sent as it is, in a `Location` header.
        """
        if not _URL.fullmatch(url):
            raise ValueError(f"{url!r} is not a complete URL: write https://host/path")
        return url

    @model_validator(mode="after")
    def _check_event(self) -> Redirect:
        """Refuse an event that `track` would reject each time."""
        try:
            commands.parse_event(
                {"type": self.event_type, "properties": self.properties}, 0
            )
        except Invalid as error:
            raise ValueError(located_message(error)) from error
        return self


class Source(_Declared):
    """Schema of `sources.Source`."""

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

    @model_validator(mode="after")
    def _check_profiles(self) -> Source:
        """Refuse to adopt profile IDs where tokens are required: one would undo the other."""
        is_signed = self.signed == "required"
        if is_signed and self.static_profile_id:
            raise ValueError(
                "static_profile_id lets any caller join a visitor by a profile ID, without the "
                'token that signed = "required" demands: remove one of them'
            )
        return self

    @field_validator("origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse patterns: an origin is compared with what the browser sends, letter by letter."""
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is not an exact origin: write scheme, host and port, "
                    "without path and *"
                )
        return origins


class Declaration(_Declared):
    """Schema of the whole file."""

    projects: Mapping[Name, Project]
    sources: Mapping[Name, Source]

    @model_validator(mode="after")
    def _check_projects(self) -> Declaration:
        """Refuse a source of a project that is not declared.

        The error names the source's field, as the project itself has no place in the file.
        """
        for name, source in self.sources.items():
            if source.project not in self.projects:
                raise ValueError(
                    f"sources.{name}.project: there is no project {source.project!r}"
                )
        return self

    @model_validator(mode="after")
    def _check_write_keys(self) -> Declaration:
        """Refuse one key for two sources, which calls could not tell apart."""
        names: dict[str, str] = {}
        for name, source in self.sources.items():
            other = names.setdefault(source.write_key, name)
            if other != name:
                raise ValueError(f"sources.{name}.write_key: also the key of {other!r}")
        return self

    @model_validator(mode="after")
    def _check_redirects(self) -> Declaration:
        """Refuse one ID for two redirects, because their path names no source.

        Over all sources: TOML itself only sees to it within one.
        """
        ids: list[str] = []
        for source in self.sources.values():
            ids += source.redirects
        repeated = _first_repeated(ids)
        if repeated is not None:
            raise ValueError(f"redirects.{repeated}: two sources have it; rename one")
        return self


def load_sources(path: Path) -> Sources:
    """Load the sources that a file declares.

    Raises `SourcesError` for a file that cannot be read, is no TOML, or declares something
    unusable: then each of its lines names the file, the field, and what is wrong.
    """
    try:
        return validate_sources(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SourcesError(f"{path}: {error}") from error
    except ValidationError as error:
        lines = [f"{path}: {line}" for line in describe_errors(error)]
        raise SourcesError("\n".join(lines)) from error


def validate_sources(declared: Mapping[str, Any]) -> Sources:
    """Validate the content of a file. Raises pydantic's `ValidationError`."""
    return Sources.from_declaration(Declaration.model_validate(declared).model_dump())


def _is_type_name(name: str) -> bool:
    """Tell whether an identifier type may be called so.

    Names of profiles and sessions stand for something else in calls and keys.
    """
    if name.lower() in _RESERVED:
        return False
    return _TYPE.fullmatch(name) is not None


def _check_no_option(spelling: str) -> None:
    """Refuse a spelling that is an option of read calls. Raises `ValueError`.

    Read calls name an identifier as `<type>=<value>` in their query string, beside the options.
    """
    if spelling.lower() in READ_OPTIONS:
        raise ValueError(f"{spelling!r} is an option of read calls: rename the type")


def _first_repeated(names: Sequence[str]) -> str | None:
    """Find the first name that stands there twice, `None` where each stands there once."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
