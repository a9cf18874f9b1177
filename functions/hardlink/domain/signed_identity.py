"""Signed identities: a token by which the shop's backend proves a visitor's identifiers.

A token is a JWT, signed with HS256 and one of the project's signing keys:
`{"sub": <customer ID>, "exp": <seconds>}`. `sub` is a value of the project's first hard type, or of
the hard type that `typ` names. Every other hard identifier of a call needs a claim of its own, by
its type. A soft identifier without a claim is accepted as long as it takes nothing from anybody:
where somebody else is known by it, it needs a claim too. A claim that contradicts it refuses it.

Pure: keys and time are arguments. The first token loads PyJWT, so that other calls need not wait.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hardlink.domain.call import Call
from hardlink.domain.errors import Invalid, UnverifiedIdentity
from hardlink.domain.graph import Node
from hardlink.domain.json_types import is_number
from hardlink.domain.sources.registry import Project
from hardlink.domain.times import SECOND

ALGORITHM = "HS256"
LEEWAY = 30 * SECOND
"""Allowed difference between the clocks of backend and service."""
SHORTEST_KEY = 32
"""Bytes of a signing key: a key shorter than the hash can be guessed, and is ignored."""
MOST_CHARACTERS = 4096
"""Characters of a token."""
_TOKEN_CLAIMS = frozenset({"sub", "typ", "exp", "nbf", "iat", "iss", "aud", "jti"})
"""Claims about the token itself, which are no identifiers."""
_LATEST = 1e11
"""Seconds since 1970: the year 5138."""
_JWT_OPTIONS: Any = {
    "require": ["sub", "exp"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_jti": False,
}
"""Times are checked here, by the clock of the call. Audience and issuer are the shop's own."""


class Keys(Protocol):
    """A source of signing keys."""

    def of(self, project: str, *, fresh: bool = False) -> Sequence[str]:
        """Return a project's valid keys; `fresh`: also one that was added a moment ago."""


class NoKeys:
    """No signing keys: no token is valid."""

    def of(self, project: str, *, fresh: bool = False) -> Sequence[str]:
        """Return no keys."""
        del project, fresh
        return ()


