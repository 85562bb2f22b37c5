"""Logging in and out: one answer for every wrong attempt, and only so many of them from one address."""

import structlog
from flask import Flask, Response, redirect, request, session, url_for
from flask_login import login_user, logout_user
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.extensions import db
from app.extensions import login as login_manager
from app.staff import accounts, audit_trail
from app.staff.accounts import Account
from app.staff.pages import back_to, page, staff
from app.web import transaction
from app.web.limits import refuse_too_many

SEEN = text("UPDATE staff SET last_seen_at = now() WHERE id = :id")

log = structlog.get_logger()


def init_app(_app: Flask) -> None:
    """Let sessions find their person."""
    login_manager.user_loader(load_account)


def load_account(kept: str) -> Account | None:
    """Return the person of a session."""
    return accounts.load(db.session(), kept)


@staff.get("/login")
def login() -> Response:
    """Show the form."""
    return page("login", next=wanted_page())


@staff.post("/login")
def enter() -> AnyResponse:
    """Log in, or answer the same for every wrong attempt."""
    refuse_too_many("login")
    email, password = request.form.get("email", ""), request.form.get("password", "")
    account = transaction.run(lambda work: let_in(work, email, password))
    if account is None:
        log.warning("login_refused")
        return page(
            "login", 422, error="This e-mail address and password do not belong together.", next=wanted_page()
        )
    session.clear()
    session["began"] = int(clock.now().timestamp())
    login_user(account)
    return redirect(wanted_page() or url_for("staff.overview"), 303)


@staff.post("/logout")
def logout() -> AnyResponse:
    """End this session."""
    logout_user()
    session.clear()
    return back_to(url_for("staff.login"), "You are logged out.")


def let_in(work: Session, email: str, password: str) -> Account | None:
    """Check the password and write down that somebody came in."""
    account = accounts.check(work, email, password)
    if account is not None:
        work.execute(SEEN, {"id": account.id})
        actor = audit_trail.staff_actor(account.id)
        audit_trail.record(work, audit_trail.Doer(actor, ip=request.remote_addr), "login", actor)
    return account


def wanted_page() -> str | None:
    """Return the staff page that asked for the login, never an address elsewhere."""
    path = request.values.get("next", "")
    return path if path.startswith("/staff/") and "\\" not in path and "//" not in path else None
