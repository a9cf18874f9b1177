"""Fields -> commands: the events and identifiers that a tracking call reports.

The tracking user ID is the session; the customer ID is the project's first hard identifier.
Source: Hello Retail's "Identifying Customers" (seed 003) and its server-side tracking guide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dialects.hello_retail.requests import TrackingCall
from hardlink.domain.errors import HardlinkError, Invalid, TooManyIdentifiers
from hardlink.domain.sources.registry import Project

_CART = ("total", "url", "productNumbers", "urls")
_FIELDS = {"session.id": "trackingUserId", "order.number": "orderNumber"}
"""Fields of the command and of its event that Hello Retail calls otherwise."""
_NOT_IN_EVENT = ("websiteUuid", "trackingUserId")
"""Fields that say who sends a call, and for whom."""
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
    ids: dict[str, Any] = {}
    properties = dict(fields)
    for name in _NOT_IN_EVENT:
        properties.pop(name, None)
    # A project without a type for addresses keeps them in the event.
    for name, type_ in _identifier_types(project).items():
        if name in properties:
            ids[type_] = properties.pop(name)
    body: dict[str, Any] = {
        "session": {"id": fields["trackingUserId"]},
        "ids": ids,
        "only_current_customer": "customerId" not in fields,
        "traits": {},
        "events": [],
    }
    if kind != "customer":  # which identifies, and is no activity
        event = {"type": kind, "properties": properties, **_order_reference(fields)}
        body["events"] = [event]
    if kind == "cart":
        body["traits"] = {"cart": _cart_trait(fields)}
    return Command(body, project)


def drop_identifier(command: Command, error: HardlinkError) -> Command | None:
    """Build the command without the identifier that the error names.

    `None` if the error is about something else, or if nothing is left to store.
    """
    if not isinstance(error, Invalid | TooManyIdentifiers):
        return None
    body, project = command
    ids = dict(body["ids"])
    type_ = error.field_path.removeprefix("ids.")
    if ids.pop(type_, None) is None:
        return None
    # An email without a customer ID looks up no other customer (seed 003).
    only_current_customer = project.first_hard_type not in ids
    if not body["events"] and only_current_customer:
        return None
    changed = {"ids": ids, "only_current_customer": only_current_customer}
    return command._replace(body={**body, **changed})


def wire_field(field: str, project: Project) -> str:
    """Translate a field of the command into Hello Retail's spelling.

    A field that it does not rename stays as it is, and so does an empty one.
    """
    names = dict(_FIELDS)
    for name, type_ in _identifier_types(project).items():
        names[f"ids.{type_}"] = name
    return names.get(field, field)


def _identifier_types(project: Project) -> dict[str, str]:
    """Map Hello Retail's fields that identify a customer to identifier types of the project.

    A project need not have a type for addresses.
    """
    types = {"customerId": project.first_hard_type}
    if project.email_type:
        types["email"] = project.email_type
    return types


def _order_reference(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The order of a conversion: it counts once, however often it is sent or fed.

    It is not left to the properties, which are without the address that identifies a customer.
    """
    if "orderNumber" not in fields:
        return {}
    order = {"number": fields["orderNumber"], **_pick_fields(fields, _ORDER_DETAILS)}
    return {"order": order}


def _cart_trait(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the whole cart, which replaces the one before.

    Without products it is `None`, which clears the cart.
    """
    if fields.get("productNumbers") or fields.get("urls"):
        return _pick_fields(fields, _CART)
    return None


def _pick_fields(fields: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Take these fields of a call, as far as it has them, in the order of `names`."""
    return {name: fields[name] for name in names if name in fields}
