"""The tracking API's calls: authenticate, translate, execute, answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dialects.content_ids import ContentIds
from dialects.exponea import answers, commands, credentials, requests
from dialects.exponea.answers import Verdict
from dialects.exponea.commands import Context
from dialects.exponea.executor import Executor
from dialects.exponea.requests import RawCommand
from dialects.exponea.system_commands import BulkCommand
from dialects.partial_failure import not_finite_faults
from hardlink.domain.call import Call
from hardlink.domain.errors import NotFound
from hardlink.domain.graph import Policy
from hardlink.services.service import Service
from hardlink.web import caller, declarations
from hardlink.web.api_keys import ServerKeys
from hardlink.web.request import Path, Request
from hardlink.web.response import Answer
from hardlink.web.wiring import read_clock

POLICY: Policy = "split"
"""What happened before a second login stays with the first customer ("cookie stealing")."""
_COMMANDS = ("customers", "customers/events", "campaigns/clicks")
_TIME = "system/time"


class Deployment(NamedTuple):
    """The parts of this deployment that the calls need.

    `server_keys`: opened when they are needed, because a cold start of the web SDK needs none.
    """

    service: Service
    server_keys: Callable[[], ServerKeys]


def call_tracking_api(deployment: Deployment, request: Request) -> Answer:
    """Execute the call that the path names. Raises `NotFound` for any other."""
    name = request.path("call")
    if name == "batch":
        return _execute_batch(deployment, request)
    if name == _TIME:
        return answer_time(deployment, request)
    if name in _COMMANDS:
        call = _authenticate(deployment, request)
        token = requests.read_call_token(request)
        raw = requests.read_single_command(name, request.json)
        return execute_single(deployment.service, call, token, raw, request.not_finite)
    known = ", ".join((*_COMMANDS, "batch", _TIME))
    raise NotFound(f"there is no such call: use one of {known}")


def answer_time(deployment: Deployment, request: Request) -> Answer:
    """Answer the server's clock."""
    _authenticate(deployment, request)
    return answers.answer_single(_read_time())


def execute_single(
    service: Service,
    call: Call,
    token: str,
    raw: RawCommand,
    not_finite: Sequence[Path] = (),
) -> Answer:
    """Execute the command of a call that is one. `not_finite`: see `Request.not_finite`."""
    context = Context(call.now, ContentIds())

    def translate(command: RawCommand) -> BulkCommand:
        return BulkCommand(command=commands.translate_command(command, token, context))

    verdicts = Executor(service, lambda _: call).execute([raw], translate)
    faults, _ = not_finite_faults(not_finite)
    [verdict] = answers.with_faults(verdicts, faults)
    return answers.answer_single(verdict)


def _execute_batch(deployment: Deployment, request: Request) -> Answer:
    """Execute a batch of the tracking API: a result for every command."""
    start = read_clock()
    call = _authenticate(deployment, request)
    token = requests.read_call_token(request)
    # One for the whole batch: of two equal events in it both count.
    context = Context(start, ContentIds())

    def translate(raw: RawCommand) -> BulkCommand:
        if raw.name == _TIME:
            return BulkCommand(_read_time())
        return BulkCommand(command=commands.translate_command(raw, token, context))

    raw_commands = requests.read_commands(request.json)
    executor = Executor(deployment.service, lambda _: call)
    verdicts = executor.execute(raw_commands, translate)
    faults, _ = not_finite_faults(request.not_finite, "commands")
    verdicts = answers.with_faults(verdicts, faults)
    return Answer(answers.answer_batch(verdicts, start, read_clock()))


def _read_time() -> Verdict:
    """Make the verdict of `system/time`: the server's clock, in seconds with fractions."""
    return Verdict(more={"time": answers.to_seconds(read_clock())})


def authenticate(request: Request, token: str) -> Call:
    """Authenticate a call of a client of Exponea's, whose rules of identity hold for it.

    Raises `UnknownSource`, `Forbidden`, `Throttled`.
    """
    call = caller.authenticate(request, token, POLICY)
    # seed 004: an ID that no customer has yet is a new customer, also if it is a soft one
    return call._replace(soft_ids_log_in=True)


def _authenticate(deployment: Deployment, request: Request) -> Call:
    """The caller, if its key may write. Raises `UnknownSource`, `Unauthorized`, `Forbidden`."""
    token = requests.read_call_token(request)
    call = authenticate(request, token)
    if requests.is_stream_call(request) and credentials.needs_no_key(request):
        return call
    given = credentials.read_credentials(request)
    credentials.check_may_write(
        given, token, declarations.deployed_sources(), deployment.server_keys()
    )
    is_backend = given.kind == "private"
    return call._replace(trusted=is_backend, bot=call.bot and not is_backend)
