"""Exponea's data and GDPR calls: what they ask for, and the answers in Exponea's shape. What is read is the library's.

Source: the reference of Exponea's (Bloomreach Engagement's) customer and GDPR APIs, and what exponea-python-sdk 0.2.0
and the mobile clients' `fetchConsents` read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from pydantic_core import SchemaValidator, ValidationError
from pydantic_core import core_schema as schema

from hardlink.domain import identifiers, times
from hardlink.domain.errors import (
    Forbidden,
    HardlinkError,
    Invalid,
    NotFound,
    Unauthorized,
    UnknownSource,
)
from hardlink.domain.graph import Node
from hardlink.domain.sources import ConsentCategory, Project
from hardlink.domain.times import SECOND
from hardlink.queries.customer import Customer
from hardlink.queries.export_reader import ExportRequest
from hardlink.web.response import Answer

COOKIE = "cookie"
"""The identifier type of Exponea's own: a session."""
EVENTS_HINT = (
    "ask customers/events for fewer event_types, or for a part at a time with limit and skip; "
    "every answer holds more with Accept-Encoding: gzip"
)
EXPORT_HINT = (
    "name the attributes that you need ({'type': 'some', 'list': [...]}), send Accept-Encoding: gzip, "
    "or ask for customers one by one with customers/export-one"
)
NO_ANONYMIZE = (
    "anonymizing is not offered, and nothing was changed: "
    "POST /customers/{type}/{value}/erase forgets a customer with all their events, "
    "POST /consent opts a visitor out"
)
_GLOBAL = "_global"
_NO_IDS = "At least one id should be specified."
_COMPUTED = frozenset({"segmentation", "expression", "aggregate", "prediction", "recommendation"})
_MODES = {"valid": "valid", "until": "valid_until", "timestamp": "timestamp"}
_WHERE = {"crm": False, "import": False, "page": False, "scenario": False}
"""Where nobody can consent here: only the API is."""

Values = Mapping[str, Any]


class Who(NamedTuple):
    """Whom a call asks for: identifiers, and a session (Exponea's cookie)."""

    nodes: Sequence[Node]
    session: str | None


class Columns(NamedTuple):
    """The columns of an export: identifier types first, as exponea-python-sdk finds them by position.

    `properties`: none where the call names none, which is all that there are.
    """

    ids: Sequence[str]
    properties: Sequence[str] | None


class _NoIds(Invalid):
    """A call names nobody."""


# -- what is asked ------------------------------------------------------------------------------------------------


def who(body: object, project: Project) -> Who:
    """Whom a call means; empty identifiers are left out. Raises `Invalid`."""
    given: Values = _validated(_WHO, body)["customer_ids"]
    named = {type_: value for type_, value in given.items() if value not in (None, "")}
    if not named:
        raise _NoIds(_NO_IDS, "customer_ids")
    nodes = [
        project.identifier(type_, value, _field(type_))
        for type_, value in named.items()
        if type_ != COOKIE
    ]
    session = (
        identifiers.parse_session_id(named[COOKIE], _field(COOKIE)) if COOKIE in named else None
    )
    return Who(nodes, session)


def attributes(body: object) -> Sequence[object]:
    """The attributes that a call asks for. Raises `Invalid`."""
    found: Sequence[object] = _validated(_ATTRIBUTES, body)["attributes"]
    return found


def events(body: object) -> ExportRequest:
    """Which events a call asks for. Raises `Invalid`."""
    found = _validated(_EVENTS, body)
    return ExportRequest(
        types=frozenset(found["event_types"]),
        skip=found.get("skip") or 0,
        limit=found.get("limit"),
        newest_first=found.get("order") == "desc",
    )


def columns(body: object, project: Project) -> Columns:
    """The columns that an export asks for; all of them if it names none. Raises `Invalid`."""
    asked = _validated(_EXPORT, body).get("attributes") or {"type": "properties_and_ids"}
    types = [*project.identifiers, COOKIE]
    if asked["type"] != "some":
        return Columns(types, None)
    listed: Sequence[Values] = asked.get("list") or ()
    if not listed:
        raise Invalid("say which attributes: an empty list exports nothing", "attributes.list")
    ids = [_type(one["id"], project, "attributes.list") for one in listed if one["type"] == "id"]
    properties = [one["property"] for one in listed if one["type"] == "property"]
    return Columns(ids, properties)


# -- what is answered ---------------------------------------------------------------------------------------------


