"""Error pages that need no database: what happened, what to do next, and the phone number."""

import structlog
from flask import Flask, Response
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from app.extensions import db
from app.sqlstate import sqlstate
from app.web.render import render_page
from app.web.transaction import Unavailable

DESIGNED = {403, 404, 410, 429, 500, 503}

log = structlog.get_logger()


def init_app(app: Flask) -> None:
    """Answer errors with our own pages."""
    app.register_error_handler(HTTPException, http_error)
    for error in (Unavailable, OperationalError, PoolTimeout):
        app.register_error_handler(error, unavailable)
    app.register_error_handler(Exception, bug)


def http_error(error: HTTPException) -> Response:
    """Show the page of this status, or the nearest one that fits."""
    code = error.code or 500
    if code < 400:
        return Response(error.get_response().get_data(), code, dict(error.get_response().headers))
    page = code if code in DESIGNED else (404 if code < 500 else 500)
    response = render_page(f"errors/{page}.html", code)
    if code == 405 and getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(error.valid_methods)  # type: ignore[attr-defined]  # only MethodNotAllowed has it
    return response


def unavailable(error: Exception) -> Response:
    """Say that nothing is lost and the same request may be sent again."""
    db.session.rollback()
    log.error("unavailable", reason=type(error).__name__)
    response = render_page("errors/503.html", 503)
    response.headers["Retry-After"] = "5"
    return response


def bug(error: Exception) -> Response:
    """Log where a fault of ours is, never its message, which may hold what somebody typed; and apologise."""
    db.session.rollback()
    log.error("bug", exc_info=error, sqlstate=sqlstate(error))
    return render_page("errors/500.html", 500)
