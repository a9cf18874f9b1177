"""Signed identities: a token by which the shop's backend proves a visitor's identifiers.

A token is a JWT, signed with HS256 and one of the project's signing keys:
`{"sub": <customer ID>, "exp": <seconds>}`. `sub` is a value of the project's first hard type, or of
the hard type that `typ` names. Every other hard identifier of a call needs a claim of its own, by
its type. A soft identifier without a claim is accepted as long as it takes nothing from anybody:
where somebody else is known by it, it needs a claim too. A claim that contradicts it refuses it.

A token whose `aud` is `NEWSLETTER` names the recipient of a newsletter. It stands in a mail, which
can be forwarded, so it proves no identifier.

Pure: keys and time are arguments. The first token loads PyJWT, so that other calls need not wait.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from hardlink.domain.call import Call
from hardlink.domain.errors import Invalid, UnverifiedIdentity
from hardlink.domain.graph import Node
from hardlink.domain.json_types import is_number
from hardlink.domain.sources.registry import Project, Signed
from hardlink.domain.times import SECOND

ALGORITHM = "HS256"
LEEWAY = 30 * SECOND
"""Allowed difference between the clocks of backend and service."""
SHORTEST_KEY = 32
"""Bytes of a signing key: a key shorter than the hash can be guessed, and is ignored."""
NEWSLETTER = "hardlink:newsletter"
"""The audience (`aud`) of a token for a newsletter's links and images."""
MOST_CHARACTERS = 4096
"""Characters of a token."""
_TOKEN_CLAIMS = frozenset({"sub", "typ", "exp", "nbf", "iat", "iss", "aud", "jti"})
"""Claims about the token itself, which are no identifiers."""
_NO_TOKEN = (None, "")
"""Values of a `token` that is not sent: tag managers fill in a blank."""
_NOT_A_TOKEN = f"must be a JWT of at most {MOST_CHARACTERS} characters"
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


