"""The frame of every staff page: who may see it, whether a form is really ours, and what stands around it."""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, flash, g, redirect, request, session, url_for
from flask_login import current_user, logout_user
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.models.staff import Role
from app.staff.accounts import Account
from app.staff.audit_trail import Doer, staff_actor
from app.web.locale import choose
from app.web.render import render_page

P = ParamSpec("P")
R = TypeVar("R")
OPEN_TO_ALL = {"staff.login", "staff.enter"}
SESSION_SECONDS = 12 * 3600

staff = Blueprint("staff", __name__, url_prefix="/staff")


@dataclass(frozen=True)
class Place:
    """One entry of the navigation; `role` is what it takes to see it."""

    endpoint: str
    title: str
    role: Role = Role.VIEWER


PLACES = (
    Place("staff.overview", "Overview"),
    Place("staff.list_bookings", "Bookings"),
    Place("staff.list_jobs", "Deliveries"),
    Place("staff.show_slots", "Arrival windows"),
    Place("staff.list_leads", "Leads"),
    Place("staff.list_texts", "Texts"),
    Place("staff.list_reports", "Reports"),
    Place("staff.list_partners", "Partners"),
    Place("staff.show_messages", "Messages"),
    Place("staff.operations", "Operations"),
    Place("staff.list_audit", "Audit log", Role.ADMIN),
)


@staff.before_request
def guard() -> AnyResponse | None:
    """Let nobody in who is not logged in, and nothing change by a form of another site."""
    choose("en")
    if request.method not in {"GET", "HEAD"} and not is_same_site():
        abort(403)
    if request.endpoint in OPEN_TO_ALL:
        return None
    if current_user.is_authenticated and clock.now().timestamp() - session.get("began", 0) > SESSION_SECONDS:
        logout_user()
    if not current_user.is_authenticated:
        wanted = (
            request.path if request.method == "GET" and request.path != url_for("staff.overview") else None
        )
        return redirect(url_for("staff.login", next=wanted), 303)
    given = request.form.get("csrf_token", "").encode("utf-8", "replace")
    if request.method == "POST" and not hmac.compare_digest(given, csrf_token().encode()):
        abort(403)
    return None


def is_same_site() -> bool:
    """Say whether the browser, where it tells, sent this from one of our own pages."""
    fetched = request.headers.get("Sec-Fetch-Site")
    if fetched is not None:
        return fetched in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def csrf_token() -> str:
    """Return the word that every form of this session carries."""
    return cast(str, session.setdefault("csrf", secrets.token_urlsafe(24)))


def me() -> Account:
    """Return who is logged in."""
    return cast(Account, current_user)


def doer() -> Doer:
    """Return who acts, for the audit log."""
    return Doer(staff_actor(me().id), g.get("request_id"), request.remote_addr)


def needs(role: Role) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Refuse a view to people below this role."""

    def wrap(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if not me().can(role):
                abort(403)
            return view(*args, **kwargs)

        return guarded

    return wrap


def page(template: str, status: int = 200, **context: Any) -> Response:  # Any: a template takes any value
    """Render a page of the office."""
    signed_in = current_user.is_authenticated
    places = [place for place in PLACES if signed_in and me().can(place.role)]
    return render_page(
        f"staff/{template}.html",
        status,
        places=places,
        me=current_user if signed_in else None,
        csrf_token=csrf_token,
        **context,
    )


def back_to(url: str, said: str, kind: str = "ok") -> AnyResponse:
    """Go on to a page and say there what happened."""
    flash(said, kind)
    return redirect(url, 303)


@staff.errorhandler(HTTPException)
def http_error(error: HTTPException) -> Response | HTTPException:
    """Say what is wrong inside the staff pages; redirects stay what they are."""
    code = error.code or 500
    return page("error", code, code=code) if code >= 400 else error
