"""A walk through a visitor's life, call by call: `make run`, then `make walk` in another terminal.

Each step prints its curl command and the answer, and checks the answer. With `HARDLINK_URL` and
`HARDLINK_SERVER_KEY` it uses a deployed service, which has to have the demo's sources.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from infra.local import service
from infra.local.walk_output import TextOutput, WalkedCall, WalkOutput

LOCAL_TIMEOUT = 5.0
"""Seconds for association, which is asynchronous."""
DEPLOYED_TIMEOUT = 60.0
"""The same for a deployed service, whose functions have to start and whose streams batch."""
_STATUS = "\n%{http_code}"
Json = Any


class UnexpectedAnswer(Exception):
    """An answer that differs from the expected one."""


@dataclass(frozen=True, slots=True)
class WalkedService:
    """A running service. `url`: without a slash at the end. `key`: its server key."""

    url: str
    key: str
    timeout: float = LOCAL_TIMEOUT
    output: WalkOutput = field(default_factory=TextOutput)

    def call(
        self, method: str, path: str, body: Json = None, *, reads: bool = False
    ) -> Json:
        """Send a call that succeeds, and print it and its answer. `reads`: with the server key."""
        sent = self._show_call(method, path, body, reads=reads)
        status, answer = self._send(sent)
        self.output.show_answer(status, answer)
        _check("the status", status, HTTPStatus.OK)
        return answer

    def call_refused(self, path: str, body: Json) -> Json:
        """Send a call that is answered 409, and return the error."""
        sent = self._show_call("POST", path, body, reads=False)
        status, answer = self._send(sent)
        self.output.show_answer(status, answer)
        _check("the status", status, HTTPStatus.CONFLICT)
        return answer["error"]

    def wait_for(self, path: str, select: Callable[[Json], Any], expected: Any) -> None:
        """Read until the selected part of the answer is as expected: association is asynchronous.

        Prints the command once, and the last answer.
        """
        sent = self._show_call("GET", path, None, reads=True)
        started = time.monotonic()
        while True:
            status, answer = self._send(sent)
            selected = select(answer) if status == HTTPStatus.OK else answer
            if selected == expected or time.monotonic() > started + self.timeout:
                break
            time.sleep(0.01)
        self.output.show_answer(status, answer)
        _check("the answer", selected, expected)
        self.output.show_wait(round(1000 * (time.monotonic() - started)))

    def check_timeline(self, customer: str, *expected: str) -> None:
        """Wait until a customer has events of these types, oldest first."""
        self.wait_for(
            f"/customers/events?registered={customer}", _event_types, list(expected)
        )

    def _show_call(
        self, method: str, path: str, body: Json, *, reads: bool
    ) -> WalkedCall:
        call = WalkedCall(method, self.url, path, body, reads)
        self.output.show_call(call)
        return call

    def _send(self, call: WalkedCall) -> tuple[int, Json]:
        headers = {"content-type": "application/json"} if call.text else {}
        if call.reads:
            headers["authorization"] = f"Bearer {self.key}"
        if curl := shutil.which("curl"):
            return self._send_with_curl(curl, call, headers)
        return self._send_without_curl(call, headers)

    def _send_with_curl(
        self, curl: str, call: WalkedCall, headers: dict[str, str]
    ) -> tuple[int, Json]:
        command = [curl, "-sS", "--noproxy", service.HOST, "--max-time", "60"]
        command += ["-X", call.method, "-w", _STATUS]
        for name, value in headers.items():
            command += ["-H", f"{name}: {value}"]
        if call.text:
            command += ["--data-binary", "@-"]
        ran = subprocess.run(  # noqa: S603 (our own arguments, no shell)
            [*command, f"{self.url}{call.path}"],
            input=(call.text or "").encode(),
            capture_output=True,
            check=False,
        )
        if ran.returncode:
            raise UnexpectedAnswer(ran.stderr.decode().strip())
        answer, _, status = ran.stdout.decode().rpartition("\n")
        return int(status), json.loads(answer)

    def _send_without_curl(
        self, call: WalkedCall, headers: dict[str, str]
    ) -> tuple[int, Json]:
        at = urlsplit(self.url)
        kind = HTTPSConnection if at.scheme == "https" else HTTPConnection
        connection = kind(at.hostname or "", at.port, timeout=60)
        try:
            body = call.text and call.text.encode()
            connection.request(call.method, f"{at.path}{call.path}", body, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()


class Walk:
    """The steps of the walk, with new names in every run."""

    def __init__(self, a_service: WalkedService) -> None:
        self._service = a_service
        run = uuid4().hex[:8]
        self._phone, self._laptop, self._shared = (
            f"phone-{run}",
            f"laptop-{run}",
            f"shared-{run}",
        )
        self._gordon, self._alyx = f"gordon-{run}", f"alyx-{run}"
        self._mail = f"gordon-{run}@blackmesa.com"

    def run_all(self) -> None:
        """Go through all steps, from the first page view to the opt-out."""
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
            self._service.output.show_step(number, step.__doc__ or "")
            step()

    def _anonymous(self) -> None:
        """An anonymous visitor looks around. The client makes the session ID."""
        answer = self._track("demo", self._phone, "page-view", "product-in-basket")
        _check(
            "verdicts", [r["status"] for r in answer["results"]], ["stored", "stored"]
        )
        self._service.wait_for(f"/sessions?id={self._phone}", _customer, None)

    def _identified(self) -> None:
        """The visitor logs in. A moment later all earlier events belong to the customer."""
        ids = {"registered": self._gordon, "email": self._mail.upper()}
        self._identify("demo", self._phone, ids, properties={"first_name": "Gordon"})
        self._service.check_timeline(self._gordon, "page-view", "product-in-basket")

    def _second_device(self) -> None:
        """The same customer on another device: two visitors, one customer."""
        self._track("demo", self._laptop, "wishlist-opened")
        self._identify("demo", self._laptop, {"registered": self._gordon})
        # `merge` is the service's own event: a visitor's history joined a customer who was known
        both = ["page-view", "product-in-basket", "wishlist-opened", "merge"]
        self._service.check_timeline(self._gordon, *both)

    def _second_login(self) -> None:
        """Policy "move": another customer logs in on the laptop. Only its history moves to them."""
        self._identify("demo-move", self._laptop, {"registered": self._alyx})
        self._service.check_timeline(self._alyx, "wishlist-opened")
        self._service.check_timeline(self._gordon, "page-view", "product-in-basket")

    def _undo(self) -> None:
        """That was a mistake. The last link is undone exactly, and its reason stays known."""
        self._service.call("POST", f"/sessions/unlink?id={self._laptop}", reads=True)
        back = ["page-view", "product-in-basket", "wishlist-opened", "merge"]
        self._service.check_timeline(self._gordon, *back)
        self._service.check_timeline(self._alyx)

    def _newsletter(self) -> None:
        """A newsletter knows an e-mail address, and asks for the most recent visitor behind it."""
        laptop = {"id": self._laptop}
        self._service.wait_for(f"/tracking-user?email={self._mail}", _session, laptop)

    def _split(self) -> None:
        """No policy, so "split": a second login starts a new history; earlier events stay."""
        first, second = f"first-{self._shared}", f"second-{self._shared}"
        self._identify("demo", self._shared, {"registered": first})
        self._track("demo", self._shared, "before")
        self._identify("demo", self._shared, {"registered": second})
        self._track("demo", self._shared, "after")
        self._service.check_timeline(first, "before")
        self._service.check_timeline(second, "after")

    def _refuse(self) -> None:
        """Policy "refuse": a second login is an error until the visitor is anonymized."""
        session = f"refuse-{self._shared}"
        self._identify("demo-refuse", session, {"registered": self._gordon})
        other = {"source": {"id": "demo-refuse"}, "ids": {"registered": self._alyx}}
        error = self._service.call_refused(
            "/identify", {**other, "session": {"id": session}}
        )
        _check("the error", error["code"], "another_customer")
        body = {"source": {"id": "demo-refuse"}, "session": {"id": session}}
        anew = self._service.call("POST", "/anonymize", body)
        self._service.call("POST", "/identify", {**other, "session": anew["session"]})

    def _opt_out(self) -> None:
        """A visitor denies tracking. From then on nothing is stored, and every answer says so."""
        session = f"private-{self._shared}"
        self._track("demo", session, "before")
        body = {
            "source": {"id": "demo"},
            "session": {"id": session},
            "tracking": "denied",
        }
        self._service.call("POST", "/consent", body)
        answer = self._track("demo", session, "while")
        _check("the verdict", answer["results"][0]["status"], "dropped")
        self._service.wait_for(
            f"/sessions/events?id={session}", _event_types, ["before"]
        )

    def _track(self, source: str, session: str, *types: str) -> Json:
        events = [{"type": type_} for type_ in types]
        body = {"source": {"id": source}, "session": {"id": session}, "events": events}
        return self._service.call("POST", "/track", body)

    def _identify(
        self, source: str, session: str, ids: dict[str, str], **more: Json
    ) -> None:
        body = {
            "source": {"id": source},
            "session": {"id": session},
            "ids": ids,
            **more,
        }
        answer = self._service.call("POST", "/identify", body)
        _check("the customer", answer["customer"]["value"], ids["registered"])


def main() -> int:
    """Walk, and return the exit code: 1 if an answer is not as expected."""
    try:
        a_service = _find_service()
    except (UnexpectedAnswer, service.UnusableSetting) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return walk_service(a_service)


def walk_service(a_service: WalkedService) -> int:
    """Walk through a service, and return the exit code: 1 if an answer is not as expected."""
    a_service.output.show_start(a_service.key)
    try:
        Walk(a_service).run_all()
    except (UnexpectedAnswer, OSError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    a_service.output.show_end()
    return 0


def _find_service() -> WalkedService:
    """Find the deployed service of HARDLINK_URL, else the local one.

    Raises `UnexpectedAnswer` and `UnusableSetting`.
    """
    if url := os.environ.get("HARDLINK_URL", "").rstrip("/"):
        key = os.environ.get("HARDLINK_SERVER_KEY")
        if not key or urlsplit(url).scheme not in ("http", "https"):
            raise UnexpectedAnswer(
                "HARDLINK_URL takes an https:// URL, with HARDLINK_SERVER_KEY beside it"
            )
        return WalkedService(url, key, DEPLOYED_TIMEOUT)
    number = service.read_port()
    return WalkedService(f"http://{service.HOST}:{number}", _read_key(number))


def _read_key(number: int) -> str:
    """Read the server key: HARDLINK_SERVER_KEY, or the file of the running service.

    Raises `UnexpectedAnswer`.
    """
    if key := os.environ.get("HARDLINK_SERVER_KEY"):
        return key
    try:
        return service.server_key_file(number).read_text()
    except OSError as error:
        raise UnexpectedAnswer(
            f"no Hardlink runs on port {number}: start it with `make run` in another terminal"
        ) from error


def _event_types(page: Json) -> list[str]:
    return [event["type"] for event in reversed(page["events"])]


def _customer(answer: Json) -> Json:
    return answer["customer"]


def _session(answer: Json) -> Json:
    return answer["session"]


def _check(what: str, actual: Any, expected: Any) -> None:
    if actual != expected:
        raise UnexpectedAnswer(f"{what} should be {expected}, and is {actual}")


if __name__ == "__main__":
    sys.exit(main())
