"""Wire -> fields: the bodies of Hello Retail's tracking calls.

Source: Hello Retail's server-side tracking guide and its API usage examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic_core import SchemaValidator
from pydantic_core import core_schema as schema

from dialects.validation import optional, required, validate
from hardlink.domain.errors import Invalid, NotFound


class TrackingCall(NamedTuple):
    """One call to `/serve/collect/{kind}`. `fields`: its body without blank values."""

    kind: str
    fields: Mapping[str, Any]

    @property
    def write_key(self) -> str:
        """The write key, which Hello Retail calls `websiteUuid`."""
        return str(self.fields["websiteUuid"])


def read_tracking_call(kind: str, body: object) -> TrackingCall:
    """Validate the body of a call. Raises `NotFound` for an unknown kind, `Invalid`."""
    validator = _BODIES.get(kind)
    if validator is None:
        kinds = ", ".join(_BODIES)
        raise NotFound(f"there is no such call: use one of {kinds}", "path")
    if not isinstance(body, Mapping):
        raise Invalid("the body must be a JSON object")
    fields = validate(validator, body)
    for name in _REQUIRED:
        if not str(fields[name]).strip():
            raise Invalid("must not be empty: send it with every call", name)
    given = {name: value for name, value in fields.items() if value not in (None, "")}
    return TrackingCall(kind, given)


def read_website(body: object) -> str:
    """The write key of a body that holds nothing else. Raises `Invalid`."""
    try:
        return str(validate(_WEBSITE, body)["websiteUuid"])
    except Invalid as error:
        raise Invalid("send the websiteUuid", "websiteUuid") from error


_TEXT = schema.str_schema(strict=True)
_ID = schema.union_schema(
    [_TEXT, schema.int_schema(strict=True)],
    custom_error_type="id",
    custom_error_message="must be a string or an integer",
)
_NUMBER = schema.float_schema(allow_inf_nan=False)
_PRODUCT_LINE = schema.typed_dict_schema(
    {
        "productNumber": schema.typed_dict_field(_ID, required=False),
        "url": schema.typed_dict_field(_TEXT, required=False),
        "quantity": schema.typed_dict_field(_NUMBER, required=False),
        "lineTotal": schema.typed_dict_field(_NUMBER, required=False),
    }
)
_REQUIRED = {"websiteUuid": required(_TEXT), "trackingUserId": required(_ID)}
_PRODUCTS = {
    "total": optional(_NUMBER),
    "productNumbers": optional(schema.list_schema(_ID)),
    "urls": optional(schema.list_schema(_TEXT)),
    "email": optional(_TEXT),
}


def _body(fields: dict[str, schema.TypedDictField]) -> SchemaValidator:
    return SchemaValidator(schema.typed_dict_schema({**_REQUIRED, **fields}))


_BODIES: Mapping[str, SchemaValidator] = {
    "pageview": _body(
        {
            "location": optional(_TEXT),
            "referrer": optional(_TEXT),
            "url": optional(_TEXT),
            "productNumber": optional(_ID),
        }
    ),
    "click": _body({"source": required(_TEXT)}),
    "cart": _body({**_PRODUCTS, "url": optional(_TEXT)}),
    "conversion": _body(
        {
            **_PRODUCTS,
            "orderNumber": optional(_ID),
            "customerId": optional(_ID),
            "products": optional(schema.list_schema(_PRODUCT_LINE)),
        }
    ),
    "customer": _body({"customerId": required(_ID), "email": optional(_TEXT)}),
}
_WEBSITE = SchemaValidator(schema.typed_dict_schema({"websiteUuid": required(_TEXT)}))
