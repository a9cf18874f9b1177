"""Calls that are refused as a whole, recorded for the live list with their error and their origin.

Nothing that says who the visitor is: the route, the error and the page's origin. A few a second of
each instance, so that calls that nobody wants cost little.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from hardlink.domain.errors import HardlinkError
from hardlink.domain.records import RefusedCall
from hardlink.log import logger
from hardlink.storage import activity
from hardlink.web.declarations import deployed_sources
from hardlink.web.rate_limit import TokenBucket
from hardlink.web.request import Request
from hardlink.web.wiring import read_clock, tables

_A_SECOND = 10
"""Refused calls that one instance records in a second."""
_MOST_CHARACTERS = 300
_RECORDED = frozenset({400, 401, 403, 409, 413})
"""Statuses of calls that cannot succeed: others are sent again, or ask for what there is not."""


@cache
def limit() -> TokenBucket:
    """Return the limit of this process."""
    return TokenBucket(_A_SECOND, read_clock())


def record_refusal(request: Request, error: HardlinkError) -> None:
    """Record that a call was refused. A failure to do so changes nothing for the caller."""
    if error.status not in _RECORDED:
        return
    now = read_clock()
    if limit().take(now):
        return
    source, project_ids = _find_projects(request)
    call = RefusedCall(
        route=request.route,
        code=error.code,
        reason=error.message[:_MOST_CHARACTERS],
        field=(error.field or "")[:_MOST_CHARACTERS],
        origin=request.header_text("origin")[:_MOST_CHARACTERS],
        source=source,
    )
    try:
        for project_id in project_ids:
            activity.record_refused_call(tables(), project_id, call, request.id, now)
    except HardlinkError as failure:
        logger.warning("refusal not recorded", extra={"code": failure.code})


def _find_projects(request: Request) -> tuple[str, list[str]]:
    """Return the source of a call and its project; of an unknown source, every project."""
    sources = deployed_sources()
    if request.source is None:
        # Refused before its write key was read, because of another field.
        declared = sources.find_source(_read_write_key(request))
        if declared is None:
            return "", list(sources.projects)
        return sources.name_of(declared), [declared.project]
    name, project_id = request.source
    return name, [project_id]


def _read_write_key(request: Request) -> str:
    """Read the write key of a native call, as far as its body can be read."""
    try:
        body = request.json
    except HardlinkError:
        return ""
    source = body.get("source") if isinstance(body, Mapping) else None
    key = source.get("id") if isinstance(source, Mapping) else source
    return str(key or "").strip()
