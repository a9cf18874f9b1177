"""Wire -> questions: what the calls of Exponea's data and GDPR API ask for.

Source: the reference of Exponea's (Bloomreach Engagement's) customer API, and what
exponea-python-sdk 0.2.0 sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import SchemaValidator, core_schema

from dialects.exponea.commands import COOKIE, NO_ID
from hardlink.domain.errors import Invalid
from hardlink.domain.graph import Node
from hardlink.domain.identifiers import parse_session_id
from hardlink.domain.json_types import as_object, without_blanks
from hardlink.domain.schema import (
    ANY,
    TEXT,
    object_validator,
    optional,
    required,
    validate,
)
from hardlink.domain.sources.registry import Project
from hardlink.domain.traits.declaration import Catalogue
from hardlink.queries.computed import Wanted
from hardlink.queries.export_reader import ExportRequest

SEGMENTATION = "segmentation"
TRAITS = ("aggregate", "expression")
"""Types of computed attributes that are traits here: one value of a customer's events."""
_NOT_COMPUTED = ("prediction", "recommendation")


class Visitor(NamedTuple):
    """The customer that a call is about: identifiers, and a session (Exponea's cookie)."""

    nodes: Sequence[Node]
    session: str | None


class Columns(NamedTuple):
    """The columns of an export. exponea-python-sdk finds them by position, identifiers first.

    `properties`: `None` for every property that a customer has.
    """

    ids: Sequence[str]
    properties: Sequence[str] | None


class MissingIdsError(Invalid):
    """A call names no customer."""


def read_visitor(body: object, project: Project) -> Visitor:
    """Read the customer that a call is about, without blank identifiers.

    Raises `MissingIdsError` where none is left, and `Invalid`.
    """
    ids = without_blanks(validate(_VISITOR, body)["customer_ids"])
    if not ids:
        raise MissingIdsError(NO_ID, "customer_ids")
    nodes: list[Node] = []
    session: str | None = None
    for type_, value in ids.items():
        field = f"customer_ids.{type_[:64]}"
        if type_ == COOKIE:
            session = parse_session_id(value, field)
        else:
            nodes.append(project.parse_node(type_, value, field))
    return Visitor(nodes, session)


def read_attributes(body: object) -> Sequence[object]:
    """The attributes that a call asks for, each to be validated alone. Raises `Invalid`."""
    attributes: Sequence[object] = validate(_ATTRIBUTES, body)["attributes"]
    return attributes


def read_attribute(attribute: object) -> Mapping[str, Any]:
    """One attribute: its `type`, and its name under a field that the type decides.

    Raises `Invalid`.
    """
    return validate(_ATTRIBUTE, attribute)


def list_computed(attributes: Iterable[object], catalogue: Catalogue) -> Wanted:
    """List the traits and segments that attributes name; those that name none are left out."""
    traits: list[str] = []
    segments: list[str] = []
    for one in map(as_object, attributes):
        type_, name = one.get("type"), one.get("id")
        if not isinstance(name, str):
            continue
        if type_ == SEGMENTATION and name in catalogue.segments:
            segments.append(name)
        elif type_ in TRAITS and name in catalogue.traits:
            traits.append(name)
    return Wanted(traits, segments)


def read_events_request(body: object) -> ExportRequest:
    """The events that a call asks for. Raises `Invalid`."""
    fields = validate(_EVENTS, body)
    return ExportRequest(
        types=frozenset(fields["event_types"]),
        skip=fields.get("skip") or 0,
        limit=fields.get("limit"),
        newest_first=fields.get("order") == "desc",
    )


def read_columns(body: object, project: Project) -> Columns:
    """The columns that an export asks for; all of them if it names none. Raises `Invalid`."""
    attributes = as_object(validate(_EXPORT, body).get("attributes"))
    if attributes.get("type") != "some":
        return Columns([*project.identifiers, COOKIE], None)
    listed = attributes.get("list")
    if not listed:
        raise Invalid(
            "name the attributes: an empty list exports nothing", "attributes.list"
        )
    return _read_listed_columns(listed, project)


def _read_listed_columns(
    listed: Sequence[Mapping[str, Any]], project: Project
) -> Columns:
    """Read the columns in a list of `{"type": "id", "id": ...}` and of properties alike."""
    ids: list[str] = []
    properties: list[str] = []
    for attribute in listed:
        if attribute["type"] == "id":
            ids.append(declared_type(attribute["id"], project, "attributes.list"))
        else:
            properties.append(attribute["property"])
    return Columns(ids, properties)


def declared_type(type_: str, project: Project, field: str) -> str:
    """Return an identifier type in the project's spelling. Raises `Invalid` naming `field`.

    The cookie is no type of a project, but the data API names it as one.
    """
    if type_ == COOKIE:
        return COOKIE
    return project.parse_type(type_, field)


def _object(
    fields: dict[str, core_schema.TypedDictField],
) -> core_schema.TypedDictSchema:
    """Make the schema of an object with these fields; further ones are ignored."""
    return core_schema.typed_dict_schema(fields)


def _attribute_schema(
    type_: str, name: str, **more: core_schema.TypedDictField
) -> core_schema.TypedDictSchema:
    """An attribute of this type, whose name stands under the field `name`."""
    literal = core_schema.literal_schema([type_])
    return _object({"type": required(literal), name: required(TEXT), **more})


_COUNT = core_schema.int_schema(strict=True, ge=0, le=2**31 - 1)
_COMPUTED = _object({"type": required(TEXT)})
_NAMED = _object({"type": required(TEXT), "id": required(TEXT)})
_PROPERTY = _attribute_schema("property", "property")
_IDENTIFIER = _attribute_schema("id", "id")
_VISITOR = object_validator(
    {"customer_ids": required(core_schema.dict_schema(TEXT, ANY))}
)
_ATTRIBUTES = object_validator({"attributes": required(core_schema.list_schema(ANY))})
_ATTRIBUTE = SchemaValidator(
    core_schema.tagged_union_schema(
        {
            "property": _PROPERTY,
            "id": _IDENTIFIER,
            "consent": _attribute_schema("consent", "category", mode=optional(TEXT)),
            **dict.fromkeys(_NOT_COMPUTED, _COMPUTED),
            **dict.fromkeys((SEGMENTATION, *TRAITS), _NAMED),
        },
        discriminator="type",
    )
)
_EVENTS = object_validator(
    {
        "event_types": required(core_schema.list_schema(TEXT)),
        "order": optional(core_schema.literal_schema(["asc", "desc"])),
        "limit": optional(_COUNT),
        "skip": optional(_COUNT),
    }
)
_LISTED = core_schema.tagged_union_schema(
    {"property": _PROPERTY, "id": _IDENTIFIER}, discriminator="type"
)
_EXPORTED_ATTRIBUTES = _object(
    {
        "type": required(core_schema.literal_schema(["some", "properties_and_ids"])),
        "list": optional(core_schema.list_schema(_LISTED)),
    }
)
_EVERY_CUSTOMER = _object({"type": required(core_schema.literal_schema(["all"]))})
_EXPORT = object_validator(
    {
        "format": required(core_schema.literal_schema(["native_json"])),
        "attributes": optional(_EXPORTED_ATTRIBUTES),
        "filter": optional(_EVERY_CUSTOMER),
        "execution_time": optional(core_schema.none_schema()),
    }
)