_Proven = TypeVar("_Proven")


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

        Returns those that its token proves; `None` where the source requires no proof. A call with
        a server key needs none. A source with optional tokens refuses only a wrong one.
        """
        signed = call.source.signed
        if signed == "off" or call.trusted or not ids:
            return None
        if token in _NO_TOKEN:
            _refuse_missing_token(signed)
            return None
        proven = self._verify(call, token, ids)
        return proven if signed == "required" else None

    def require(self, call: Call, token: object, customer: Node) -> None:
        """Require a token that proves a customer, whatever the source asks of other calls.

        Raises `UnverifiedIdentity`.
        """
        if token in _NO_TOKEN:
            raise UnverifiedIdentity(
                "this visitor is a customer: send a token that proves it", "token"
            )
        # A customer known by a soft identifier alone is refused: no token proves one.
        self._verify(call, token, (customer,))

    def read_recipient(self, call: Call, token: object) -> Node:
        """Read the recipient of a newsletter from its token. Raises `UnverifiedIdentity`."""

        def read(keys: Sequence[str]) -> Node:
            return read_recipient(token, call.project, keys, call.now)

        return self._with_keys(call, read)

    def read_login(self, call: Call, token: object) -> Node:
        """Read as whom a newsletter's link logs its visitor in. Raises `UnverifiedIdentity`.

        A mail can be forwarded: a source that requires proof takes no such log-in. Others take
        only what the shop signed, as anybody can send others a link to a page of the shop.
        """
        if call.source.signed == "required":
            raise UnverifiedIdentity(
                "this source requires signed identities, and a newsletter proves none",
                "recipient",
            )
        return self.read_recipient(call, token)

    def _verify(
        self, call: Call, token: object, ids: Sequence[Node]
    ) -> frozenset[Node]:
        """Verify identifiers of a call. Raises `UnverifiedIdentity`."""

        def verify(keys: Sequence[str]) -> frozenset[Node]:
            return verify_identifiers(token, ids, call.project, keys, call.now)

        return self._with_keys(call, verify)

    def _with_keys(
        self, call: Call, verify: Callable[[Sequence[str]], _Proven]
    ) -> _Proven:
        """Verify with the keys that are cached, then with those of now.

        The key may have been rotated since this process read it last. Raises `UnverifiedIdentity`.
        """
        keys = self._keys.of(call.project_id)
        try:
            return verify(keys)
        except UnverifiedIdentity:
            fresh_keys = self._keys.of(call.project_id, fresh=True)
            if fresh_keys == keys:
                raise
            return verify(fresh_keys)


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
    if _is_for_newsletter(claims):
        raise _bad_token("a token of a newsletter proves no log-in: sign another one")
    claimed = _claimed_nodes(claims, project)
    # Soft identifiers alone would look up a customer without any proof.
    types = {node.type for node in ids}
    if types.isdisjoint(project.hard_types):
        raise UnverifiedIdentity(
            "a token proves a customer ID: send that identifier as well", "ids"
        )
    for node in ids:
        _verify_node(node, claimed.get(node.type), project)
    return frozenset(ids).intersection(claimed.values())


def read_recipient(
    token: object, project: Project, keys: Sequence[str], now: int
) -> Node:
    """Read the customer whom a newsletter's token names: `sub`, of the type `typ`.

    Without `typ` it is a value of the first hard type. A soft type is fine: a newsletter may know
    an address alone. Raises `UnverifiedIdentity`.
    """
    claims = _decode_claims(token, keys)
    _check_times(claims, now)
    if not _is_for_newsletter(claims):
        raise _bad_token(f"a newsletter's token has the claim aud, {NEWSLETTER!r}")
    type_ = str(claims.get("typ", project.first_hard_type))
    try:
        return project.parse_node(type_, claims["sub"], "sub")
    except Invalid as error:
        raise _bad_token(f"the recipient is no customer: {error.message}") from error


def _is_for_newsletter(claims: Mapping[str, Any]) -> bool:
    """Tell whether a newsletter is an audience of a token: `aud` is one, or a list of them."""
    audience = claims.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    return NEWSLETTER in listed


def _refuse_missing_token(signed: Signed) -> None:
    """Refuse a call without a token where its source requires one.

    Raises `UnverifiedIdentity`.
    """
    if signed == "required":
        raise UnverifiedIdentity(
            "this source requires signed identities: send a token", "token"
        )


def _verify_node(node: Node, claimed: Node | None, project: Project) -> None:
    """Hold an identifier to the claim of its type: a hard one needs it, a soft one does not.

    `claimed`: the identifier of this type that the token proves. Raises `UnverifiedIdentity`.
    """
    field = f"ids.{node.type}"
    if claimed == node:
        return
    if claimed is not None:
        raise _bad_token(f"the token is for another {node.type!r}", field)
    if node.type in project.hard_types:
        raise _bad_token(
            f"the token has no claim {node.type!r}: sign it as a claim", field
        )


def _decode_claims(token: object, keys: Sequence[str]) -> Mapping[str, Any]:
    """Decode the claims of a token that one of these keys signed.

    Any of a project's keys may have, as they are rotated. Raises `UnverifiedIdentity` for what is
    no token, and where none of the keys signed it.
    """
    if not isinstance(token, str) or not token.isascii():
        raise _bad_token(_NOT_A_TOKEN)
    if len(token) > MOST_CHARACTERS:
        raise _bad_token(_NOT_A_TOKEN)
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
    """Check that a token is valid now. Raises `UnverifiedIdentity`.

    `now`: microseconds. `nbf` and `iat` are optional. Clocks of backends differ by some seconds,
    so that a token counts a little before and after its time.
    """
    if _parse_seconds(claims, "exp") + LEEWAY <= now:
        raise _bad_token("the token has expired: sign a new one")
    for name in ("nbf", "iat"):
        if name in claims and _parse_seconds(claims, name) - LEEWAY > now:
            raise _bad_token(f"the token is not valid yet: {name} is in the future")


def _parse_seconds(claims: Mapping[str, Any], name: str) -> float:
    """Parse a claim in seconds since 1970 to microseconds. Raises `UnverifiedIdentity`.

    NaN, which compares with nothing, is refused as well.
    """
    seconds = claims[name]
    if is_number(seconds) and 0 <= seconds < _LATEST:
        return float(seconds * SECOND)
    raise _bad_token(f"{name} must be a number of seconds since 1970")


def _claimed_nodes(claims: Mapping[str, Any], project: Project) -> dict[str, Node]:
    """Parse the identifiers that a token proves, by type. Raises `UnverifiedIdentity`.

    `sub` comes last, so that no other claim of its type stands beside it.
    """
    values: dict[str, Any] = {}
    for claim, value in claims.items():
        claimed_type = project.find_type(claim)
        if claimed_type is not None and claim not in _TOKEN_CLAIMS:
            values[claimed_type] = value
    values[_subject_type(claims, project)] = claims["sub"]
    try:
        return {
            name: project.parse_node(name, value, name)
            for name, value in values.items()
        }
    except Invalid as error:
        raise _bad_token(
            f"the claim {error.field!r} is not an ID: {error.message}"
        ) from error


def _subject_type(claims: Mapping[str, Any], project: Project) -> str:
    """Find the type of `sub`: the one that `typ` names, else the project's first hard type.

    Raises `UnverifiedIdentity` where `typ` names no hard type.
    """
    named, type_ = claims.get("typ", project.first_hard_type), None
    if isinstance(named, str):
        type_ = project.find_type(named)
    if type_ is None or type_ not in project.hard_types:
        raise _bad_token("typ must name a hard identifier type of this project")
    return type_


def _bad_token(message: str, field: str = "token") -> UnverifiedIdentity:
    """Make the error of a token that proves nothing, or not what is needed.

    `field`: of the call.
    """
    return UnverifiedIdentity(message, field, code="bad_signature")
