"""Calls that are refused as a whole, recorded for the live list with their error and their origin.

Nothing that the caller sent, as it may say who the visitor is: the route, the error's code, the
declared part of its field, and the page's origin. A few a second of each instance, so that calls
that nobody wants cost little.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from functools import cache

from hardlink.domain.commands import BODY_FIELDS
from hardlink.domain.errors import HardlinkError
from hardlink.domain.records import RefusedCall
from hardlink.domain.sources.registry import Sources
from hardlink.log import logger
from hardlink.storage import activity
from hardlink.web.declarations import deployed_sources
from hardlink.web.rate_limit import TokenBucket
from hardlink.web.request import Request
from hardlink.web.response import InternalFailure
from hardlink.web.wiring import read_clock, tables

_A_SECOND = 10
"""Refused calls that one instance records in a second."""
_MOST_CHARACTERS = 300
_RECORDED = frozenset({400, 401, 403, 409, 413})
"""Statuses of calls that cannot succeed: others are sent again, or ask for what there is not."""
_ORIGIN = re.compile(r"null|[a-z][a-z0-9+.-]*://[a-z0-9.:\[\]_-]+", re.IGNORECASE)
"""An origin as browsers send it; a backend may send anything."""
_API_NAMES = frozenset({"id"}.union(*BODY_FIELDS.values()))
"""Names of fields that the API itself has."""


@cache
def limit() -> TokenBucket:
    """Return the limit of this process."""
    return TokenBucket(_A_SECOND, read_clock())


def record_refusal(request: Request, error: HardlinkError) -> None:
    """Record that a call was refused. A failure to do so changes nothing for the caller."""
    if error.status not in _RECORDED:
        return
    try:
        _record(request, error)
    except Exception as failure:  # noqa: BLE001 - the call has its answer already
        why = str(InternalFailure(failure))
        logger.warning("refusal not recorded", extra={"why": why})


def _record(request: Request, error: HardlinkError) -> None:
    """Record a refused call in its project. Raises what the tables raise."""
    sources = deployed_sources()
    source, project_id = _find_project(request, sources)
    now = read_clock()
    # In this order: calls of strangers must not use up the limit of the others.
    if project_id is None or limit().take(now):
        return
    identifiers = sources.projects[project_id].identifiers
    call = RefusedCall(
        route=request.route,
        code=error.code,
        field=declared_part(error.field_path, identifiers),
        origin=_read_origin(request),
        source=source,
    )
    activity.record_refused_call(tables(), project_id, call, request.id, now)


def declared_part(field: str, identifiers: Container[str]) -> str:
    """Cut a field's path before the first name that is neither the API's nor an identifier type.

    `ids.registered` stays, `ids.gordon@blackmesa.com` becomes `ids`: a name that a caller made up
    may be personal data.
    """
    declared: list[str] = []
    for name in field.split("."):
        if name not in _API_NAMES and name not in identifiers:
            break
        declared.append(name)
    return ".".join(declared)


def _find_project(request: Request, sources: Sources) -> tuple[str, str | None]:
    """Return the source of a call and its project; `None` where the call has no known key.

    Nobody knows whom a call without a known key is for, unless there is one project alone. With
    several, the log has it: a stranger's call must not be a write in each of them.
    """
    if request.source is not None:
        return request.source
    # Refused before its write key was read, because of another field.
    declared = sources.find_source(_read_write_key(request))
    if declared is not None:
        return sources.name_of(declared), declared.project
    projects = list(sources.projects)
    return "", projects[0] if len(projects) == 1 else None


def _read_write_key(request: Request) -> str:
    """Read the write key of a native call, as far as its body can be read."""
    try:
        body = request.json
    except HardlinkError:
        return ""
    source = body.get("source") if isinstance(body, Mapping) else None
    key = source.get("id") if isinstance(source, Mapping) else source
    return str(key or "").strip()


def _read_origin(request: Request) -> str:
    """Read the page's origin, empty where there is none or it is no origin."""
    origin = request.header_text("origin")
    if len(origin) > _MOST_CHARACTERS or not _ORIGIN.fullmatch(origin):
        return ""
    return origin
