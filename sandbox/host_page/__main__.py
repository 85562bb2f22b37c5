"""Serve the demo partner's pages: `/` inline, `/sandboxed` in a sandboxed frame, `/nojs` as a plain frame."""

import argparse
import mimetypes
import os
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader

_FOLDER = Path(__file__).resolve().parent
_TEMPLATES = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True)
_PAGES = {"/": "page.html", "/sandboxed": "sandboxed.html", "/nojs": "nojs.html"}


class Page(BaseHTTPRequestHandler):
    """Answers GET for the pages and for the style and script files beside them."""

    def do_GET(self) -> None:
        """Answer a page, a file, or 404."""
        parts = urlsplit(self.path)
        file = _FOLDER / parts.path.lstrip("/")
        if parts.path in _PAGES:
            self._send(render(_PAGES[parts.path], parts.query).encode(), "text/html; charset=utf-8")
        elif file.parent == _FOLDER and file.suffix in {".css", ".js", ".svg", ".png"} and file.is_file():
            self._send(file.read_bytes(), mimetypes.guess_type(file.name)[0] or "application/octet-stream")
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        """Keep quiet: the page is only looked at."""

    def _send(self, body: bytes, content_type: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)


def render(template: str, query: str) -> str:
    """Fill a page; `query` is its own query string, for a frame that cannot read it by script."""
    return _TEMPLATES.get_template(template).render(
        base_url=os.environ["PUBLIC_BASE_URL"],
        partner_key=os.environ["DEMO_PARTNER_KEY"],
        query=query,
    )


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.host_page", description="Serve a demo partner's page."
    )
    parser.add_argument("--port", type=int, required=True)
    ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Page).serve_forever()


if __name__ == "__main__":
    main()
