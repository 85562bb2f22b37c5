"""A small site of our own beside the product: it proves what a browser's cookie setting does, and plays the stranger.

Served on one port under two names: `localhost` is the page, `127.0.0.1` the site in its frame.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

COOKIES = (
    "lax=1; SameSite=Lax",
    "none=1; SameSite=None; Secure",
    "partitioned=1; SameSite=None; Secure; Partitioned",
)
PAGE = (
    "<!doctype html><html lang=en><title>Control</title><link rel=icon href='data:,'><body>{}</body></html>"
)


class ControlSite(BaseHTTPRequestHandler):
    """`/set` gives cookies, `/seen` tells which came back, `/frame?url=` frames, `/post?url=&…` posts a form."""

    def do_GET(self) -> None:
        """Answer one of the four pages."""
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/set":
            self._send("<p>set</p>", COOKIES)
        elif parts.path == "/seen":
            self._send(f"<p id=seen>{escape(self.headers.get('Cookie', ''))}</p>")
        elif parts.path == "/frame":
            self._send(f"<iframe width=800 height=800 src='{escape(query['url'], quote=True)}'></iframe>")
        elif parts.path == "/post":
            self._send(_form(query.pop("url"), query))
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        """Keep quiet."""

    def _send(self, body: str, cookies: tuple[str, ...] = ()) -> None:
        page = PAGE.format(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        for cookie in cookies:
            self.send_header("Set-Cookie", f"{cookie}; Path=/")
        self.end_headers()
        self.wfile.write(page)


def _form(url: str, fields: dict[str, str]) -> str:
    inputs = "".join(
        f"<input type=hidden name='{escape(name)}' value='{escape(value)}'>" for name, value in fields.items()
    )
    return f"<form method=post action='{escape(url, quote=True)}'>{inputs}<button>Send</button></form>"


@contextmanager
def serve() -> Iterator[int]:
    """Serve the site and give its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), ControlSite)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="control site", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
