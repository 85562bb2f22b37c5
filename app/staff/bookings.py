"""Bookings: the list, one in full, and its cancellation."""

import uuid
from functools import partial

from flask import Response, abort, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app.booking import changes
from app.booking.partners import BUILT_IN
from app.extensions import db
from app.models.booking import BookingStatus
from app.models.staff import Role
from app.notifications import ledger
from app.notifications.recipients import phone_hash
from app.staff import audit_trail, booking_search, booking_story, partner_names
from app.staff.booking_search import Filters, Found
from app.staff.days import read_day, read_span
from app.staff.pages import back_to, doer, needs, page, staff
from app.staff.partner_names import PREFIX
from app.web import settings, transaction

LONGEST_REASON = 200
SOURCES = ("phone", "paid_search", "paid_social", "email", "sms", "organic", "referral", "direct")


@staff.get("/bookings")
def list_bookings() -> Response:
    """Show a page of bookings, narrowed by the filters."""
    filters = read_filters()
    return show(booking_search.list_filtered(db.session(), filters), filters)


@staff.post("/bookings")
def search_bookings() -> AnyResponse:
    """Find a person. What was typed stays out of addresses, histories and logs: it is posted."""
    words = request.form.get("q", "").strip()
    if not words:
        return redirect(url_for("staff.list_bookings"), 303)
    reference = booking_search.find_reference(db.session(), words)
    if reference:
        return redirect(url_for("staff.show_booking", reference=reference), 303)
    found = booking_search.search_contact(db.session(), words, read_id(request.form.get("before")))
    return show(found, Filters(), words=words)


@staff.get("/bookings/<reference>")
def show_booking(reference: str) -> AnyResponse:
    """Show one booking in full."""
    story = booking_story.find(db.session(), reference.upper())
    if story is None:
        abort(404)
    words = partial(partner_names.words, names=partner_names.read(db.session()))
    phone = phone_hash(story.booking.contact_phone, settings().privacy_hash_key)
    stop = ledger.stop_of(db.session(), phone)
    return page("booking", story=story, booking=story.booking, stop=stop, source_words=words)


@staff.post("/bookings/<reference>/cancel")
@needs(Role.DISPATCHER)
def cancel_booking(reference: str) -> AnyResponse:
    """Cancel a booking, with the reason that will be kept."""
    here = url_for("staff.show_booking", reference=reference)
    reason = " ".join(request.form.get("reason", "").split())[:LONGEST_REASON]
    if not reason:
        return back_to(here, "Nothing was cancelled: say why, it is kept with the booking.", "bad")
    if not transaction.run(lambda session: cancel(session, reference, reason)):
        return back_to(here, "Nothing was cancelled: this booking is not open any more.", "bad")
    return back_to(here, "Cancelled. The window is free again, and ServiceTitan is told.")


def cancel(session: Session, reference: str, reason: str) -> bool:
    """Cancel and write down who did."""
    story = booking_story.find(session, reference)
    if story is None:
        abort(404)
    key = settings().privacy_hash_key
    done = changes.cancel(session, story.booking.id, actor=doer().actor, reason=reason, privacy_key=key)
    if done:
        audit_trail.record(session, doer(), "booking_cancel", f"booking:{reference}")
    return done


def show(found: Found, filters: Filters, words: str = "") -> Response:
    """Render the list."""
    names = partner_names.read(db.session())
    return page(
        "bookings",
        found=found,
        filters=filters,
        words=words,
        statuses=list(BookingStatus),
        sources=[*SOURCES, *(f"{PREFIX}{key}" for key in names if key != BUILT_IN)],
        source_words=partial(partner_names.words, names=names),
    )


def read_filters() -> Filters:
    """Read the filters of the address."""
    args = request.args
    has_span = read_day(args.get("from")) or read_day(args.get("to"))
    return Filters(
        status=args.get("status") or None,
        source=args.get("source") or None,
        span=read_span(args) if has_span else None,
        by_visit=args.get("by") == "visit",
        before=read_id(args.get("before")),
    )


def read_id(raw: str | None) -> uuid.UUID | None:
    """Read an id of an address or a form; what is none is left out."""
    try:
        return uuid.UUID(raw or "")
    except ValueError:
        return None
