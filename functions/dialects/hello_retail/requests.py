"""Wire -> fields: the bodies of Hello Retail's tracking calls.

Source: Hello Retail's server-side tracking guide and its API usage examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic_core import SchemaValidator, core_schema
from pydantic_core.core_schema import TypedDictField

from hardlink.domain.errors import Invalid, NotFound
from hardlink.domain.json_types import require_object, without_blanks
from hardlink.domain.schema import (
    ANY,
    IDENTIFIER,
    TEXT,
    object_validator,
    optional,
    required,
    validate,
)


class TrackingCall(NamedTuple):
    """One call to `/serve/collect/{kind}`. `fields`: its body without blank values."""

    kind: str
    fields: Mapping[str, Any]

    @property
    def write_key(self) -> str:
        """The write key, which Hello Retail calls `websiteUuid`."""
        return str(self.fields["websiteUuid"])


def read_tracking_call(kind: str, body: object) -> TrackingCall:
    """Validate the body of a call, and leave out its blank values.

    `kind`: the last part of the path. Raises `NotFound` for an unknown one, `Invalid` naming the
    field.
    """
    validator = _BODIES.get(kind)
    if validator is None:
        kinds = ", ".join(_BODIES)
        raise NotFound(f"there is no such call: use one of {kinds}", "path")
    fields = validate(validator, require_object(body))
    for name in _REQUIRED:
        if not str(fields[name]).strip():
            raise Invalid("must not be empty: send it with every call", name)
    # Pages send blank strings for what they do not have, such as a referrer.
    return TrackingCall(kind, without_blanks(fields))


def read_website(body: object) -> str:
    """Read the write key of a body that need not hold anything else.

    Raises `Invalid` naming the field, whatever is wrong with the body.
    """
    try:
        return str(validate(_WEBSITE, body)["websiteUuid"])
    except Invalid as error:
        raise Invalid("send the websiteUuid", "websiteUuid") from error


_NUMBER = core_schema.float_schema(allow_inf_nan=False)
_PRODUCT_LINE = core_schema.typed_dict_schema(
    {
        "productNumber": core_schema.typed_dict_field(IDENTIFIER, required=False),
        "url": core_schema.typed_dict_field(TEXT, required=False),
        "quantity": core_schema.typed_dict_field(_NUMBER, required=False),
        "lineTotal": core_schema.typed_dict_field(_NUMBER, required=False),
    }
)
_REQUIRED = {"websiteUuid": required(TEXT), "trackingUserId": required(IDENTIFIER)}
_PRODUCTS = {
    "total": optional(_NUMBER),
    "productNumbers": optional(core_schema.list_schema(IDENTIFIER)),
    "urls": optional(core_schema.list_schema(TEXT)),
    "email": optional(TEXT),
}


def _body(fields: dict[str, TypedDictField]) -> SchemaValidator:
    """Make the validator of a body with these fields, and those of every call."""
    return object_validator({**_REQUIRED, **fields})


_BODIES: Mapping[str, SchemaValidator] = {
    "pageview": _body(
        {
            "location": optional(TEXT),
            "referrer": optional(TEXT),
            "url": optional(TEXT),
            "productNumber": optional(IDENTIFIER),
        }
    ),
    "click": _body({"source": required(TEXT)}),
    "cart": _body({**_PRODUCTS, "url": optional(TEXT)}),
    "conversion": _body(
        {
            **_PRODUCTS,
            "orderNumber": optional(IDENTIFIER),
            "customerId": optional(IDENTIFIER),
            # Checked with the order: an odd one costs neither the conversion nor its order.
            "currency": optional(ANY),
            "status": optional(ANY),
            "products": optional(core_schema.list_schema(_PRODUCT_LINE)),
        }
    ),
    "customer": _body({"customerId": required(IDENTIFIER), "email": optional(TEXT)}),
}
_WEBSITE = object_validator({"websiteUuid": required(TEXT)})
