"""HTTP/1.1 on a socket of this machine, in front of whatever answers: keep-alive, chunked bodies, an orderly end."""

from __future__ import annotations

import string
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

from infra.local import api_gateway
from infra.local.api_gateway import HttpApp, HttpRequest, HttpResponse

_PATIENCE = 64 * 1024 * 1024
"""Bytes of a body too large that are read and thrown away, so that its sender gets to read the answer."""
_AT_ONCE = 64 * 1024
_VISIBLE = string.digits + string.ascii_letters + string.punctuation


class _Unreadable(Exception):
    """The request's body is not HTTP."""


class HttpServer(ThreadingHTTPServer):
    """Listens, with a thread for each connection. Raises `OSError` where the address can't be had."""

    daemon_threads = True  # a browser keeps its connection open for long: nobody waits for it
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], answering: HttpApp) -> None:
        super().__init__(address, _Connection)
        self.answering = answering
        self._calls = 0
        self._changed = threading.Condition()
        self.ending = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve in the background, until the end of the `with` block."""
        thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="http")
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()
            self.server_close()

    @contextmanager
    def call(self) -> Iterator[None]:
        """Count a call while it is carried out."""
        with self._changed:
            self._calls += 1
        try:
            yield
        finally:
            with self._changed:
                self._calls -= 1
                self._changed.notify_all()

    def finish(self, seconds: float) -> None:
        """Take no more calls, and wait for those that are being carried out."""
        self.ending = True
        with self._changed:
            self._changed.wait_for(lambda: not self._calls, seconds)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    server: HttpServer
    protocol_version = "HTTP/1.1"
    timeout = 120
    wbufsize = -1  # head and body leave together ...
    disable_nagle_algorithm = True  # ... at once: a delayed one costs 40 ms

    def do_GET(self) -> None:
        self._carry_out()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET  # noqa: N815

    def handle_expect_100(self) -> bool:
        go_on = super().handle_expect_100()
        self.wfile.flush()
        return go_on

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses, as JSON."""
        del explain
        self.close_connection = True
        self._send(api_gateway.error_response(code, message or HTTPStatus(code).phrase))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class names it so)
        """Nothing: every call is logged when it is done."""

    def _carry_out(self) -> None:
        began = time.perf_counter()
        with self.server.call():
            response = self._response()
            self._send(response)
        milliseconds = 1000 * (time.perf_counter() - began)
        if response.noted:
            print(
                f"{self.command} {self.path} -> {response.status}, {milliseconds:.0f} ms",
                flush=True,
            )

    def _response(self) -> HttpResponse:
        if self.server.ending:
            self.close_connection = True
            return api_gateway.error_response(503, "Service Unavailable")
        try:
            body = self._body()
        except _Unreadable as error:
            self.close_connection = True
            return api_gateway.error_response(400, f"Bad Request: {error}")
        if body is None:
            self.close_connection = True
            return api_gateway.too_large_response()
        return self.server.answering.answer(
            HttpRequest(
                method=self.command,
                target=quote(self.path, safe=_VISIBLE, encoding="latin-1"),
                headers=tuple(self.headers.items()),
                body=body,
                address=str(self.client_address[0]),
                protocol=self.request_version,
            )
        )

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

    def _body(self) -> bytes | None:
        """The whole body, `None` when it is larger than API Gateway takes. Raises `_Unreadable`."""
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            pieces = self._chunks()
        else:
            pieces = self._bytes(_length(self.headers.get("content-length", "0")))
        body = bytearray()
        size = 0
        for piece in pieces:
            size += len(piece)
            if size <= api_gateway.MAX_BODY_BYTES:
                body += piece
            elif size > _PATIENCE:
                break
        return None if size > api_gateway.MAX_BODY_BYTES else bytes(body)

    def _chunks(self) -> Iterator[bytes]:
        while size := _length(
            self.rfile.readline(_AT_ONCE).partition(b";")[0].decode("latin-1"), 16
        ):
            yield from self._bytes(size)
            if self.rfile.readline(_AT_ONCE).strip():
                raise _Unreadable("a chunk is longer than it says")
        while self.rfile.readline(_AT_ONCE).strip():
            pass  # trailers

    def _bytes(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self.rfile.read(min(size, _AT_ONCE))
            if not piece:
                raise _Unreadable("the body ends too early")
            size -= len(piece)
            yield piece


def _length(text: str, base: int = 10) -> int:
    try:
        size = int(text.strip(), base)
    except ValueError as error:
        raise _Unreadable(f"{text.strip()[:32]!r} is no length") from error
    if size < 0:
        raise _Unreadable("a length is below zero")
    return size
