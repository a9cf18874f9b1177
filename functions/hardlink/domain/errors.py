"""Every answer that is not a success: a code, a message that says what to do, the field at fault."""

from __future__ import annotations

from collections.abc import Sequence


class HardlinkError(Exception):
    """An error that is answered as `{"error": {"code", "message", "field"?}}` with `status`."""

    status = 400
    code = "invalid"
    retry_after = 0
    """Seconds after which the same call may be taken; 0: it is not sent again."""

    def __init__(self, message: str, field: str | None = None, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code or type(self).code

    def body(self) -> dict[str, object]:
        """The body of the answer."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.field:
            error["field"] = self.field
        return {"error": error}


class Invalid(HardlinkError):
    """The call says something that cannot be: 400."""


class BeforeErasure(Exception):
    """What a command says was said before somebody whom it names was erased, at `erased`: it changes nothing."""

    def __init__(self, erased: int) -> None:
        self.erased = erased
        super().__init__(str(erased))


class TooManyNames(Invalid):
    """A customer keeps no more names: 400. `fields`: every one that is too many, the first one is `field`."""

    def __init__(self, message: str, fields: Sequence[str]) -> None:
        super().__init__(message, fields[0])
        self.fields = tuple(fields)


class TooLarge(HardlinkError):
    """More than one call may carry: 413."""

    status = 413
    code = "too_large"


class UnknownSource(HardlinkError):
    """No source has this write key: 401 (seed 002: "Unauthorized Access")."""

    status = 401
    code = "unknown_source"


class Unauthorized(HardlinkError):
    """A server key is missing or wrong: 401."""

    status = 401
    code = "unauthorized"


class Forbidden(HardlinkError):
    """The key is right, the place it is used from is not: 403."""

    status = 403
    code = "origin_not_allowed"


class NotFound(HardlinkError):
    """Nothing is known under this name: 404."""

    status = 404
    code = "not_found"


class Refused(HardlinkError):
    """A rule of identity forbids this, and nothing was changed: 409."""

    status = 409
    code = "refused"


class TooManyIdentifiers(Refused):
    """A customer may have no more identifiers of the type that `field` names; without this one all else can be: 409."""

    code = "too_many_identifiers"


class UnverifiedIdentity(Refused):
    """Nothing proves that a visitor is who the call says, and nothing was changed: 403."""

    status = 403
    code = "unsigned"


class Busy(HardlinkError):
    """The tables are too busy just now, and nothing is promised: 503, send it again."""

    status = 503
    code = "busy"
    retry_after = 1


class Throttled(HardlinkError):
    """More calls than a source may make: 429, send it again a little later."""

    status = 429
    code = "too_many_calls"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def located_message(error: HardlinkError) -> str:
    """Format an error as `field: message`, or as its message where it names no field."""
    return f"{error.field}: {error.message}" if error.field else error.message
