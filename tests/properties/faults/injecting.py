"""Faults between the store and DynamoDB, below botocore: what is tested is the store's own way to deal with them.

Which request meets which fault is drawn from a seed, for each client by itself.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    ReadTimeoutError,
)

from tests.bench.stub import Body

Request = Any
Send = Callable[[Request], AWSResponse]
_SINGLE = ("PutItem", "UpdateItem", "DeleteItem")
_THROTTLED = (
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
)
_FAILED = {"InternalServerError": 500, "ServiceUnavailable": 503}
_STORM = 0.0006
_LONGEST_STORM = 24


class Killed(BaseException):
    """The function's process ends here: nobody catches this, and nobody is answered."""


class Faults:
    """The way of one client to DynamoDB. `often`: how many of its requests meet a fault.

    `storms`: how many times as often as usual its requests are throttled until the store gives up.
    """

    def __init__(self, seed: str, often: float = 0.125, storms: float = 1) -> None:
        self.made: Counter[str] = Counter()
        """Requests by operation."""
        self.met: Counter[str] = Counter()
        """Faults by kind."""
        self.reached = 0
        """Requests that DynamoDB carried out, whoever heard of it."""
        self._random = Random(seed)
        self._often = often
        self._storms = storms * _STORM
        self._storm = 0

    def between(self, client: Any) -> Any:
        """Put them between a client and its engine."""
        client._endpoint.http_session = _Way(client._endpoint.http_session, self)
        return client

    def meet(self, request: Request, send: Send) -> AWSResponse:
        """Send a request, or not, and answer it, or not."""
        operation = _operation(request)
        self.made[operation] += 1

        def sent(request: Request) -> AWSResponse:
            self.reached += 1
            return send(request)

        fault = self._drawn(operation)
        if fault is None:
            return sent(request)
        self.met[fault.__name__.strip("_")] += 1
        return fault(request, sent, self._random)

    def _drawn(self, operation: str) -> _Fault | None:
        if self._storm:
            self._storm -= 1
            return _throttled
        if self._random.random() < self._storms:
            self._storm = self._random.randint(6, _LONGEST_STORM)
        if self._random.random() >= self._often:
            return None
        fault: _Fault = self._random.choice([*_ANY, *_OF.get(operation, ())])
        return fault


class _Way:
    """Stands for botocore's HTTP session."""

    def __init__(self, session: Any, faults: Faults) -> None:
        self._session = session
        self._faults = faults

    def send(self, request: Request) -> AWSResponse:
        return self._faults.meet(request, self._session.send)

    def close(self) -> None:
        self._session.close()


_Fault = Callable[[Request, Send, Random], AWSResponse]


def _throttled(request: Request, send: Send, random: Random) -> AWSResponse:
    return _error(request, random.choice(_THROTTLED))


def _failed(request: Request, send: Send, random: Random) -> AWSResponse:
    code = random.choice(list(_FAILED))
    return _error(request, code, _FAILED[code])


def _failed_after_the_fact(request: Request, send: Send, random: Random) -> AWSResponse:
    send(request)
    return _error(request, "InternalServerError", 500)


def _answered_by_a_proxy(request: Request, send: Send, random: Random) -> AWSResponse:
    return _answer(request, 503, b"<html>503 Service Unavailable</html>", "text/html")


def _unreachable(request: Request, send: Send, random: Random) -> AWSResponse:
    raise ConnectTimeoutError(endpoint_url=request.url)


def _timed_out(request: Request, send: Send, random: Random) -> AWSResponse:
    """The request took effect, its answer never came."""
    send(request)
    raise ReadTimeoutError(endpoint_url=request.url)


def _cut_off(request: Request, send: Send, random: Random) -> AWSResponse:
    if random.random() < 0.5:
        send(request)
    raise ConnectionClosedError(endpoint_url=request.url)


def _killed_before(request: Request, send: Send, random: Random) -> AWSResponse:
    raise Killed


def _killed_after(request: Request, send: Send, random: Random) -> AWSResponse:
    send(request)
    raise Killed


