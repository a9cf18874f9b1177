"""Hello Retail's tracking calls: wire -> commands, results -> wire. What a command means is the library's.

Source: Hello Retail's "Identifying Customers" (seed 003), its server-side tracking guide, its API usage examples.
The tracking user ID is the session; the customer ID is the project's first hard identifier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import SchemaValidator, ValidationError
from pydantic_core import core_schema as schema

from hardlink.domain.errors import HardlinkError, Invalid, NotFound, TooManyIdentifiers
from hardlink.domain.sources import Project
from hardlink.web.response import Answer

_CART = ("total", "url", "productNumbers", "urls")


def kind(path: str) -> str:
    """What is collected. Raises `NotFound`."""
    if path not in _BODIES:
        raise NotFound(
            f"nothing of this kind is collected: use one of {', '.join(_BODIES)}", "path"
        )
    return path


def read(kind_: str, body: object) -> dict[str, Any]:
    """A call's body, its blanks left out. Raises `Invalid` naming the field."""
    if not isinstance(body, Mapping):
        raise Invalid("the body is a JSON object")
    try:
        found: dict[str, Any] = _BODIES[kind_].validate_python(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
        raise Invalid(message, ".".join(map(str, first["loc"]))) from error
    for name in _EVERY:
        if not str(found[name]).strip():
            raise Invalid("this is empty: send it with every call", name)
    return {name: value for name, value in found.items() if value not in (None, "")}


def command(kind_: str, said: Mapping[str, Any], project: Project) -> dict[str, Any]:
    """A call as the body of a `Track` command."""
    types = {"customerId": project.first_hard, "email": project.email}
    ids = {type_: said[name] for name, type_ in types.items() if type_ and name in said}
    kept = {"websiteUuid", "trackingUserId", *(name for name, type_ in types.items() if type_)}
    properties = {name: value for name, value in said.items() if name not in kept}
    return {
        "session": {"id": said["trackingUserId"]},
        "ids": ids,
        "only_current_customer": "customerId" not in said,
        "traits": {"cart": _cart(said)} if kind_ == "cart" else {},
        "events": []
        if kind_ == "customer"
        else [{"type": kind_, "properties": properties, **_order(said)}],
    }


def _order(said: Mapping[str, Any]) -> dict[str, Any]:
    """Which order a conversion is, so that it counts once however often it is sent, and in the order feed as well."""
    if "orderNumber" not in said:
        return {}
    known = {name: said[name] for name in ("total", "email") if name in said}
    return {"order": {"number": said["orderNumber"], **known}}


def without_order(body: Mapping[str, Any]) -> dict[str, Any]:
    """The command without saying which order it is: the activity is kept all the same."""
    kept = [{**event, "order": None} for event in body["events"]]
    return {**body, "events": kept}


def order_fault(found: Mapping[str, Any]) -> str | None:
    """Why this can be no order, if that is what is wrong: its number, its total or its address."""
    for fault in found["results"]:
        _, is_order, name = str(fault.get("field", "")).partition(".order.")
        if is_order:
            return f"{'orderNumber' if name == 'number' else name}: {fault['reason']}"
    return None


def without_id(
    body: Mapping[str, Any], error: HardlinkError, project: Project
) -> dict[str, Any] | None:
    """The command without the ID that can't be one, if that is what is wrong and something is left to say.

    An address alone finds nobody else: it is said of whoever is logged in.
    """
    type_ = (error.field or "").removeprefix("ids.")
    ids = {name: value for name, value in body["ids"].items() if name != type_}
    if len(ids) == len(body["ids"]) or not isinstance(error, Invalid | TooManyIdentifiers):
        return None
    stays = project.first_hard not in ids
    return (
        {**body, "ids": ids, "only_current_customer": stays}
        if body["events"] or not stays
        else None
    )


def named(error: HardlinkError, project: Project) -> HardlinkError:
    """The error with its field as the caller wrote it."""
    fields = {"session.id": "trackingUserId", f"ids.{project.first_hard}": "customerId"}
    if project.email:
        fields[f"ids.{project.email}"] = "email"
    error.field = fields.get(error.field or "", error.field)
    return error


def answer(found: Mapping[str, Any], warnings: Sequence[str]) -> Answer:
    """What became of a call."""
    refused = [r for r in found["results"] if r["status"] == "rejected"]
    if refused:
        field = str(refused[0].get("field", "")).partition("properties.")[2]
        raise Invalid(str(refused[0]["reason"]), field or None)
    tracking_user = found["session"]["id"]
    told = [*warnings, *found["warnings"]]
    return Answer({"success": True, "trackingUserId": tracking_user, "warnings": told})


def error_answer(error: HardlinkError) -> Answer:
    """An error in the same style."""
    return Answer({"success": False, **error.body()}, error.status)


def _cart(said: Mapping[str, Any]) -> dict[str, Any] | None:
    """The whole cart, which replaces the one before; without products it is cleared."""
    if not (said.get("productNumbers") or said.get("urls")):
        return None
    return {name: said[name] for name in _CART if name in said}


def _body(
    required: Mapping[str, schema.CoreSchema], optional: Mapping[str, schema.CoreSchema]
) -> SchemaValidator:
    fields = {name: schema.typed_dict_field(of) for name, of in {**_EVERY, **required}.items()}
    fields |= {
        name: schema.typed_dict_field(schema.nullable_schema(of), required=False)
        for name, of in optional.items()
    }
    return SchemaValidator(schema.typed_dict_schema(fields))


_TEXT = schema.str_schema(strict=True)
_ID = schema.union_schema(
    [_TEXT, schema.int_schema(strict=True)],
    custom_error_type="id",
    custom_error_message="Input should be a text or a whole number",
)
_NUMBER = schema.float_schema(allow_inf_nan=False)
_IDS_LIST = schema.list_schema(_ID)
_LINE = schema.typed_dict_schema(
    {
        name: schema.typed_dict_field(of, required=False)
        for name, of in (
            ("productNumber", _ID),
            ("url", _TEXT),
            ("quantity", _NUMBER),
            ("lineTotal", _NUMBER),
        )
    }
)
_EVERY: Mapping[str, schema.CoreSchema] = {"websiteUuid": _TEXT, "trackingUserId": _ID}
_PRODUCTS: Mapping[str, schema.CoreSchema] = {
    "total": _NUMBER,
    "productNumbers": _IDS_LIST,
    "urls": schema.list_schema(_TEXT),
    "email": _TEXT,
}
_BODIES: Mapping[str, SchemaValidator] = {
    "pageview": _body(
        {}, {"location": _TEXT, "referrer": _TEXT, "url": _TEXT, "productNumber": _ID}
    ),
    "click": _body({"source": _TEXT}, {}),
    "cart": _body({}, {**_PRODUCTS, "url": _TEXT}),
    "conversion": _body(
        {},
        {
            **_PRODUCTS,
            "orderNumber": _ID,
            "customerId": _ID,
            "products": schema.list_schema(_LINE),
        },
    ),
    "customer": _body({"customerId": _ID}, {"email": _TEXT}),
}
WEBSITE = SchemaValidator(schema.typed_dict_schema({"websiteUuid": schema.typed_dict_field(_TEXT)}))


def website(body: object) -> str:
    """The write key of a call that says nothing else. Raises `Invalid`."""
    try:
        return str(WEBSITE.validate_python(body)["websiteUuid"])
    except ValidationError as error:
        raise Invalid("send the websiteUuid", "websiteUuid") from error
