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
