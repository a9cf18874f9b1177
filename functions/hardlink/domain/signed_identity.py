"""Signed identities: a token by which the shop's backend proves who a visitor is.

A token is a JWT, signed with HS256 and one of the project's signing keys: `{"sub": <customer ID>, "exp": <seconds>}`.
`sub` is a value of the project's first hard type, or of the hard type that `typ` names. Every other hard identifier of
a call has to be a claim of its own, by its type; a soft one is the customer's own word, unless there is such a claim.

Pure: keys and time are given. PyJWT is loaded by the first token that is checked, so that nobody else waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hardlink.domain.call import Call
from hardlink.domain.errors import Invalid, UnverifiedIdentity
from hardlink.domain.graph import Node
from hardlink.domain.sources import Project
from hardlink.domain.times import SECOND

ALGORITHM = "HS256"
LEEWAY = 30 * SECOND
"""By how much the clock of whoever signed may be off."""
SHORTEST_KEY = 32
"""Bytes: a key that is shorter than the hash can be guessed, and signs nothing here."""
MOST_CHARACTERS = 4096
"""Of a token."""
_OWN = frozenset({"sub", "typ", "exp", "nbf", "iat", "iss", "aud", "jti"})
"""Claims that are about the token itself: none is an identifier."""
_FAR = 1e11
"""Seconds since 1970: the year 5138."""
_OPTIONS: Any = {
    "require": ["sub", "exp"],
    **dict.fromkeys(
        ("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_jti"), False
    ),
}
"""Times are checked here, by the clock that is given; audience and issuer are the shop's affair: the key is its own."""


class Keys(Protocol):
    """Where the signing keys of a project come from."""

    def of(self, project: str, *, fresh: bool = False) -> Sequence[str]:
        """All that are valid; `fresh`: also one that was put a moment ago."""


class NoKeys:
    """Nobody signs: whatever token there is, nothing proves it right."""

    def of(self, project: str, *, fresh: bool = False) -> Sequence[str]:
        """None, whatever is asked."""
        del project, fresh
        return ()


class IdentityVerifier:
    """Holds calls to what their source wants proven."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def check(self, call: Call, token: object, ids: Sequence[Node]) -> None:
        """Whether a call may say that its visitor is known by these identifiers. Raises `Unproven`."""
        if call.source.signed == "off" or call.trusted or not ids:
            return
        if token in (None, ""):
            if call.source.signed == "required":
                raise UnverifiedIdentity(
                    "this source takes signed identities alone: send a token", "token"
                )
            return
        keys = self._keys.of(call.project_id)
        try:
            verify_identifiers(token, ids, call.project, keys, call.now)
        except UnverifiedIdentity:
            fresh = self._keys.of(call.project_id, fresh=True)
            if fresh == keys:
                raise
            verify_identifiers(token, ids, call.project, fresh, call.now)


def verify_identifiers(
    token: object, ids: Sequence[Node], project: Project, keys: Sequence[str], now: int
) -> None:
    """Hold identifiers to a token. Raises `Unproven` where it does not prove them."""
    claims = _claims(token, keys)
    _check_times(claims, now)
    named = _named(claims, project)
    if not any(node.type in project.hard_types for node in ids):
        raise UnverifiedIdentity(
            "a token proves a customer ID: send it too, not these alone", "ids"
        )
    for node in ids:
        proven = named.get(node.type)
        if proven is None and node.type in project.hard_types:
            raise _bad(
                f"the token does not say {node.type!r}: sign it as a claim", f"ids.{node.type}"
            )
        if proven not in (None, node):
            raise _bad(f"the token is for another {node.type!r}", f"ids.{node.type}")


def _claims(token: object, keys: Sequence[str]) -> Mapping[str, Any]:
    """What a token says, if one of these keys signed it."""
    if not isinstance(token, str) or not token.isascii() or len(token) > MOST_CHARACTERS:
        raise _bad(f"a token is a JWT of at most {MOST_CHARACTERS} characters")
    import jwt  # noqa: PLC0415 - see above

    for key in keys:
        if len(key.encode()) < SHORTEST_KEY:
            continue
        try:
            found: Mapping[str, Any] = jwt.decode(
                token, key, algorithms=[ALGORITHM], options=_OPTIONS
            )
        except jwt.InvalidSignatureError:
            continue
        except (jwt.PyJWTError, RecursionError, TypeError, ValueError) as error:
            raise _bad(f"this token can't be used: {str(error)[:100]}") from error
        return found
    raise _bad("the token is signed with no key of this project: use the one in its secret")


def _check_times(claims: Mapping[str, Any], now: int) -> None:
    """Whether a token is valid at this time."""
    if _time(claims, "exp") + LEEWAY <= now:
        raise _bad("the token has expired: have a new one signed")
    for name in ("nbf", "iat"):
        if name in claims and _time(claims, name) - LEEWAY > now:
            raise _bad(f"the token is not valid yet: {name} is in the future")


def _time(claims: Mapping[str, Any], name: str) -> float:
    seconds = claims[name]
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise _bad(f"{name} is a number of seconds since 1970")
    if not 0 <= seconds < _FAR:  # nor NaN
        raise _bad(f"{name} is no time: seconds since 1970")
    return seconds * SECOND


def _named(claims: Mapping[str, Any], project: Project) -> dict[str, Node]:
    """The identifiers that a token proves, by their types."""
    type_ = claims.get("typ", project.first_hard)
    name = project.type_of(type_) if isinstance(type_, str) else None
    if name not in project.hard_types:
        raise _bad("typ names no hard identifier type of this project")
    said = {found: v for n, v in claims.items() if n not in _OWN and (found := project.type_of(n))}
    try:
        return {t: project.identifier(t, v, t) for t, v in {**said, name: claims["sub"]}.items()}
    except Invalid as error:
        raise _bad(f"the token says a {error.field!r} that can be none: {error.message}") from error


def _bad(message: str, field: str = "token") -> UnverifiedIdentity:
    return UnverifiedIdentity(message, field, code="bad_signature")
