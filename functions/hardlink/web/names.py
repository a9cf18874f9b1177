"""Read the names of customers and sessions from the query string, or from a simple path.

API Gateway decodes a path before it chooses a route. So an identifier with `/` would choose another
route, and one with `?` would be cut off there. The query string has no such limits, and is what
the documents show; a path still works for simple values.
"""

from __future__ import annotations

from collections.abc import Sequence

from hardlink.domain.errors import Invalid
from hardlink.domain.sources.registry import READ_OPTIONS
from hardlink.web.request import Request

_MOST_SHOWN = 3


def read_customer_name(request: Request) -> tuple[str, str]:
    """Return the type and value of the one identifier that names a customer. Raises `Invalid`."""
    if request.has_path("type"):
        return request.path("type"), request.path("value")
    parameters = request.parameters
    type_ = _single_type([name for name in parameters if name not in READ_OPTIONS])
    return type_, _single_text(parameters[type_], type_)


def _single_type(names: Sequence[str]) -> str:
    """Return the one parameter that is no option of a call. Raises `Invalid`.

    A misspelled option is taken for a second identifier, so the message names what was sent.
    """
    if not names:
        raise Invalid(
            "send an identifier of the customer in the query string: type=value"
        )
    if len(names) > 1:
        shown = ", ".join(repr(name[:64]) for name in names[:_MOST_SHOWN])
        raise Invalid(
            f"send one identifier, and options of this call: not {shown} at once"
        )
    return names[0]


def read_session_name(request: Request) -> str:
    """Return the ID of the session that a call names, in `id=` or in its path. Raises `Invalid`."""
    if request.has_path("id"):
        return request.path("id")
    value = request.parameters.get("id")
    if value is None:
        raise Invalid("send the session's ID in the query string", "id")
    return _single_text(value, "id")


def _single_text(value: object, field: str) -> str:
    """Return a parameter that was sent once. A repeated one is a list: raises `Invalid`."""
    if not isinstance(value, str):
        raise Invalid("sent twice: send one value", field[:64])
    return value