def _in_conflict(request: Request, send: Send, random: Random) -> AWSResponse:
    if _operation(request) in _SINGLE:
        return _error(request, "TransactionConflictException")
    actions = len(_body(request)["TransactItems"])
    at = random.randrange(actions)
    reasons = [
        {"Code": "TransactionConflict" if n == at else "None"} for n in range(actions)
    ]
    return _error(
        request, "TransactionCanceledException", more={"CancellationReasons": reasons}
    )


def _in_progress(request: Request, send: Send, random: Random) -> AWSResponse:
    return _error(request, "TransactionInProgressException")


def _inserted_in_part(request: Request, send: Send, random: Random) -> AWSResponse:
    """Some statements are throttled; of others it is said that they were."""
    statements = _body(request)["Statements"]
    fates = [random.choice(("sent", "throttled", "denied")) for _ in statements]
    wanted = [
        s for s, fate in zip(statements, fates, strict=True) if fate != "throttled"
    ]
    answers = iter(
        _passed_on(request, send, {"Statements": wanted})["Responses"] if wanted else ()
    )
    throttled = {"Error": {"Code": "ThrottlingError", "Message": "as tests want it"}}
    found: list[Any] = []
    for fate in fates:
        answer = throttled if fate == "throttled" else next(answers)
        found.append(answer if fate == "sent" else throttled)
    return _answer(request, 200, json.dumps({"Responses": found}).encode())


def _read_in_part(request: Request, send: Send, random: Random) -> AWSResponse:
    """Some keys are not looked at."""
    asked = _body(request)["RequestItems"]
    now, later = _split(asked, random)
    found = (
        _passed_on(request, send, {"RequestItems": now}) if now else {"Responses": {}}
    )
    found["UnprocessedKeys"] = {**found.get("UnprocessedKeys", {}), **later}
    return _answer(request, 200, json.dumps(found).encode())


def _split(
    asked: Mapping[str, Mapping[str, Any]], random: Random
) -> tuple[dict[str, Any], dict[str, Any]]:
    now: dict[str, Any] = {}
    later: dict[str, Any] = {}
    for table, of in asked.items():
        at = random.randint(0, len(of["Keys"]))
        for into, keys in ((now, of["Keys"][:at]), (later, of["Keys"][at:])):
            if keys:
                into[table] = {**of, "Keys": keys}
    return now, later


_OFTEN: tuple[_Fault, ...] = (
    _throttled,
    _throttled,
    _failed,
    _failed_after_the_fact,
    _answered_by_a_proxy,
    _unreachable,
    _timed_out,
    _timed_out,
    _cut_off,
)
_ANY: tuple[_Fault, ...] = (*_OFTEN * 10, _killed_before, _killed_after)
"""Who is killed begins again: were it more often, the longest records would never be carried out."""
_OF: Mapping[str, Sequence[_Fault]] = {
    "TransactWriteItems": (_in_conflict,) * 20 + (_in_progress,) * 10,
    "BatchExecuteStatement": (_inserted_in_part,) * 100,
    "BatchGetItem": (_read_in_part,) * 30,
    **dict.fromkeys(_SINGLE, (_in_conflict,)),
}


def _operation(request: Request) -> str:
    target = request.headers["X-Amz-Target"]
    text = target.decode() if isinstance(target, bytes) else str(target)
    return text.rpartition(".")[2]


def _body(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.body)
    return found


def _passed_on(request: Request, send: Send, body: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine answers to another body (DynamoDB Local checks no signatures)."""
    request.body = json.dumps({**_body(request), **body}).encode()
    request.headers["Content-Length"] = str(len(request.body))
    found: dict[str, Any] = json.loads(send(request).content)
    return found


def _error(
    request: Request,
    code: str,
    status: int = 400,
    more: Mapping[str, Any] | None = None,
) -> AWSResponse:
    type_ = f"com.amazonaws.dynamodb.v20120810#{code}"
    body = {"__type": type_, "message": "as tests want it", **(more or {})}
    return _answer(request, status, json.dumps(body).encode())


def _answer(
    request: Request,
    status: int,
    content: bytes,
    type_: str = "application/x-amz-json-1.0",
) -> AWSResponse:
    headers = HTTPHeaders.from_dict({"content-type": type_})
    return AWSResponse(request.url, status, headers, Body(content))
