"""What a manage link answers: a GET only shows, because mail scanners follow every link; changes are POSTs."""

import re
import uuid
from datetime import timedelta

import structlog
from flask import Blueprint, Response, request
from flask_babel import gettext

from app.booking import changes
from app.booking import promise as promises
from app.booking.changes import Mover
from app.booking.errors import NotMovable, SlotElsewhere, SlotTaken
from app.manage.link import Found, is_ours, run_link
from app.manage.pages import Showing, show_booking, show_windows
from app.web import settings
from app.web.limits import refuse_too_many
from app.web.promise_view import calendar_answer
from app.web.render import wants_fragment

manage = Blueprint("manage", __name__)
log = structlog.get_logger()
ACTOR = "visitor"
LONGEST_REASON = 300
CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@manage.get("/manage/<token>")
def show(token: str) -> Response:
    """Show the booking as it stands now."""
    return run_link(token, lambda found: show_booking(found, Showing(notice=said(found))))


@manage.get("/manage/<token>/visit.ics")
def calendar(token: str) -> Response:
    """Give out the visit as a calendar file."""
    return run_link(token, lambda found: calendar_answer(found.promise))


@manage.get("/manage/<token>/move")
def choose(token: str) -> Response:
    """Show where the visit could move to."""
    return run_link(token, lambda found: show_windows(found) if found.can_change else refuse(found))


@manage.post("/manage/<token>/move")
def move(token: str) -> Response:
    """Move the visit; pressing twice is the same as once. Where that fails it keeps its window."""
    refuse_too_many("move")
    try:
        return run_link(token, take_move)
    except SlotTaken:
        log.info("slot_conflict", at="move")
        return run_link(token, lose_window)
    except SlotElsewhere:
        return run_link(token, refuse_elsewhere)
    except NotMovable:
        return run_link(token, refuse)


@manage.post("/manage/<token>/cancel")
def cancel(token: str) -> Response:
    """Cancel the booking; pressing twice is the same as once."""
    refuse_too_many("manage")
    return run_link(token, take_cancel)


def take_move(found: Found) -> Response:
    """Move when the form is ours and names a window. Raise SlotTaken, SlotElsewhere or NotMovable."""
    posted = request.form.get("slot_id", "")
    chosen = read_id(posted)
    if not is_ours(found.token):
        return show_windows(found, Showing(403, check_again(), {"slot_id": str(chosen or "")}))
    if chosen is None:
        return choose_one(found, gettext("Please choose an arrival window."))
    own = settings()
    mover = Mover(ACTOR, timedelta(minutes=own.booking_lead_minutes), own.privacy_hash_key)
    moved = changes.move(found.session, found.promise.booking_id, chosen, mover)
    return done(found, "moved" if moved.changed else "same")


def read_id(posted: str) -> uuid.UUID | None:
    """Return the id of a window, or nothing for anything else."""
    try:
        return uuid.UUID(posted)
    except ValueError:
        return None


def take_cancel(found: Found) -> Response:
    """Cancel when the form is ours; keep what was typed when it is not."""
    reason = CONTROL.sub(" ", request.form.get("reason", "")).strip()[:LONGEST_REASON]
    if not is_ours(found.token):
        return show_booking(found, Showing(403, check_again(), {"reason": reason}), is_cancelling=True)
    if found.promise.is_open and not found.can_change:
        return refuse(found)
    changes.cancel(
        found.session,
        found.promise.booking_id,
        actor=ACTOR,
        reason=reason or None,
        privacy_key=settings().privacy_hash_key,
    )
    return done(found, "cancelled")


def done(found: Found, what: str) -> Response:
    """Answer a change: for htmx with the booking as it stands now, for a plain form with the way to it."""
    if not wants_fragment():
        return Response(status=303, headers={"Location": f"{found.url}?done={what}"})
    now = Found(found.session, found.token, promises.get(found.session, found.promise.booking_id))
    return show_booking(now, Showing(notice=words_of(what, now)))


def said(found: Found) -> str | None:
    """Return what to say above the booking after a plain form led here."""
    return words_of(request.args.get("done", ""), found)


def words_of(what: str, found: Found) -> str | None:
    """Say what was done, as long as the booking itself bears it out."""
    if what == "moved" and found.can_change and found.promise.version > 1:
        return gettext(
            "Done: your visit was moved. We tell the office, and send you a message with the new window."
        )
    if what == "same" and found.can_change:
        return gettext("That is the window you have already. Nothing was changed.")
    return None


def refuse(found: Found) -> Response:
    """Say why the visit cannot be changed here any more."""
    if found.promise.status == "cancelled":
        why = gettext("This visit was cancelled, so it can't be moved. You can book a new one.")
    elif found.can_change:
        why = check_again()
    else:
        why = gettext("This visit has started. Please call us instead.")
    return show_booking(found, Showing(409, why))


def lose_window(found: Found) -> Response:
    """Show what is open instead of a window that is gone; the booking keeps the one it has."""
    if not found.can_change:
        return refuse(found)
    gone = gettext("That window was just taken. You keep your old one until you choose another below.")
    return show_windows(found, Showing(409, gone))


def refuse_elsewhere(found: Found) -> Response:
    """Refuse a window that no page of this booking ever offered."""
    return choose_one(found, gettext("That window belongs to another area. Please choose one below."))


def choose_one(found: Found, error: str) -> Response:
    """Show the windows again with what is wrong."""
    if not found.can_change:
        return refuse(found)
    return show_windows(found, Showing(422, errors={"slot_id": error}))


def check_again() -> str:
    """Return what to say to a form that is not ours."""
    return gettext("Please check this page and press the button again. Nothing is lost.")
