"""Fields -> commands: the events and identifiers that a tracking call reports.

The tracking user ID is the session; the customer ID is the project's first hard identifier.
Source: Hello Retail's "Identifying Customers" (seed 003) and its server-side tracking guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from dialects.hello_retail.requests import TrackingCall
from hardlink.domain.errors import HardlinkError, Invalid, TooManyIdentifiers
from hardlink.domain.sources.registry import Project

_CART = ("total", "url", "productNumbers", "urls")
_FIELDS = {"session.id": "trackingUserId", "order.number": "orderNumber"}
"""Fields of the command and of its event that Hello Retail calls otherwise."""
_ORDER_DETAILS = ("total", "email", "currency", "status")


class Command(NamedTuple):
    """The body of a `Track` command, and the project whose identifier types it uses."""

    body: Mapping[str, Any]
    project: Project


def build_command(tracking_call: TrackingCall, project: Project) -> Command:
    """Translate a tracking call.

    Fields that identify a customer in this project become `ids`; everything else is a property.
    """
    kind, fields = tracking_call
    identifiers = _identifier_types(project)
    not_in_event = {"websiteUuid", "trackingUserId", *identifiers}
    # A project without a type for addresses keeps them in the event.
    properties = {
        name: value for name, value in fields.items() if name not in not_in_event
    }
    event = {"type": kind, "properties": properties, **_order_reference(fields)}
    body = {
        "session": {"id": fields["trackingUserId"]},
        "ids": {
            type_: fields[name] for name, type_ in identifiers.items() if name in fields
        },
        "only_current_customer": "customerId" not in fields,
        "traits": {"cart": _cart_trait(fields)} if kind == "cart" else {},
        "events": [] if kind == "customer" else [event],
    }
    return Command(body, project)


def drop_identifier(command: Command, error: HardlinkError) -> Command | None:
    """Build the command without the identifier that the error names.

    `None` if the error is about something else, or if nothing is left to store.
    """
    if not isinstance(error, Invalid | TooManyIdentifiers):
        return None
    body, project = command
    type_ = (error.field or "").removeprefix("ids.")
    ids = {name: value for name, value in body["ids"].items() if name != type_}
    if len(ids) == len(body["ids"]):
        return None
    # An email without a customer ID looks up no other customer (seed 003).
    only_current_customer = project.first_hard_type not in ids
    if not body["events"] and only_current_customer:
        return None
    changed = {"ids": ids, "only_current_customer": only_current_customer}
    return command._replace(body={**body, **changed})


def wire_field(field: str | None, project: Project) -> str | None:
    """Translate a field of the command into Hello Retail's spelling.

    A field that it does not rename stays as it is.
    """
    if field in _FIELDS:
        return _FIELDS[field]
    for name, type_ in _identifier_types(project).items():
        if field == f"ids.{type_}":
            return name
    return field


def _identifier_types(project: Project) -> dict[str, str]:
    """Hello Retail's fields that identify a customer -> identifier types of the project."""
    types = {"customerId": project.first_hard_type}
    if project.email_type:
        types["email"] = project.email_type
    return types


def _order_reference(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The order of a conversion: it counts once, however often it is sent or fed."""
    if "orderNumber" not in fields:
        return {}
    # Not left to the properties, which are without the address that identifies a customer.
    order = {"number": fields["orderNumber"]}
    for name in _ORDER_DETAILS:
        if name in fields:
            order[name] = fields[name]
    return {"order": order}


def _cart_trait(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the whole cart, which replaces the one before.

    Without products it is `None`, which clears the cart.
    """
    if not (fields.get("productNumbers") or fields.get("urls")):
        return None
    return {name: fields[name] for name in _CART if name in fields}
