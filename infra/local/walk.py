"""A walk through a visitor's life, call by call, against the local service: `make run`, then `make walk` beside it.

With `HARDLINK_URL` and `HARDLINK_SERVER_KEY` it goes through a deployed one, which has to have the demo's sources.
Every step prints the curl command that it carries out, what came back, and checks that it is what should be.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from infra.local import service

_PATIENCE = 5.0
"""Seconds for which association, which is asynchronous, may take."""
_MORE_PATIENCE = 60.0
"""The same of a deployed service, whose functions have to start and whose streams gather records."""
_STATUS = "\n%{http_code}"
Json = Any


class UnexpectedAnswer(Exception):
    """What came back is not what should be."""


@dataclass(frozen=True, slots=True)
class WalkedService:
    """The service walked through. `url`: without a slash at the end; `key`: its server key."""

    url: str
    key: str
    patience: float = _PATIENCE

    def call(self, method: str, path: str, body: Json = None, *, reads: bool = False) -> Json:
        """A call that succeeds; prints it and its answer. `reads`: with the server key."""
        status, answer = self._carry_out(method, path, body, reads=reads, shown=True)
        _show(answer)
        _check("the status", status, HTTPStatus.OK)
        return answer

    def refused(self, path: str, body: Json) -> Json:
        """A call that is answered 409."""
        status, answer = self._carry_out("POST", path, body, reads=False, shown=True)
        _show(answer)
        _check("the status", status, HTTPStatus.CONFLICT)
        return answer["error"]

    def read(self, path: str, look: Callable[[Json], Any], wanted: Any) -> Json:
        """Read until it is so, as association is asynchronous; prints the command once, and the last answer."""
        until = time.monotonic() + self.patience
        began = time.monotonic()
        status, answer = self._carry_out("GET", path, None, reads=True, shown=True)
        while (status != HTTPStatus.OK or look(answer) != wanted) and time.monotonic() < until:
            time.sleep(0.01)
            status, answer = self._carry_out("GET", path, None, reads=True, shown=False)
        _show(answer)
        _check("the answer", look(answer) if status == HTTPStatus.OK else answer, wanted)
        print(f"  as it should be, after {1000 * (time.monotonic() - began):.0f} ms")
        return answer

    def timeline(self, who: str, *wanted: str) -> None:
        """A customer's events are these, oldest first."""
        self.read(f"/customers/registered/{who}/events", _types, list(wanted))

    def _carry_out(
        self, method: str, path: str, body: Json, *, reads: bool, shown: bool
    ) -> tuple[int, Json]:
        text = None if body is None else json.dumps(body)
        if shown:
            print(self._command(method, path, text, reads=reads))
        headers = {"content-type": "application/json"} if text else {}
        if reads:
            headers["authorization"] = f"Bearer {self.key}"
        if curl := shutil.which("curl"):
            return self._with_curl(curl, method, path, text, headers)
        return self._without_curl(method, path, text, headers)

    def _command(self, method: str, path: str, text: str | None, *, reads: bool) -> str:
        """The command as one would type it."""
        parts = [f"$ curl -X {method}" if method != "GET" and text is None else "$ curl"]
        parts.append(f"'{self.url}{path}'")
        if reads:
            parts.append('-H "Authorization: Bearer $KEY"')
        if text:
            parts += ["-H 'Content-Type: application/json'", f"-d '{text}'"]
        return " ".join(parts)

    def _with_curl(
        self, curl: str, method: str, path: str, text: str | None, headers: dict[str, str]
    ) -> tuple[int, Json]:
        command = [curl, "-sS", "--noproxy", service.HOST, "--max-time", "60"]
        command += ["-X", method, "-w", _STATUS]
        for name, value in headers.items():
            command += ["-H", f"{name}: {value}"]
        if text:
            command += ["--data-binary", "@-"]
        ran = subprocess.run(  # noqa: S603 (our own arguments, no shell)
            [*command, f"{self.url}{path}"],
            input=(text or "").encode(),
            capture_output=True,
            check=False,
        )
        if ran.returncode:
            raise UnexpectedAnswer(ran.stderr.decode().strip())
        answer, _, status = ran.stdout.decode().rpartition("\n")
        return int(status), json.loads(answer)

    def _without_curl(
        self, method: str, path: str, text: str | None, headers: dict[str, str]
    ) -> tuple[int, Json]:
        at = urlsplit(self.url)
        kind = HTTPSConnection if at.scheme == "https" else HTTPConnection
        connection = kind(at.hostname or "", at.port, timeout=60)
        try:
            connection.request(method, f"{at.path}{path}", text and text.encode(), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()


class Walk:
    """The steps. All names are new in every run."""

    def __init__(self, a_service: WalkedService) -> None:
        self._service = a_service
        run = uuid4().hex[:8]
        self._phone, self._laptop, self._shared = f"phone-{run}", f"laptop-{run}", f"shared-{run}"
        self._gordon, self._alyx = f"gordon-{run}", f"alyx-{run}"
        self._mail = f"gordon-{run}@blackmesa.com"

    def all(self) -> None:
        """From the first page view to the newsletter."""
        steps = (
            self._anonymous,
            self._identified,
            self._second_device,
            self._second_login,
            self._undo,
            self._newsletter,
            self._split,
            self._refuse,
            self._opt_out,
        )
        for number, step in enumerate(steps, start=1):
            print(f"\n{number}. {step.__doc__}\n")
            step()

    def _anonymous(self) -> None:
        """A visitor whom nobody knows looks around. The session is the client's, the profile the server's."""
        answer = self._track("demo", self._phone, "page-view", "product-in-basket")
        _check("verdicts", [r["status"] for r in answer["results"]], ["stored", "stored"])
        self._service.read(f"/sessions/{self._phone}", _customer, None)

    def _identified(self) -> None:
        """The visitor logs in: everything that was done before belongs to the customer, a moment later."""
        ids = {"registered": self._gordon, "email": self._mail.upper()}
        self._identify("demo", self._phone, ids, properties={"first_name": "Gordon"})
        self._service.timeline(self._gordon, "page-view", "product-in-basket")

    def _second_device(self) -> None:
        """The same customer on another device: two visitors, one customer."""
        self._track("demo", self._laptop, "wishlist-opened")
        self._identify("demo", self._laptop, {"registered": self._gordon})
        both = ["page-view", "product-in-basket", "wishlist-opened"]
        self._service.timeline(self._gordon, *both)

    def _second_login(self) -> None:
        """Somebody else logs in on the laptop (policy "move"): this visitor's history moves, the phone's stays."""
        self._identify("demo", self._laptop, {"registered": self._alyx})
        self._service.timeline(self._alyx, "wishlist-opened")
        self._service.timeline(self._gordon, "page-view", "product-in-basket")

    def _undo(self) -> None:
        """That was a mistake. The last link is taken back exactly; why it was made, and undone, stays known."""
        self._service.call("POST", f"/sessions/{self._laptop}/unlink", reads=True)
        back = ["page-view", "product-in-basket", "wishlist-opened"]
        self._service.timeline(self._gordon, *back)
        self._service.timeline(self._alyx)

    def _newsletter(self) -> None:
        """A newsletter knows an email address only, and asks who was the most recent visitor behind it."""
        laptop = {"id": self._laptop}
        self._service.read(f"/tracking-user?email={self._mail}", lambda a: a["session"], laptop)

    def _split(self) -> None:
        """A source with the policy "split": a second login begins anew, what happened up to now stays."""
        first, second = f"first-{self._shared}", f"second-{self._shared}"
        self._identify("demo-split", self._shared, {"registered": first})
        self._track("demo-split", self._shared, "before")
        self._identify("demo-split", self._shared, {"registered": second})
        self._track("demo-split", self._shared, "after")
        self._service.timeline(first, "before")
        self._service.timeline(second, "after")

    def _refuse(self) -> None:
        """A source with the policy "refuse": a second login is an error, until the visitor is anonymized."""
        session = f"refuse-{self._shared}"
        self._identify("demo-refuse", session, {"registered": self._gordon})
        other = {"source": {"id": "demo-refuse"}, "ids": {"registered": self._alyx}}
        error = self._service.refused("/identify", {**other, "session": {"id": session}})
        _check("the error", error["code"], "another_customer")
        body = {"source": {"id": "demo-refuse"}, "session": {"id": session}}
        anew = self._service.call("POST", "/anonymize", body)
        self._service.call("POST", "/identify", {**other, "session": anew["session"]})

    def _opt_out(self) -> None:
        """A visitor denies tracking: from the answer on nothing is stored, and every answer says so."""
        session = f"private-{self._shared}"
        self._track("demo", session, "before")
        body = {"source": {"id": "demo"}, "session": {"id": session}, "tracking": "denied"}
        self._service.call("POST", "/consent", body)
        answer = self._track("demo", session, "while")
        _check("the verdict", answer["results"][0]["status"], "dropped")
        self._service.read(f"/sessions/{session}/events", _types, ["before"])

    def _track(self, source: str, session: str, *types: str) -> Json:
        events = [{"type": type_} for type_ in types]
        body = {"source": {"id": source}, "session": {"id": session}, "events": events}
        return self._service.call("POST", "/track", body)

    def _identify(self, source: str, session: str, ids: dict[str, str], **more: Json) -> None:
        body = {"source": {"id": source}, "session": {"id": session}, "ids": ids, **more}
        answer = self._service.call("POST", "/identify", body)
        _check("the customer", answer["customer"]["value"], ids["registered"])


def main() -> int:
    """Walk; answers the exit code, which is not 0 when something is not as it should be."""
    try:
        a_service = _service()
        print(
            f"KEY={a_service.key}  # the server key: reads, and undoes; it never leaves your servers"
        )
        Walk(a_service).all()
    except (UnexpectedAnswer, service.UnusableSetting, OSError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print("\nThat was a visitor's life. Everything was as it should be.")
    return 0


def _service() -> WalkedService:
    """The deployed service that HARDLINK_URL names, else the local one. Raises `Unexpected` and `local.Unusable`."""
    if url := os.environ.get("HARDLINK_URL", "").rstrip("/"):
        key = os.environ.get("HARDLINK_SERVER_KEY")
        if not key or urlsplit(url).scheme not in ("http", "https"):
            raise UnexpectedAnswer(
                "HARDLINK_URL takes an https:// URL, with HARDLINK_SERVER_KEY beside it"
            )
        return WalkedService(url, key, _MORE_PATIENCE)
    number = service.read_port()
    return WalkedService(f"http://{service.HOST}:{number}", _key(number))


def _key(number: int) -> str:
    """The server key: HARDLINK_SERVER_KEY, or what the running service left. Raises `Unexpected`."""
    if key := os.environ.get("HARDLINK_SERVER_KEY"):
        return key
    try:
        return service.server_key_file(number).read_text()
    except OSError as error:
        raise UnexpectedAnswer(
            f"no Hardlink runs on port {number}: start it with `make run` in another terminal"
        ) from error


def _types(page: Json) -> list[str]:
    return [event["type"] for event in reversed(page["events"])]


def _customer(answer: Json) -> Json:
    return answer["customer"]


def _show(answer: Json) -> None:
    """An answer, shortened: of a page of events what and when, as the rest is in the command's own output."""
    if "events" in answer:
        for event in answer["events"]:
            print(f"  {event['time']}  {event['type']:<18} {event['session']}")
        print(f"  {len(answer['events'])} events")
    else:
        print(f"  {json.dumps(answer)}")


def _check(what: str, found: Any, wanted: Any) -> None:
    if found != wanted:
        raise UnexpectedAnswer(f"{what} should be {wanted}, and is {found}")


if __name__ == "__main__":
    sys.exit(main())
