"""One log line for each answered request: its route with placeholders, never its address, which may hold a token."""

import time

import structlog
from flask import Flask, Response, g, request

log = structlog.get_logger()
QUIET = {"healthz", "readyz", "metrics"}


def init_app(app: Flask) -> None:
    """Time each request."""
    app.before_request(start)
    app.after_request(finish)


def start() -> None:
    """Remember when the request came."""
    g.started = time.perf_counter()
    g.notes = {}


def note(**fields: str | int) -> None:
    """Add words to this request's line; the later value of a word wins."""
    g.notes.update(fields)


def finish(response: Response) -> Response:
    """Write the line."""
    rule = request.url_rule
    if rule is not None and rule.endpoint.partition(".")[2] in QUIET:
        return response
    notes = dict(g.get("notes", {}))
    if "booking" in notes and response.status_code >= 500:
        notes["booking"] = "error"
    log.info(
        "request_done",
        route=rule.rule if rule else "unknown",
        method=request.method if request.method in {"GET", "POST", "HEAD"} else "other",
        status=response.status_code,
        duration_ms=round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000, 1),
        **notes,
    )
    return response
