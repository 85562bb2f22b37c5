"""Texts from homeowners, until somebody dealt with them, and the way to stop ours for those who ask by phone or e-mail."""

import uuid
from typing import Any

from flask import Response, request, url_for
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app.extensions import db
from app.models.inbound_text import Meaning
from app.models.staff import Role
from app.notifications import ledger
from app.notifications.ledger import Method, Withdrawal
from app.notifications.recipients import home_number, phone_hash
from app.staff import audit_trail
from app.staff.bookings import read_id
from app.staff.jobs import safe_return
from app.staff.pages import back_to, doer, me, needs, page, staff
from app.web import settings, transaction

PAGE_SIZE = 50
TABS = ("open", "handled")
SHORTEST_REASON = 3
MEANINGS = {
    Meaning.STOP: "No more texts", Meaning.START: "Texts again", Meaning.HELP: "Asked for help", Meaning.CONFIRM: "Will be there",
    Meaning.OTHER: "A message",
}  # fmt: skip
QUERY = text(
    "SELECT t.*, b.reference, b.contact_first_name, b.contact_last_name, s.name AS handler FROM inbound_texts t"
    " LEFT JOIN bookings b ON b.id = t.booking_id LEFT JOIN staff s ON s.id = t.handled_by"
    " WHERE (t.handled_at IS NULL) = :is_open AND (CAST(:before AS uuid) IS NULL OR t.id < :before)"
    " ORDER BY t.id DESC LIMIT :size"
)
OPEN = text("SELECT count(*) FROM inbound_texts WHERE handled_at IS NULL")
HANDLE = text(
    "UPDATE inbound_texts SET handled_at = now(), handled_by = :staff WHERE id = :id AND handled_at IS NULL RETURNING id"
)


@staff.get("/texts")
def list_texts() -> Response:
    """Show what homeowners wrote, the newest first."""
    shown = request.args.get("status", "open")
    shown = shown if shown in TABS else "open"
    session = db.session()
    rows = read_texts(session, shown, read_id(request.args.get("before")))
    return page(
        "texts",
        texts=rows[:PAGE_SIZE],
        before=rows[PAGE_SIZE - 1].id if len(rows) > PAGE_SIZE else None,
        shown=shown,
        tabs=TABS,
        waiting=session.execute(OPEN).scalar_one(),
        meanings=MEANINGS,
    )


@staff.post("/texts/<uuid:text_id>")
@needs(Role.DISPATCHER)
def handle_text(text_id: uuid.UUID) -> AnyResponse:
    """Write down that somebody dealt with a text."""

    def work(session: Session) -> bool:
        done = session.execute(HANDLE, {"id": text_id, "staff": me().id}).one_or_none() is not None
        if done:
            audit_trail.record(session, doer(), "text_handled", f"text:{text_id}")
        return done

    here = safe_return(request.form.get("back", "")) or url_for("staff.list_texts")
    if not transaction.run(work):
        return back_to(here, "Nothing was changed: this text was dealt with already or is gone.", "bad")
    return back_to(here, "Done, the text is off the list.")


@staff.post("/texts/stop")
@needs(Role.DISPATCHER)
def stop_texts() -> AnyResponse:
    """Stop texts to a number because somebody asked for it in another way."""
    here = url_for("staff.list_texts")
    number = home_number(request.form.get("phone", ""))
    reason = " ".join(request.form.get("reason", "").split())[:200]
    if number is None:
        return back_to(here, "Nothing was changed: this is not a US phone number.", "bad")
    if len(reason) < SHORTEST_REASON:
        return back_to(here, "Nothing was changed: say how they asked, it is kept.", "bad")
    hashed = phone_hash(number, settings().privacy_hash_key)

    def work(session: Session) -> bool:
        if ledger.is_opted_out(session, hashed):
            return False
        ledger.stop(session, hashed, Withdrawal(Method.STAFF, actor=doer().actor), number=number)
        audit_trail.record(session, doer(), "texts_stop", f"phone:{hashed.hex()[:16]}", reason=reason)
        return True

    if not transaction.run(work):
        return back_to(here, "This number gets no texts already.")
    return back_to(here, "Stopped. Nothing more is texted to this number, whoever's booking it is.")


def read_texts(session: Session, tab: str, before: uuid.UUID | None) -> list[Any]:  # Any: rows
    """Return one page and one row more, the newest first."""
    return list(session.execute(QUERY, {"is_open": tab == "open", "before": before, "size": PAGE_SIZE + 1}))
