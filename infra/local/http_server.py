"""An HTTP/1.1 server on this machine, in front of the API: keep-alive, chunked bodies, orderly end.

It extends the standard library's server and not werkzeug's, which moto brings: that one closes
every connection after one answer (no keep-alive), answers its own errors as HTML, and has no way to
finish the calls in flight before it ends.
"""

from __future__ import annotations

import string
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import quote

from infra.local import api_gateway
from infra.local.api_gateway import HttpApp, HttpRequest, HttpResponse

_MAX_DISCARDED_BYTES = 64 * 1024 * 1024
"""Bytes of a body too large that are read and discarded, so that its sender reads the answer."""
_BLOCK_BYTES = 64 * 1024
_VISIBLE = string.digits + string.ascii_letters + string.punctuation


class _MalformedBody(Exception):
    """The request's body is not valid HTTP."""


class ServedCall(NamedTuple):
    """A call that was answered. `hint`: what its developer should change, or nothing."""

    method: str
    path: str
    status: int
    milliseconds: int
    hint: str


def print_call(call: ServedCall) -> None:
    """Print a call as a line, with its hint below."""
    line = f"{call.method} {call.path} -> {call.status}, {call.milliseconds} ms"
    hint = f"\n  {call.hint}" if call.hint else ""
    print(f"{line}{hint}", flush=True)


class HttpServer(ThreadingHTTPServer):
    """A server with a thread for each connection. `show_call`: told of every call.

    Raises `OSError` if the address is not available.
    """

    # A browser keeps its connection open for minutes: the end of the program must not wait for it.
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        app: HttpApp,
        show_call: Callable[[ServedCall], None] = print_call,
    ) -> None:
        super().__init__(address, _Connection)
        self.app = app
        self.show_call = show_call
        self.ending = False
        self._calls = 0
        self._calls_changed = threading.Condition()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve in the background during a `with` block."""
        thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="http")
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()
            self.server_close()

    @contextmanager
    def count_call(self) -> Iterator[None]:
        """Count a call as in flight during a `with` block."""
        with self._calls_changed:
            self._calls += 1
        try:
            yield
        finally:
            with self._calls_changed:
                self._calls -= 1
                self._calls_changed.notify_all()

    def finish(self, seconds: float) -> None:
        """Accept no more calls, and wait for those in flight."""
        self.ending = True
        deadline = time.monotonic() + seconds
        with self._calls_changed:
            while self._calls and time.monotonic() < deadline:
                self._calls_changed.wait(deadline - time.monotonic())

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error, unless the client closed the connection."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    server: HttpServer
    protocol_version = "HTTP/1.1"
    timeout = 120
    # Head and body leave together and at once: Nagle's algorithm would delay a second write 40 ms.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._handle_call()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET  # noqa: N815

    def handle_expect_100(self) -> bool:
        proceed = super().handle_expect_100()
        self.wfile.flush()
        return proceed

    def send_error(
        self, code: int, message: str | None = None, explain: str | None = None
    ) -> None:
        """Answer the base class's own errors as JSON."""
        del explain
        self.close_connection = True
        self._send(api_gateway.error_response(code, message or HTTPStatus(code).phrase))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (as in the base class)
        """Log nothing: `_handle_call` prints a line for every call."""

    def _handle_call(self) -> None:
        started = time.perf_counter()
        with self.server.count_call():
            response = self._answer()
            self._send(response)
        milliseconds = 1000 * (time.perf_counter() - started)
        if response.logged:
            self.server.show_call(
                ServedCall(
                    self.command,
                    self.path,
                    response.status,
                    round(milliseconds),
                    response.hint,
                )
            )

    def _answer(self) -> HttpResponse:
        if self.server.ending:
            self.close_connection = True
            return api_gateway.error_response(503, "Service Unavailable")
        try:
            body = self._read_body()
        except _MalformedBody as error:
            # The rest of the connection could be read as a request that its sender never made.
            self.close_connection = True
            return api_gateway.error_response(400, f"Bad Request: {error}")
        if body is None:
            self.close_connection = True
            return api_gateway.too_large_response()
        request = HttpRequest(
            method=self.command,
            target=quote(self.path, safe=_VISIBLE, encoding="latin-1"),
            headers=tuple(self.headers.items()),
            body=body,
            address=str(self.client_address[0]),
            protocol=self.request_version,
        )
        return self.server.app.answer(request)

    def _send(self, response: HttpResponse) -> None:
        self.send_response_only(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        if response.status != HTTPStatus.NO_CONTENT:
            self.send_header("content-length", str(len(response.body)))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()

    def _read_body(self) -> bytes | None:
        """Read the whole body. `None`: larger than API Gateway's limit. Raises `_MalformedBody`."""
        body = bytearray()
        size = 0
        for block in self._read_blocks():
            size += len(block)
            if size <= api_gateway.MAX_BODY_BYTES:
                body += block
            elif size > _MAX_DISCARDED_BYTES:
                break
        return None if size > api_gateway.MAX_BODY_BYTES else bytes(body)

    def _read_blocks(self) -> Iterator[bytes]:
        # RFC 9112, 6.3: with both headers, the transfer encoding decides.
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return self._read_chunks()
        return self._read_bytes(_parse_length(self.headers.get("content-length", "0")))

    def _read_chunks(self) -> Iterator[bytes]:
        while size := self._read_chunk_size():
            yield from self._read_bytes(size)
            if self.rfile.readline(_BLOCK_BYTES).strip():
                raise _MalformedBody("a chunk is longer than its size")
        while self.rfile.readline(_BLOCK_BYTES).strip():
            pass  # trailers

    def _read_chunk_size(self) -> int:
        size, _, _ = self.rfile.readline(_BLOCK_BYTES).partition(b";")
        return _parse_length(size.decode("latin-1"), 16)

    def _read_bytes(self, size: int) -> Iterator[bytes]:
        while size:
            block = self.rfile.read(min(size, _BLOCK_BYTES))
            if not block:
                raise _MalformedBody("the body ends too early")
            size -= len(block)
            yield block


def _parse_length(text: str, base: int = 10) -> int:
    try:
        size = int(text.strip(), base)
    except ValueError as error:
        raise _MalformedBody(f"{text.strip()[:32]!r} is not a length") from error
    if size < 0:
        raise _MalformedBody("a length is negative")
    return size
