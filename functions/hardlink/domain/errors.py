"""Errors of the API: each has a status, a code, a message that says what to do, and a field."""

from __future__ import annotations

UNKNOWN_IDENTIFIER = "no customer has this identifier yet (association takes a moment)"


class HardlinkError(Exception):
    """An error that is answered as `{"error": {"code", "message", "field"?}}` with `status`."""

    status = 400
    code = "invalid"
    retry_after = 0
    """Seconds after which the same call may succeed; 0: do not repeat it."""

    def __init__(
        self, message: str, field: str | None = None, *, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code or type(self).code

    @property
    def field_path(self) -> str:
        """The field at fault with the way to it (`ids.email`), empty where there is none."""
        return self.field or ""

    def body(self) -> dict[str, object]:
        """Build the body of the answer: `{"error": {"code", "message", "field"?}}`."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        # An error of the whole call has none.
        if self.field:
            error["field"] = self.field
        return {"error": error}


def is_refusal(error: HardlinkError) -> bool:
    """Tell whether an error says nothing of anybody, so that a page of any origin may read it.

    It says that the caller may not make the call, whatever its body, or that the service failed.
    """
    return isinstance(error, Forbidden | Unauthorized | UnknownSource | Failed)


def explain_origin(source: str, origin: str) -> str:
    """Say that a source does not allow a page's origin, and what to do."""
    return (
        f"source {source!r} does not allow calls from {origin}: add it to its origins"
    )


def explain_code(code: str) -> str:
    """Say what a code means, without anything that a caller sent; empty for an unknown one."""
    return _MEANINGS.get(code, "")


def located_message(error: HardlinkError) -> str:
    """Format an error as `field: message`, or as its message where it names no field.

    For answers of other systems, which have no place for a field.
    """
    if error.field:
        return f"{error.field}: {error.message}"
    return error.message


class BeforeErasure(Exception):
    """A command is older than the erasure of a customer whom it names, and changes nothing.

    `erased`: time of the erasure, in microseconds.
    """

    def __init__(self, erased: int) -> None:
        self.erased = erased
        super().__init__(str(erased))


class Invalid(HardlinkError):
    """A field has an invalid value: 400."""


class UnreadableBody(Invalid):
    """The body cannot be decoded or is not JSON: 400."""

    code = "bad_json"


class UnknownSource(HardlinkError):
    """No source has this write key: 401. The message is Tracardi's (seed 002)."""

    status = 401
    code = "unknown_source"


class Unauthorized(HardlinkError):
    """A server key is missing or wrong: 401."""

    status = 401
    code = "unauthorized"


class Forbidden(HardlinkError):
    """A valid key is used from a site that its source does not allow: 403."""

    status = 403
    code = "origin_not_allowed"


class NotFound(HardlinkError):
    """The requested resource does not exist: 404."""

    status = 404
    code = "not_found"


class WrongMethod(HardlinkError):
    """The path exists, with another HTTP method: 405."""

    status = 405
    code = "wrong_method"


class Refused(HardlinkError):
    """A rule of identity forbids the command, and nothing was changed: 409."""

    status = 409
    code = "refused"


class TooManyIdentifiers(Refused):
    """A customer has as many identifiers of a type as it may have: 409.

    Without the identifier that `field` names, the command is accepted.
    """

    code = "too_many_identifiers"


class UnverifiedIdentity(Refused):
    """No valid token proves the visitor's identity, and nothing was changed: 403."""

    status = 403
    code = "unsigned"


class TooLarge(HardlinkError):
    """A call or an answer exceeds a limit: 413."""

    status = 413
    code = "too_large"


class Throttled(HardlinkError):
    """A source sends more calls than its rate allows: 429, repeat it after `retry_after`."""

    status = 429
    code = "too_many_calls"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Busy(HardlinkError):
    """AWS does not answer in time, and the call may or may not be stored: 503, repeat it."""

    status = 503
    code = "busy"
    retry_after = 1


class Failed(HardlinkError):
    """The service failed for a reason that no code expects: 500."""

    status = 500
    code = "internal"


_MEANINGS = {
    Invalid.code: "a field is missing or has an invalid value: the call's answer says why",
    UnreadableBody.code: "the body is not valid JSON: the call's answer says where",
    UnknownSource.code: "no source has this write key: use one of sources.toml",
    Unauthorized.code: "the server key is missing or wrong: Authorization: Bearer <key>",
    Forbidden.code: "the source does not allow this page's origin: add it to its origins",
    UnverifiedIdentity.code: "the source wants a token for this customer: send one",
    "bad_signature": "the token does not prove this identity: the call's answer says why",
    Refused.code: "a rule of identity forbids it: the call's answer says which",
    TooManyIdentifiers.code: "the customer has as many identifiers of this type as it may have",
    "another_customer": "another customer is logged in here, or has this order",
    "identifier_conflict": "an identifier belongs to another customer",
    "too_many_links": "all links of this visitor are used: call anonymize first",
    "too_many_links_a_day": "all links of this visitor are used for today",
    "too_many_profiles": "the customer has all its profiles: raise profiles_a_customer",
    "nothing_to_undo": "nothing is linked here that could be undone",
    "erased": "the customer was erased after this happened",
    TooLarge.code: "the call is too large: send it in parts",
}
"""The codes of calls that are refused as a whole, see `explain_code`."""
