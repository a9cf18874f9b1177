"""Exponea's tracking calls: the web SDK's `/bulk`, the tracking API, and what its SDKs ask for beside."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial

from dialects.exponea import answers, bulk, credentials, tracking
from dialects.exponea.answers import Verdict
from dialects.exponea.executor import Calls, execute
from dialects.exponea.tracking import Command, Copies, RawCommand
from hardlink.domain.call import Call, new_id
from hardlink.domain.errors import (
    Busy,
    Forbidden,
    Invalid,
    NotFound,
    Throttled,
    Unauthorized,
    UnknownSource,
)
from hardlink.domain.sources import Policy
from hardlink.web import api_keys, caller
from hardlink.web.api_keys import ServerKeys
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer
from hardlink.web.wiring import read_clock

service = caller.service()
POLICY: Policy = "split"
"""What happened up to a second login stays with the first customer ("cookie stealing")."""


@cache
def _server_keys() -> ServerKeys:
    """Made when it is needed: the web SDK has no private key."""
    return ServerKeys(api_keys.secret_reader(os.environ["HARDLINK_SERVER_KEYS"]), read_clock)


def _bulk(request: Request) -> Answer:
    """`POST /bulk`: exactly one result for every command."""
    start = read_clock()
    found = tracking.commands(request.json)
    tokens = bulk.tokens(found)
    token = tokens[0] if tokens else None
    calls = cache(partial(_bulk_call, request))
    if token is not None:
        calls(token)
    for other in tokens[1:]:
        with suppress(Forbidden, UnknownSource):  # its commands are told so, one by one
            calls(other)
    sent = request.cookie(f"xnpe_{token}") or request.cookie("__exponea_etc__")
    browser = (token, request.address, request.header("user-agent"), request.header("referer"))
    candidates = bulk.cookies(found, sent, browser, new_id())
    cookie = _known(calls, token, candidates) if candidates else None
    copies: Copies = {}
    verdicts = execute(
        service, calls, found, lambda wire: bulk.understood(wire, token, start, copies, cookie)
    )
    headers = bulk.set_cookie(token, cookie) if token and cookie else {}
    return Answer(answers.bulk(verdicts, start, read_clock()), headers=headers)


def _bulk_call(request: Request, token: str) -> Call:
    """Who calls. The web SDK drops what is answered 429, and a command that failed; it keeps what is answered 503.

    So a bulk of which one source sends too much is not taken at all, and comes whole again.
    """
    try:
        return caller.authenticate(request, token, POLICY)
    except Throttled as error:
        raise Busy(error.message) from error


def _known(calls: Calls, token: str | None, candidates: Sequence[str]) -> str:
    """The cookie that is known, if there is a choice; else the first."""
    first, *others = candidates
    for other in others:
        if token and not service.knows(calls(token), first) and service.knows(calls(token), other):
            return other
    return first


def _batch(request: Request) -> Answer:
    """Up to 50 commands of the tracking API."""
    start = read_clock()
    call, token = _allowed(request), _token(request)
    copies: Copies = {}

    def understood(wire: RawCommand) -> Iterator[Verdict | Command]:
        if wire.name == "system/time":
            yield Verdict(more={"time": answers.seconds(read_clock())})
        else:
            yield tracking.step(wire, token, start, copies)

    verdicts = execute(service, lambda _: call, tracking.commands(request.json), understood)
    return Answer(answers.batch(verdicts, start, read_clock()))


def _single(name: str) -> Callable[[Request], Answer]:
    """A call of the tracking API that says what one command of a batch says."""

    def carried_out(request: Request) -> Answer:
        call = _allowed(request)
        return _said(call, _token(request), tracking.single(name, request.json))

    return carried_out


def _said(call: Call, token: str, wire: RawCommand) -> Answer:
    [verdict] = execute(
        service, lambda _: call, [wire], lambda one: [tracking.step(one, token, call.now, {})]
    )
    return answers.single(verdict)


def _time(request: Request) -> Answer:
    _allowed(request)
    return answers.single(Verdict(more={"time": answers.seconds(read_clock())}))


def _link_ids(request: Request) -> Answer:
    """The web SDK tells the customer's IDs for the cookie in the path."""
    call = caller.authenticate(request, _token(request), POLICY)
    body = request.json
    ids = body.get("external_ids") if isinstance(body, Mapping) else None
    if not isinstance(ids, Mapping):
        raise Invalid("send the IDs to link", "external_ids")
    named = {"ids": {**ids, tracking.COOKIE: request.path("cookie")}}
    return _said(call, _token(request), RawCommand(0, "customers", named))