class IdentityVerifier:
    """Verifies the identifiers of calls, as their source requires."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def check(
        self, call: Call, token: object, ids: Sequence[Node]
    ) -> frozenset[Node] | None:
        """Check that a call may use these identifiers. Raises `UnverifiedIdentity`.

        Returns those that its token proves; `None` where the source requires no proof.
        """
        if call.source.signed == "off" or call.trusted or not ids:
            return None
        is_required = call.source.signed == "required"
        if token in (None, ""):
            if is_required:
                raise UnverifiedIdentity(
                    "this source requires signed identities: send a token", "token"
                )
            return None
        proven = self._verify(call, token, ids)
        return proven if is_required else None

    def _verify(
        self, call: Call, token: object, ids: Sequence[Node]
    ) -> frozenset[Node]:
        """Verify with the keys that are cached, then with those of now."""
        keys = self._keys.of(call.project_id)
        try:
            return verify_identifiers(token, ids, call.project, keys, call.now)
        except UnverifiedIdentity:
            # The key may have been rotated since this process read it last.
            fresh_keys = self._keys.of(call.project_id, fresh=True)
            if fresh_keys == keys:
                raise
            return verify_identifiers(token, ids, call.project, fresh_keys, call.now)


def verify_identifiers(
    token: object, ids: Sequence[Node], project: Project, keys: Sequence[str], now: int
) -> frozenset[Node]:
    """Verify identifiers by a token, and return those that it proves.

    Raises `UnverifiedIdentity` for a hard identifier that it does not prove, and for any
    identifier that it contradicts.

    `keys`: the project's valid signing keys, any of which may have signed it. `now`: microseconds.
    """
    claims = _decode_claims(token, keys)
    _check_times(claims, now)
    claimed = _claimed_nodes(claims, project)
    # Soft identifiers alone would look up a customer without any proof.
    if not any(node.type in project.hard_types for node in ids):
        raise UnverifiedIdentity(
            "a token proves a customer ID: send that identifier as well", "ids"
        )
    for node in ids:
        _verify_node(node, claimed.get(node.type), project)
    return frozenset(node for node in ids if claimed.get(node.type) == node)


def _verify_node(node: Node, claimed: Node | None, project: Project) -> None:
    """Hold an identifier to the claim of its type: a hard one needs it, a soft one does not."""
    field = f"ids.{node.type}"
    if claimed is None and node.type in project.hard_types:
        raise _bad_token(
            f"the token has no claim {node.type!r}: sign it as a claim", field
        )
    if claimed is not None and claimed != node:
        raise _bad_token(f"the token is for another {node.type!r}", field)


def _decode_claims(token: object, keys: Sequence[str]) -> Mapping[str, Any]:
    """Decode the claims of a token that one of these keys signed."""
    if (
        not isinstance(token, str)
        or not token.isascii()
        or len(token) > MOST_CHARACTERS
    ):
        raise _bad_token(f"must be a JWT of at most {MOST_CHARACTERS} characters")
    for key in keys:
        claims = _decode_with_key(token, key)
        if claims is not None:
            return claims
    raise _bad_token("signed with no key of this project: use the one in its secret")


def _decode_with_key(token: str, key: str) -> Mapping[str, Any] | None:
    """Decode a token; `None` if another key signed it."""
    import jwt  # noqa: PLC0415 - loaded by the first token, so that other calls need not wait

    # PyJWT only warns of a short key, and a guessed key would prove anything.
    if len(key.encode()) < SHORTEST_KEY:
        return None
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token, key, algorithms=[ALGORITHM], options=_JWT_OPTIONS
        )
    except jwt.InvalidSignatureError:
        return None
    # PyJWT lets errors of the JSON parser and of the base64 decoder through.
    except (jwt.PyJWTError, RecursionError, TypeError, ValueError) as error:
        raise _bad_token(f"this token cannot be used: {str(error)[:100]}") from error
    return claims


def _check_times(claims: Mapping[str, Any], now: int) -> None:
    """Check that a token is valid now."""
    if _parse_seconds(claims, "exp") + LEEWAY <= now:
        raise _bad_token("the token has expired: sign a new one")
    for name in ("nbf", "iat"):
        # Both are optional, and clocks of backends differ by some seconds.
        if name in claims and _parse_seconds(claims, name) - LEEWAY > now:
            raise _bad_token(f"the token is not valid yet: {name} is in the future")


def _parse_seconds(claims: Mapping[str, Any], name: str) -> float:
    """Parse a claim in seconds since 1970 to microseconds."""
    seconds = claims[name]
    # The comparison is false for NaN as well.
    if is_number(seconds) and 0 <= seconds < _LATEST:
        return float(seconds * SECOND)
    raise _bad_token(f"{name} must be a number of seconds since 1970")


def _claimed_nodes(claims: Mapping[str, Any], project: Project) -> dict[str, Node]:
    """Parse the identifiers that a token proves, by type.

    `sub` comes last, so that no other claim of its type stands beside it.
    """
    subject_type = claims.get("typ", project.first_hard_type)
    type_ = project.find_type(subject_type) if isinstance(subject_type, str) else None
    if type_ not in project.hard_types:
        raise _bad_token("typ must name a hard identifier type of this project")
    values: dict[str, Any] = {}
    for claim, value in claims.items():
        claimed_type = None if claim in _TOKEN_CLAIMS else project.find_type(claim)
        if claimed_type is not None:
            values[claimed_type] = value
    values[type_] = claims["sub"]
    try:
        return {
            name: project.parse_node(name, value, name)
            for name, value in values.items()
        }
    except Invalid as error:
        raise _bad_token(
            f"the claim {error.field!r} is not an ID: {error.message}"
        ) from error


def _bad_token(message: str, field: str = "token") -> UnverifiedIdentity:
    return UnverifiedIdentity(message, field, code="bad_signature")
