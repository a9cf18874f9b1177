"""Results -> wire: customers, events, exports and errors in the shape of Exponea's data API.

Source: the reference of Exponea's customer and GDPR APIs, and what exponea-python-sdk 0.2.0 and
the mobile clients' `fetchConsents` read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dialects.exponea import data_requests
from dialects.exponea.commands import COOKIE, NO_ID
from dialects.exponea.data_consents import read_consent
from dialects.exponea.data_requests import (
    Columns,
    MissingIdsError,
    declared_type,
    read_attribute,
)
from hardlink.domain import times
from hardlink.domain.errors import (
    Forbidden,
    HardlinkError,
    Invalid,
    NotFound,
    Unauthorized,
    UnknownSource,
    located_message,
)
from hardlink.domain.sources.registry import ConsentCategory, Project
from hardlink.domain.times import SECOND
from hardlink.queries.customer import Customer
from hardlink.web.response import Answer

_GLOBAL = "_global"
_NOT_FOUND = 404
_NOT_OFFERED = {"crm": False, "import": False, "page": False, "scenario": False}
"""Places where no customer can consent, because only the API is offered."""

Values = Mapping[str, Any]


_NOTHING_COMPUTED: Values = {"traits": {}, "segments": {}, "incomplete": {}}


class Viewed(NamedTuple):
    """A customer, the folded values, and the project.

    `computed`: the traits and segments that a call asks for, by name, and why one is not exact.
    """

    customer: Customer
    values: Values
    project: Project
    computed: Values = _NOTHING_COMPUTED

    @property
    def ids(self) -> dict[str, Any]:
        """The identifiers: a string for a hard type, a list for a soft one and for cookies."""
        known = self.customer.identifiers
        ids: dict[str, Any] = {}
        for type_ in self.project.identifiers:
            if type_ in known:
                ids[type_] = self._show_values(type_, known[type_])
        devices = self.customer.current_sessions
        if devices:
            ids[COOKIE] = devices
        return ids

    def _show_values(self, type_: str, values: Sequence[str]) -> Sequence[str]:
        """Show the values of an identifier type: of a hard one a customer has one alone."""
        if type_ in self.project.hard_types:
            return values[0]
        return values


def show_event(event: Values) -> dict[str, Any]:
    """Show an event of the timeline in Exponea's form, which has no place for its `context`.

    `timestamp`: seconds since 1970, with fractions.
    """
    return {
        "type": event["type"],
        "timestamp": times.parse_time(event["time"], "time") / SECOND,
        "properties": event["properties"],
    }


def answer_customer(viewed: Viewed, events: Iterable[Values]) -> Answer:
    """Answer `export-one`: everything about a customer."""
    body = {
        "success": True,
        "ids": viewed.ids,
        "properties": viewed.values["attributes"],
        "events": list(map(show_event, events)),
    }
    return Answer(body)


def answer_events(events: Iterable[Values]) -> Answer:
    """Answer `events`."""
    return Answer({"success": True, "data": list(map(show_event, events))})


def answer_attributes(attributes: Sequence[object], viewed: Viewed, now: int) -> Answer:
    """Answer `attributes`: a result for each in their order, or why there is none."""
    results = [_show_attribute(attribute, viewed, now) for attribute in attributes]
    return Answer({"success": True, "results": results})


def answer_export(
    fields: Sequence[Mapping[str, str]], rows: Iterable[list[Any]]
) -> Answer:
    """Answer `export`."""
    return Answer({"success": True, "fields": fields, "data": list(rows)})


def build_table(
    customers: Sequence[tuple[Customer, Values]], columns: Columns, project: Project
) -> tuple[list[dict[str, str]], Iterator[list[Any]]]:
    """Build the columns of an export, and a row for each customer.

    Identifiers come first. Without a list of properties, every property that any customer has.
    """
    properties = columns.properties
    if properties is None:
        # A table has one row of columns, whatever each customer has.
        properties = _every_property(customers)
    # exponea-python-sdk reads identifiers by their position, so they come first.
    fields = [{"type": "id", "id": type_} for type_ in columns.ids]
    fields += [{"type": "property", "property": name} for name in properties]

    def build_rows() -> Iterator[list[Any]]:
        for customer, values in customers:
            ids = Viewed(customer, values, project).ids
            row = [ids.get(type_) for type_ in columns.ids]
            row += [values["attributes"].get(name) for name in properties]
            yield row

    return fields, build_rows()


def answer_categories(categories: Iterable[ConsentCategory]) -> Answer:
    """Answer `consent/categories`, as the mobile clients read it."""
    return Answer({"success": True, "results": list(map(_show_category, categories))})


def answer_no_such_call(name: str) -> Answer:
    """Answer a call that Exponea may have and Hardlink does not."""
    return _fail(
        _NOT_FOUND, {_GLOBAL: [f"there is no call customers/{name[:64]} here"]}
    )


def answer_error(error: HardlinkError) -> Answer:
    """Answer an error in Exponea's words; `message` says what to do where they don't.

    Statuses are Exponea's too: an unknown project is 400 there, not 401.
    """
    match error:
        case UnknownSource():
            return _deny(
                400, "Invalid project id", "the project token is a source's write key"
            )
        case Unauthorized():
            return _deny(400, "Could not authenticate", error.message)
        case Forbidden():
            return _deny(403, "No permission", error.message)
        case NotFound():
            return _fail(error.status, {_GLOBAL: ["Customer does not exist"]})
        # Exponea has a text of its own for it.
        case MissingIdsError():
            return _fail(error.status, [NO_ID])
    field = "customer_ids" if error.field == "ids" else error.field or _GLOBAL
    return _fail(error.status, {field: [error.message]})


def _show_attribute(attribute: object, viewed: Viewed, now: int) -> dict[str, Any]:
    """Show one attribute, or why it is not computed here."""
    try:
        value = _read_value(read_attribute(attribute), viewed, now)
    except Invalid as error:
        return {"success": False, "error": located_message(error)}
    return {"success": True, "value": value}


def _read_value(attribute: Values, viewed: Viewed, now: int) -> object:
    """The value of an attribute. Raises `Invalid` if it is not offered."""
    match attribute["type"]:
        case "property":
            return viewed.values["attributes"].get(attribute["property"])
        case "id":
            return _read_id(attribute["id"], viewed)
        case "consent":
            consent = viewed.values["consents"].get(attribute["category"])
            return read_consent(consent, attribute.get("mode"), now)
        case data_requests.SEGMENTATION:
            is_member = _read_computed(attribute["id"], "segments", viewed.computed)
            return attribute["id"] if is_member else None
        case type_ if type_ in data_requests.TRAITS:
            return _read_computed(attribute["id"], "traits", viewed.computed)
        case computed:
            raise Invalid(
                f"a {computed} is not computed here: use property, id or consent",
                "type",
            )


def _read_computed(name: str, kind: str, computed: Values) -> object:
    """Read a value that is computed. Raises `Invalid` where there is none, or it is not exact.

    `kind`: `traits` or `segments`, as a project declares them.
    """
    if name not in computed[kind]:
        raise Invalid(f"no such name: declare it in the {kind} of the project", "id")
    # Exponea's form of a value has no place for a warning.
    if name in computed["incomplete"]:
        raise Invalid(computed["incomplete"][name], "id")
    return computed[kind][name]


def _read_id(name: str, viewed: Viewed) -> object:
    """Read an identifier: a text for a hard type, a list for a soft one."""
    type_ = declared_type(name, viewed.project, "id")
    # The forms of a known identifier, so that a caller reads both alike.
    missing: object = None if type_ in viewed.project.hard_types else []
    return viewed.ids.get(type_, missing)


def _every_property(customers: Sequence[tuple[Customer, Values]]) -> list[str]:
    """List the names of all properties that any customer has."""
    names: set[str] = set()
    for _, values in customers:
        names.update(values["attributes"])
    return sorted(names)


def _show_category(category: ConsentCategory) -> dict[str, Any]:
    """Show a category of consents as the mobile clients read it."""
    translations = {
        language: dict(texts) for language, texts in category.translations.items()
    }
    return {
        "id": category.id,
        "legitimate_interest": category.legitimate_interest,
        "sources": {**_NOT_OFFERED, "private_api": True, "public_api": True},
        "translations": translations,
    }


def _deny(status: int, error: str, message: str) -> Answer:
    """Answer that a caller may not do this, with `error` and `message`."""
    return Answer({"success": False, "error": error, "message": message}, status)


def _fail(status: int, errors: Mapping[str, list[str]] | list[str]) -> Answer:
    """Answer that a call failed, with `errors`."""
    return Answer({"success": False, "errors": errors}, status)
