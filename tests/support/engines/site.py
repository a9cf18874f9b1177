"""A shop's own site on a local port: another origin than the service's, so that CORS is real."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_TYPES = {"js": "text/javascript", "html": "text/html"}


@dataclass(frozen=True)
class Site:
    """`pages`: what it serves, by path; the ending of a path is its type."""

    port: int
    pages: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """What browsers call it in `Origin`."""
        return f"http://127.0.0.1:{self.port}"

    def page(self, name: str, script: str) -> str:
        """Serve a page that runs a script, and answer its URL."""
        self.pages[f"/{name}.js"] = script
        self.pages[f"/{name}.html"] = (
            f'<!doctype html><meta charset="utf-8"><title>{name}</title>'
            f'<link rel="icon" href="data:,"><script src="/{name}.js"></script>'
        )
        return f"{self.origin}/{name}.html"


@contextmanager
def running() -> Iterator[Site]:
    """A site without pages yet, for the length of a `with` block."""
    server = _Server(("127.0.0.1", 0), _Connection)
    server.site = Site(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="site")
    thread.start()
    try:
        yield server.site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    site: Site


class _Connection(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        page = self.server.site.pages.get(path)
        self.send_response(404 if page is None else 200)
        self.send_header(
            "content-type", f"{_TYPES.get(path.rpartition('.')[2])};charset=utf-8"
        )
        self.end_headers()
        self.wfile.write((page or "").encode())

    def log_message(self, *_: object) -> None:
        """Quiet."""
