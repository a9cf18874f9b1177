"""POST /v1/{call}, /beacon/v1/batch, /batch and GET /sourceConfig: Segment's, RudderStack's and PostHog's clients."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from hardlink import commands, writing
from hardlink.call import Call
from hardlink.commands import Identify, Track, Update
from hardlink.errors import Busy, Invalid, Refused, TooLarge
from hardlink.http import Answer, Request, entrypoint
from segment import dialect, said
from segment.said import Fault, Said

service = writing.service()
_threads = ThreadPoolExecutor(8, thread_name_prefix="segment")
"""A backend's batch is about many customers, who do not wait for each other."""
Outcome = tuple[list[Fault], list[str]]


@partial(entrypoint, error_answer=dialect.error_answer)
def handler(request: Request) -> Answer:
    """What happened is stored, and who it was is linked; or a client asks whether it may start."""
    if request.route.startswith("GET "):
        key = dialect.key(request)
        return dialect.source_config(writing.call(request, key).name, key)
    batch = dialect.batch(request)
    sent, warnings = dialect.sent(request)
    call = writing.call(request, dialect.key(request), policy="split")._replace(sent=sent)
    found, faults = dialect.said(batch, call.project)
    for outcome in _carried_out(call, said.chains(found)):
        faults += outcome[0]
        warnings += outcome[1]
    return dialect.answer(batch, faults, warnings)


def _carried_out(call: Call, chains: list[list[Said]]) -> list[Outcome]:
    """Raises `Busy` once nothing is under way any more: the client sends all of it again."""
    outcomes = [_chain(call, chains[0])] if len(chains) == 1 else []
    if len(chains) > 1:
        outcomes = list(_threads.map(partial(_chain, call), chains))
    busy = [outcome for outcome in outcomes if isinstance(outcome, Busy)]
    if busy:
        raise busy[0]
    return [outcome for outcome in outcomes if not isinstance(outcome, Busy)]


def _chain(call: Call, chain: list[Said]) -> Outcome | Busy:
    """One command after the other, as if they came so."""
    faults: list[Fault] = []
    warnings: list[str] = []
    try:
        for one in chain:
            now = call.now + one.numbers[0]
            evidence = f"{call.evidence}/{one.numbers[0]}"  # each can be taken back by itself
            _carry_out(call._replace(now=now, evidence=evidence), one, faults, warnings)
    except Busy as busy:
        return busy
    return faults, warnings


def _carry_out(call: Call, one: Said, faults: list[Fault], warnings: list[str]) -> None:
    """A command; what of it can't be is named, and the rest is carried out without."""
    rest: Said | None = one
    while rest:
        try:
            found = _command(call, rest)
        except (Invalid, Refused, TooLarge) as error:
            faults += said.faults(rest, error)
            rest = said.without(rest, error)
        else:
            faults += said.unstored(rest, found["results"]) if rest.command is Track else ()
            warnings += found["warnings"]
            return


def _command(call: Call, one: Said) -> dict[str, Any]:
    if one.command is Track:
        return service.track(call, commands.read(Track, one.body))
    if one.command is Update:
        return service.update(call, commands.read(Update, one.body))
    command = commands.read(Identify, one.body)
    return service.alias(call, command) if one.renames else service.identify(call, command)
