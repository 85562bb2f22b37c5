"""Security headers on every answer; only the wizard's pages may be framed, and only by their partner's origins."""

import re
import secrets

import structlog
from flask import Flask, Response, abort, g, request

REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; object-src 'none'; report-uri /csp-report; frame-ancestors "
)


def init_app(app: Flask) -> None:
    """Give each request an id and each answer its headers."""
    app.before_request(name_request)
    app.after_request(add_headers)
    app.teardown_request(lambda _error: structlog.contextvars.clear_contextvars())


def name_request() -> None:
    """Take the caller's request id when it is well formed, else make one."""
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    if "\x00" in request.path:  # no name of ours has one, and PostgreSQL takes none
        abort(404)


def allow_frames(origins: tuple[str, ...]) -> None:
    """Let these origins frame this answer."""
    g.frame_origins = origins


def add_headers(response: Response) -> Response:
    """Add what each page needs; never a header that would let a stranger frame, cache or sniff it."""
    origins: tuple[str, ...] | None = g.get("frame_origins")
    headers = response.headers
    ancestors = "'none'" if origins is None else " ".join(("'self'", *origins))
    headers.setdefault("Content-Security-Policy", CONTENT_POLICY + ancestors)
    if origins is None:
        headers["X-Frame-Options"] = "DENY"
    headers["X-Request-ID"] = g.get("request_id", "-")
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), payment=()"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin" if origins is None else "cross-origin")
    if request.is_secure:
        headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    headers.setdefault("Cache-Control", "no-store")
    headers.add("Vary", "HX-Request")
    return response
