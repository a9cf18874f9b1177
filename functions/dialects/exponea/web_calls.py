"""The web SDK's calls: `/bulk`, and what it asks for beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from dialects.content_ids import ContentIds
from dialects.exponea import answers, requests
from dialects.exponea.calls import Deployment, authenticate, execute_single
from dialects.exponea.commands import COOKIE, NO_ID, Context
from dialects.exponea.cookies import (
    asks_for_cookie,
    build_cookie_header,
    choose_cookie,
    read_first_bulk,
)
from dialects.exponea.executor import CallOfToken, Executor
from dialects.exponea.requests import RawCommand, RawCommands
from dialects.exponea.system_commands import BulkCommand, translate_bulk_command
from dialects.partial_failure import not_finite_faults
from hardlink.domain.call import Call, new_id
from hardlink.domain.errors import (
    Busy,
    Forbidden,
    Invalid,
    Throttled,
    Unauthorized,
    UnknownSource,
    is_refusal,
)
from hardlink.domain.json_types import as_object
from hardlink.services.service import Service
from hardlink.web import caller
from hardlink.web.request import Request
from hardlink.web.response import Answer
from hardlink.web.wiring import read_clock

WebCall = Callable[[Deployment, Request], Answer]


def execute_bulk(deployment: Deployment, request: Request) -> Answer:
    """Execute a bulk: exactly one result for every command."""
    start = read_clock()
    raw_commands = requests.read_commands(request.json)
    tokens = requests.read_bulk_tokens(raw_commands)
    # First of all: a bulk that is refused must store nothing.
    call_of_token = _authenticate_bulk(request, tokens)
    token = tokens[0] if tokens else None
    sent = request.cookie(f"xnpe_{token}") or request.cookie("__exponea_etc__")
    cookie = choose_cookie(raw_commands, sent)
    if cookie is None and asks_for_cookie(raw_commands):
        call = call_of_token(token) if token else None
        cookie = _new_cookie(deployment.service, call, raw_commands, request)
    context = Context(start, ContentIds(), cookie)

    def translate(raw: RawCommand) -> BulkCommand:
        return translate_bulk_command(raw, token, context)

    verdicts = Executor(deployment.service, call_of_token).execute(
        raw_commands, translate
    )
    faults, _ = not_finite_faults(request.not_finite, "commands")
    verdicts = answers.with_faults(verdicts, faults)
    headers = build_cookie_header(token, cookie) if token and cookie else {}
    return Answer(answers.answer_bulk(verdicts, start, read_clock()), headers=headers)


def link_ids(deployment: Deployment, request: Request) -> Answer:
    """Link the cookie in the path to the customer with the IDs in the body."""
    token = requests.read_call_token(request)
    call = authenticate(request, token)
    body = request.json
    ids = as_object(body).get("external_ids")
    if not isinstance(ids, Mapping):
        raise Invalid("send the IDs to link", "external_ids")
    data = {"ids": {**ids, COOKIE: request.path("cookie")}}
    return execute_single(
        deployment.service, call, token, RawCommand(0, "customers", data)
    )


def execute_crm_command(deployment: Deployment, request: Request) -> Answer:
    """Execute one command of Exponea's older clients: the path names it, its body the project.

    Source: the first version of Exponea's API, as exponea-go calls it.
    """
    raw = requests.read_single_command(_crm_name(request.route), request.json)
    token = requests.read_command_token(raw.data)
    call = authenticate(request, token)
    return execute_single(deployment.service, call, token, raw)


def read_segments(_: Deployment, request: Request) -> Answer:
    """Answer the visitor's segments."""
    caller.authenticate(request, requests.read_call_token(request))
    return answers.answer_segments()


def read_bundle(_: Deployment, request: Request) -> Answer:
    """Answer what the project shows on its pages."""
    caller.authenticate(request, requests.read_call_token(request))
    return answers.answer_bundle()


def show_managed_tags(_: Deployment, request: Request) -> Answer:
    """Answer the tags for a page."""
    body = as_object(request.json)
    if not as_object(body.get("customer_ids")):
        return answers.answer_missing_ids(NO_ID)
    caller.authenticate(request, requests.read_command_token(body))
    return answers.answer_managed_tags()


def with_errors_by_field(web_call: WebCall) -> WebCall:
    """The call with errors by field: the web SDK reads them so, except in bulks."""

    def execute(deployment: Deployment, request: Request) -> Answer:
        try:
            answer = web_call(deployment, request)
        except (Forbidden, Invalid, Unauthorized, UnknownSource) as error:
            answer = answers.answer_error(error)
            answer = answer._replace(is_refusal=is_refusal(error))
        return answers.with_errors_by_field(answer)

    return execute


def _crm_name(route: str) -> str:
    """The command that `POST /crm/events` means."""
    return route.partition("/")[2]


def _authenticate_bulk(request: Request, tokens: Sequence[str]) -> CallOfToken:
    """Authenticate each project of a bulk. Raises `UnknownSource`, `Forbidden` for the first."""

    @cache
    def authenticate_project(token: str) -> Call:
        try:
            return authenticate(request, token)
        except Throttled as error:
            # The SDK drops a bulk that is answered 429, and sends one again that is answered 503.
            raise Busy(error.message) from error

    for position, token in enumerate(tokens):
        try:
            authenticate_project(token)
        except (Forbidden, UnknownSource):
            # The commands of a further project are refused one by one, as they are executed.
            if position == 0:
                raise
    return authenticate_project


def _new_cookie(
    service: Service, call: Call | None, raw_commands: RawCommands, request: Request
) -> str:
    """Make a random cookie, or return that of the same first bulk, whose answer was lost."""
    if call is None or call.bot:
        # Nothing of such a bulk is stored, so there is no cookie to find again.
        return new_id()
    headers = (request.header("user-agent"), request.header("referer"))
    first = read_first_bulk(raw_commands, (call.name, request.address, *headers))
    if first is None:
        return new_id()
    return service.first_session(
        call, first.fingerprint, happened=first.happened, sent=first.sent
    )