def ids(customer: Customer, project: Project) -> dict[str, Any]:
    """A customer's identifiers: a hard one is a text, soft ones and cookies are lists of all that there are."""
    known = customer.identifiers
    found: dict[str, Any] = {
        type_: known[type_][0] if type_ in project.hard_types else known[type_]
        for type_ in project.identifiers
        if type_ in known
    }
    devices = customer.current_sessions
    return found | {COOKIE: devices} if devices else found


def event(shown: Values) -> dict[str, Any]:
    """An event of the timeline; what its client said of its surroundings has no place in Exponea's form."""
    return {
        "type": shown["type"],
        "timestamp": times.parse_time(shown["time"], "time") / SECOND,
        "properties": shown["properties"],
    }


def one(
    customer: Customer, values: Values, found: Iterable[Values], project: Project
) -> dict[str, Any]:
    """`export-one`: all there is of a customer."""
    return {
        "success": True,
        "ids": ids(customer, project),
        "properties": values["attributes"],
        "events": [event(shown) for shown in found],
    }


def results(
    asked: Sequence[object], customer: Customer, values: Values, project: Project, now: int
) -> dict[str, Any]:
    """`attributes`: a result for each, in their order; what can't be answered says why."""
    view = _View(ids(customer, project), values, project, now)
    return {"success": True, "results": [_result(one, view) for one in asked]}


def table(
    customers: Sequence[tuple[Customer, Values]], wanted: Columns, project: Project
) -> tuple[list[dict[str, str]], Iterator[list[Any]]]:
    """`export`: its columns, and a row for every customer in their order."""
    properties = wanted.properties
    if properties is None:
        properties = sorted({name for _, values in customers for name in values["attributes"]})
    fields = [{"type": "id", "id": id_} for id_ in wanted.ids]
    fields += [{"type": "property", "property": name} for name in properties]
    rows = (
        _row(ids(customer, project), values, wanted.ids, properties)
        for customer, values in customers
    )
    return fields, rows


def categories(declared: Iterable[ConsentCategory]) -> Answer:
    """`consent/categories`, as the mobile clients read it."""
    return Answer({"success": True, "results": [_category(category) for category in declared]})


def no_such_call(name: str) -> Answer:
    """A path that Exponea may have and this does not."""
    return _failed(404, {_GLOBAL: [f"there is no call customers/{name[:64]} here"]})


def error_answer(error: HardlinkError) -> Answer:
    """An error as Exponea answers it; `message` says what to do where Exponea's own words don't."""
    match error:
        case UnknownSource():
            return _denied(400, "Invalid project id", "the project token is a source's write key")
        case Unauthorized():
            return _denied(400, "Could not authenticate", error.message)
        case Forbidden():
            return _denied(403, "No permission", error.message)
        case NotFound():
            return _failed(error.status, {_GLOBAL: ["Customer does not exist"]})
        case _NoIds():
            return _failed(error.status, [_NO_IDS])
        case _:
            field = {None: _GLOBAL, "ids": "customer_ids"}.get(error.field, error.field)
            return _failed(error.status, {str(field): [error.message]})


class _View(NamedTuple):
    ids: Values
    values: Values
    project: Project
    now: int


def _result(asked: object, view: _View) -> dict[str, Any]:
    try:
        return {"success": True, "value": _value(_validated(_ATTRIBUTE, asked), view)}
    except Invalid as error:
        where = f"{error.field}: " if error.field else ""
        return {"success": False, "error": f"{where}{error.message}"}


def _value(asked: Values, view: _View) -> object:
    match asked["type"]:
        case "property":
            return view.values["attributes"].get(asked["property"])
        case "id":
            return _id(view.ids, _type(asked["id"], view.project, "id"), view.project)
        case "consent":
            return _consent(view.values["consents"].get(asked["category"]), asked, view.now)
        case computed:
            raise Invalid(f"a {computed} is not computed here: use property, id or consent", "type")


def _id(known: Values, type_: str, project: Project) -> object:
    return known.get(type_, None if type_ in project.hard_types else [])


def _consent(given: object, asked: Values, now: int) -> object:
    """What is known of a consent: `valid` unless the call asks for another mode of it."""
    mode = asked.get("mode") or "valid"
    if mode not in _MODES:
        raise Invalid(f"use one of {', '.join(_MODES)}", "mode")
    if not isinstance(given, Mapping):
        return (
            given == "granted" if mode == "valid" else None
        )  # told in one word, as POST /consent does
    return _is_valid(given, now) if mode == "valid" else given.get(_MODES[mode])


