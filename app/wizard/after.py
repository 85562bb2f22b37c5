"""After booking, inside the visit: the done page, its polled status, the calendar file."""

from flask import Blueprint, Response, abort

from app.booking import promise as promises
from app.booking.promise import Promise
from app.web import request_log
from app.web.promise_view import booking_context, calendar_answer
from app.web.render import wants_fragment
from app.wizard import flow
from app.wizard import visit as visits
from app.wizard.flow import Nav
from app.wizard.page import Page, Showing, bare, render_step, run_visit

after = Blueprint("wizard_after", __name__)
STOP_POLLING = 286


@after.get("/w/<token>/done")
def done(token: str) -> Response:
    """Show the booking of this visit; without one, the first open step."""
    return run_visit(token, done_or_back)


@after.get("/w/<token>/status")
def status(token: str) -> Response:
    """Answer the done page's question; nothing is recorded, and polling stops when nothing more will change."""
    return run_visit(token, status_fragment)


@after.get("/w/<token>/visit.ics")
def calendar(token: str) -> Response:
    """Give out the visit as a calendar file."""
    return run_visit(token, lambda page: calendar_answer(promise_of(page)))


def done_or_back(page: Page) -> Response:
    """Show what is booked."""
    if page.visit.booking_id is None:
        return Response(status=303, headers={"Location": page.url(flow.first_open(page.visit.answers).name)})
    nav = Nav.REFRESH if page.visit.last_step == "done" else Nav.NEXT
    page.update(visits.touch(page.session, page.visit, "done", page.visit.locale))
    return render_done(page, Showing(nav), promise_of(page))


def status_fragment(page: Page) -> Response:
    """Return the status block alone."""
    promise = promise_of(page)
    final = promise.shown_status != "received"
    return bare(
        "wizard/_status.html",
        STOP_POLLING if final else 200,
        booking=booking_context(promise),
        status_url=page.url("status"),
    )


def promise_of(page: Page) -> Promise:
    """Return the booking of this visit; 404 without one."""
    if page.visit.booking_id is None:
        abort(404)
    return promises.get(page.session, page.visit.booking_id)


def show_new(page: Page, promise: Promise, completed: str) -> Response:
    """Answer with the done page of a booking made this moment, or a plain form with the way to it."""
    if not wants_fragment():
        return Response(status=303, headers={"Location": page.url("done")})
    return render_done(page, Showing(completed=completed), promise, submitted=promise.reference)


def show_done_again(page: Page) -> Response:
    """Answer a POST to a visit that is booked already with its booking as it stands now."""
    request_log.note(booking="replayed")
    if not wants_fragment():
        return Response(status=303, headers={"Location": page.url("done")})
    return render_done(page, Showing(is_view=False), promise_of(page))


def render_done(page: Page, showing: Showing, promise: Promise, submitted: str | None = None) -> Response:
    """Render the done page."""
    if showing.is_view:
        page.note_view("done", showing.nav)
    context = {
        "booking": booking_context(promise),
        "ics_url": page.url("visit.ics"),
        "status_url": page.url("status"),
        "submitted_reference": submitted,
        "values": {},
    }
    return render_step(page, "wizard/done.html", "done", showing, context)
