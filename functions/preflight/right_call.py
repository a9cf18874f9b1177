"""Answer a call that no route takes with the call that was probably meant."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import NamedTuple

CALLS: Mapping[str, str] = {
    "/track": "POST",
    "/identify": "POST",
    "/update": "POST",
    "/anonymize": "POST",
    "/consent": "POST",
    "/session": "POST",
    "/visitor": "GET",
    "/orders": "POST",
    "/customers": "GET",
    "/customers/events": "GET",
    "/customers/export": "GET",
    "/customers/recent": "GET",
    "/customers/why": "GET",
    "/customers/merge": "POST",
    "/customers/remove-identifier": "POST",
    "/customers/undo": "POST",
    "/customers/erase": "POST",
    "/sessions": "GET",
    "/sessions/events": "GET",
    "/sessions/verdicts": "GET",
    "/sessions/unlink": "POST",
    "/sessions/erase": "POST",
    "/tracking-user": "GET",
    "/newsletter/content": "GET",
    "/newsletter/content/signed": "GET",
    "/live": "GET",
    "/project": "GET",
    "/console": "GET",
    "/openapi.json": "GET",
    "/sdk.js": "GET",
    "/sdk.mjs": "GET",
    "/health": "GET",
}
"""Path -> method of the native calls without path parameters, as `infra/routes.py` has them."""
_LEAST_SIMILAR = 0.7
_OVERVIEW = (
    "POST /track, /identify, /update, /anonymize, /consent; GET /health, /console"
)


class WrongCall(NamedTuple):
    """`allowed`: the method that the path has, where only the method is wrong."""

    message: str
    allowed: str | None = None


def explain(method: str, path: str) -> WrongCall:
    """Find the call that was meant by one that no route takes. `path`: decoded."""
    name = path.rstrip("/")
    right = CALLS.get(name)
    if right is None:
        return WrongCall(_explain_unknown(name))
    if path != name:
        return WrongCall(f"send {right} {name}, without the slash at its end")
    return WrongCall(f"{path} is called with {right}, not with {method[:16]}", right)


def _explain_unknown(path: str) -> str:
    if not path:
        return f"this is the API of Hardlink: the calls are {_OVERVIEW}"
    # Only the beginning is compared, because that takes long.
    similar = get_close_matches(path[:64], CALLS, n=1, cutoff=_LEAST_SIMILAR)
    if similar:
        return f"no call has this path: did you mean {CALLS[similar[0]]} {similar[0]}?"
    return f"no call has this path: the calls are {_OVERVIEW}"