def _segments(request: Request) -> Answer:
    """The segments of a visitor, by the categories that a page or an app may ask for: none, as none are computed."""
    caller.authenticate(request, _token(request))
    nothing: list[str] = []
    return Answer(dict.fromkeys(("discovery", "content", "merchandising"), nothing))


def _bundle(request: Request) -> Answer:
    """What a project shows on the page: nothing, as campaigns are not offered."""
    caller.authenticate(request, _token(request))
    nothing: list[str] = []
    lists = dict.fromkeys(("constantManagedTags", "webLayers", "experiments"), nothing)
    return Answer({"success": True, **lists, "vars": {}})


def _managed_tags(request: Request) -> Answer:
    body = request.json
    ids = body.get("customer_ids") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(ids, Mapping) or not ids:
        return Answer({"success": False, "errors": {"customer_ids": [tracking.NO_ID]}}, 400)
    caller.authenticate(request, tracking.token(body))
    return Answer({"success": True, "data": []})


def _token(request: Request) -> str:
    """The project token in the path, or the stream ID in the query: the source's write key. Raises `UnknownSource`."""
    found = request.query("stream_id") if "/track/u/v1/" in request.route else request.path("token")
    if not found:
        raise UnknownSource("send the write key of a source as stream_id", "stream_id")
    return found


def _allowed(request: Request) -> Call:
    """Who calls the tracking API, with a key that may. Raises `UnknownSource`, `Unauthorized`, `Forbidden`."""
    token = _token(request)
    call = caller.authenticate(request, token, POLICY)
    authorization = request.header("authorization")
    if "/track/u/v1/" in request.route and credentials.is_of_stream(authorization):
        return call
    given = credentials.given(authorization, request.query("access_token"))
    credentials.may_write(given, token, caller.deployed_sources(), _server_keys())
    is_backend = given.kind == "private"
    return call._replace(trusted=is_backend, bot=call.bot and not is_backend)


_CALLS: Mapping[str, Callable[[Request], Answer]] = {
    "customers": _single("customers"),
    "customers/events": _single("customers/events"),
    "campaigns/clicks": _single("campaigns/clicks"),
    "batch": _batch,
    "system/time": _time,
}


def _tracking(request: Request) -> Answer:
    call = _CALLS.get(request.path("call"))
    if call is None:
        raise NotFound(f"there is no such call: use one of {', '.join(_CALLS)}")
    return call(request)


def _by_field(call: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    """A call of its own beside the web SDK's bulks, which reads the errors of such calls by field."""

    def execute(request: Request) -> Answer:
        try:
            return answers.by_field(call(request))
        except (Forbidden, Invalid, Unauthorized, UnknownSource) as error:
            return answers.by_field(answers.error_answer(error))

    return execute


ROUTES: Mapping[str, Callable[[Request], Answer]] = {
    "POST /bulk": _bulk,
    "GET /track/v2/projects/{token}/system/time": _time,
    "POST /track/v2/projects/{token}/{call+}": _tracking,
    "GET /track/u/v1/system/time": _time,
    "POST /track/u/v1/{call+}": _tracking,
    "POST /managed-tags/show": _by_field(_managed_tags),
    **{
        f"{method} /webxp/{kind}/{{token}}/{path}": _by_field(call)
        for kind in ("projects", "streams")
        for method, path, call in (
            ("GET", "bundle", _bundle),
            ("GET", "segments", _segments),
            ("POST", "cookies/{cookie}/link-ids", _link_ids),
        )
    },
}


@partial(entrypoint, error_answer=answers.error_answer)
def handler(request: Request) -> Answer:
    """See `ROUTES`."""
    return ROUTES[request.route](request)
