"""POST /{trackerKey}: Attraqt XO's activities."""

from __future__ import annotations

from functools import partial

from dialects.attraqt_xo import activities
from dialects.attraqt_xo.activities import Fault, Visit
from hardlink.domain import commands
from hardlink.domain.call import Call
from hardlink.domain.commands import Track
from hardlink.domain.errors import Invalid, Refused
from hardlink.web import caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer

service = caller.service()


@partial(entrypoint, error_answer=activities.error_answer)
def handler(request: Request) -> Answer:
    """Every activity becomes an event of its session; who they say the user is links the session."""
    call = caller.authenticate(request, activities.tracker_key(request.path("trackerKey")))
    visits, faults = activities.visits(request.json)
    dropped: str | None = None
    for visit in visits:
        at_its_place = call._replace(now=call.now + visit.numbers[0])  # one after the other
        found, why = _track(at_its_place, visit)
        faults += found
        dropped = dropped or why
    return activities.answer(sorted(faults), dropped)


def _track(call: Call, visit: Visit) -> tuple[list[Fault], str | None]:
    """Store a visit's activities; an identity that can't be one is named, and they are stored without it.

    Answers as well why they were dropped, if they were.
    """
    try:
        results = service.track(call, commands.read(Track, visit.body))["results"]
    except (Invalid, Refused) as error:
        rest = activities.without(visit, error, call.project)
        found, dropped = _track(call, rest) if rest else ([], None)
        return [*activities.faults(visit, error), *found], dropped
    dropped = next((r["reason"] for r in results if r["status"] == "dropped"), None)
    return list(activities.rejected(visit, results)), dropped
