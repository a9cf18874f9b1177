"""Tell the types of parsed JSON apart, where clients may send any of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from hardlink.domain.errors import Invalid


def as_object(value: object) -> Mapping[str, Any]:
    """Return a value if it is an object, else an empty one.

    It is for fields that clients may leave out, or send in another form, without being refused.
    """
    if isinstance(value, Mapping):
        return value
    return {}


def require_object(body: object) -> Mapping[str, Any]:
    """Return the body of a call, which must be an object. Raises `Invalid`.

    The error names no field, as it is about the whole body.
    """
    if not isinstance(body, Mapping):
        raise Invalid("the body must be a JSON object")
    return body


def without_blanks(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out nulls and empty texts, which clients send for what they do not have.

    Zeros, `false` and empty objects stay: they are values.
    """
    return {name: value for name, value in fields.items() if value not in (None, "")}


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether a value is a number: in Python `True` is one as well, in JSON it is not.

    NaN and infinity are numbers here, as Python's parser takes them.
    """
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float)


def is_text_or_integer(value: object) -> TypeGuard[str | int]:
    """Tell whether a value can be an ID: a text, or an integer as many databases have them.

    A fraction is none: two systems write it in two ways.
    """
    if isinstance(value, bool):
        return False
    return isinstance(value, str | int)
