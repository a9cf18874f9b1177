"""POST /{trackerKey}: Attraqt XO's activities."""

from __future__ import annotations

from functools import partial

from hardlink import commands, writing
from hardlink.call import Call
from hardlink.commands import Track
from hardlink.errors import Invalid, Refused
from hardlink.http import Answer, Request, entrypoint
from xo import dialect
from xo.dialect import Fault, Visit

service = writing.service()


@partial(entrypoint, error_answer=dialect.error_answer)
def handler(request: Request) -> Answer:
    """Every activity becomes an event of its session; who they say the user is links the session."""
    call = writing.call(request, dialect.tracker_key(request.path("trackerKey")))
    visits, faults = dialect.visits(request.json)
    dropped: str | None = None
    for visit in visits:
        at_its_place = call._replace(now=call.now + visit.numbers[0])  # one after the other
        found, why = _track(at_its_place, visit)
        faults += found
        dropped = dropped or why
    return dialect.answer(sorted(faults), dropped)


def _track(call: Call, visit: Visit) -> tuple[list[Fault], str | None]:
    """Store a visit's activities; an identity that can't be one is named, and they are stored without it.

    Answers as well why they were dropped, if they were.
    """
    try:
        results = service.track(call, commands.read(Track, visit.body))["results"]
    except (Invalid, Refused) as error:
        rest = dialect.without(visit, error, call.project)
        found, dropped = _track(call, rest) if rest else ([], None)
        return [*dialect.faults(visit, error), *found], dropped
    dropped = next((r["reason"] for r in results if r["status"] == "dropped"), None)
    return list(dialect.rejected(visit, results)), dropped