def _is_valid(given: Values, now: int) -> bool:
    return given.get("action") == "accept" and now < _end(given.get("valid_until"))


def _end(until: object) -> float:
    """When a consent ends, in microseconds: never if it does not say; long ago where nobody can tell."""
    match until:
        case None | "unlimited":
            return math.inf
        case bool():
            return 0
        case int() | float():
            return until * SECOND
        case _:
            return _told_end(str(until))


def _told_end(text: str) -> float:
    with suppress(ValueError):
        return float(text) * SECOND
    with suppress(Invalid):
        return times.parse_time(text, "valid_until")
    return 0


def _row(
    known: Values, values: Values, types: Sequence[str], properties: Sequence[str]
) -> list[Any]:
    attributes = values["attributes"]
    return [*(known.get(type_) for type_ in types), *(attributes.get(name) for name in properties)]


def _category(category: ConsentCategory) -> dict[str, Any]:
    return {
        "id": category.id,
        "legitimate_interest": category.legitimate_interest,
        "sources": {**_WHERE, "private_api": True, "public_api": True},
        "translations": {language: dict(t) for language, t in category.translations.items()},
    }


def _denied(status: int, error: str, message: str) -> Answer:
    return Answer({"success": False, "error": error, "message": message}, status)


def _failed(status: int, errors: Mapping[str, list[str]] | list[str]) -> Answer:
    return Answer({"success": False, "errors": errors}, status)


def _field(type_: str) -> str:
    return f"customer_ids.{type_[:64]}"


def _type(given: str, project: Project, field: str) -> str:
    """A type as the project calls it. Raises `Invalid` naming `field`."""
    return COOKIE if given == COOKIE else project.named_type(given, field)


def _validated(validator: SchemaValidator, body: object) -> dict[str, Any]:
    try:
        found: dict[str, Any] = validator.validate_python(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message, path = first["msg"], ".".join(map(str, first["loc"]))
        raise Invalid(f"{message[:1].lower()}{message[1:]}", path or None) from error
    return found


def _optional(of: schema.CoreSchema) -> schema.TypedDictField:
    return schema.typed_dict_field(schema.nullable_schema(of), required=False)


def _required(of: schema.CoreSchema) -> schema.TypedDictField:
    return schema.typed_dict_field(of)


_TEXT = schema.str_schema(strict=True)
_ANY = schema.any_schema()
_COUNT = schema.int_schema(strict=True, ge=0, le=2**31 - 1)
_IDS = {"customer_ids": _required(schema.dict_schema(_TEXT, _ANY))}
_WHO = SchemaValidator(schema.typed_dict_schema(_IDS))
_ATTRIBUTES = SchemaValidator(
    schema.typed_dict_schema({"attributes": _required(schema.list_schema(_ANY))})
)
_EVENTS = SchemaValidator(
    schema.typed_dict_schema(
        {
            "event_types": _required(schema.list_schema(_TEXT)),
            "order": _optional(schema.literal_schema(["asc", "desc"])),
            "limit": _optional(_COUNT),
            "skip": _optional(_COUNT),
        }
    )
)


def _named(type_: str, name: str, **more: schema.TypedDictField) -> schema.TypedDictSchema:
    literal = schema.literal_schema([type_])
    return schema.typed_dict_schema({"type": _required(literal), name: _required(_TEXT), **more})


_ATTRIBUTE = SchemaValidator(
    schema.tagged_union_schema(
        {
            "property": _named("property", "property"),
            "id": _named("id", "id"),
            "consent": _named("consent", "category", mode=_optional(_TEXT)),
            **{
                type_: schema.typed_dict_schema({"type": _required(_TEXT)})
                for type_ in sorted(_COMPUTED)
            },
        },
        discriminator="type",
    )
)
_EXPORT = SchemaValidator(
    schema.typed_dict_schema(
        {
            "format": _required(schema.literal_schema(["native_json"])),
            "attributes": _optional(
                schema.typed_dict_schema(
                    {
                        "type": _required(schema.literal_schema(["some", "properties_and_ids"])),
                        "list": _optional(
                            schema.list_schema(
                                schema.tagged_union_schema(
                                    {
                                        "property": _named("property", "property"),
                                        "id": _named("id", "id"),
                                    },
                                    discriminator="type",
                                )
                            )
                        ),
                    }
                )
            ),
            "filter": _optional(
                schema.typed_dict_schema({"type": _required(schema.literal_schema(["all"]))})
            ),
            "execution_time": _optional(schema.none_schema()),
        }
    )
)
