"""The manage link's pages: a GET only shows, because mail scanners follow every link; changes are POSTs."""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, request
from flask_babel import gettext
from sqlalchemy.orm import Session

from app import clock
from app.booking import changes, manage_links
from app.booking import promise as promises
from app.booking.issues import BY_CODE
from app.booking.promise import Promise
from app.web import locale, settings, transaction
from app.web.limits import refuse_too_many
from app.web.promise_view import booking_context, calendar_answer
from app.web.render import render_page

manage = Blueprint("manage", __name__)
LONGEST_REASON = 300
CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class Found:
    """A verified link and its booking."""

    session: Session
    token: str
    promise: Promise


@manage.get("/manage/<token>")
def show(token: str) -> Response:
    """Show the booking as it stands now."""
    return run_link(token, render)


@manage.get("/manage/<token>/visit.ics")
def calendar(token: str) -> Response:
    """Give out the visit as a calendar file."""
    return run_link(token, lambda found: calendar_answer(found.promise))


@manage.post("/manage/<token>/cancel")
def cancel(token: str) -> Response:
    """Cancel the booking; pressing twice is the same as once."""
    refuse_too_many("manage")
    return run_link(token, take_cancel)


def run_link(token: str, work: Callable[[Found], Response]) -> Response:
    """Run one request of a manage link as one transaction; a link that has ended answers 410."""

    def whole(session: Session) -> Response:
        link = manage_links.find(session, token)
        if link is None:
            abort(404)
        if link.is_over:
            abort(410)
        promise = promises.get(session, link.booking_id)
        asked = request.args.get("lang")
        locale.choose(asked if asked in locale.LOCALES else promise.locale)
        return work(Found(session, token, promise))

    return transaction.run(whole)


def take_cancel(found: Found) -> Response:
    """Cancel when the form is ours; keep what was typed when it is not."""
    reason = CONTROL.sub(" ", request.form.get("reason", "")).strip()[:LONGEST_REASON]
    if not is_ours(found.token):
        again = gettext("Please check this page and press the button again. Nothing is lost.")
        return render(found, status=403, notice=again, values={"reason": reason})
    if found.promise.starts_at <= clock.now():
        return render(found, status=409, notice=gettext("This visit has started. Please call us instead."))
    booking_id = found.promise.booking_id
    key = settings().privacy_hash_key
    changes.cancel(found.session, booking_id, actor="visitor", reason=reason or None, privacy_key=key)
    found.session.flush()
    return Response(status=303, headers={"Location": f"/manage/{found.token}"})


def seal_of(token: str) -> str:
    """Return the hidden proof that a form came from this link's own page."""
    return hmac.new(settings().secret_key.encode(), f"manage|{token}".encode(), hashlib.sha256).hexdigest()[
        :32
    ]


def is_ours(token: str) -> bool:
    """Say whether the POST came from our own page of this link."""
    same_site = request.headers.get("Sec-Fetch-Site", "same-origin") in {"same-origin", "none"}
    return same_site and hmac.compare_digest(request.form.get("fs", "").encode(), seal_of(token).encode())


def render(found: Found, status: int = 200, **context: Any) -> Response:
    """Render the booking."""
    promise = found.promise
    issue = BY_CODE.get(promise.issue_type)
    over = promise.ends_at < clock.now()
    return render_page(
        "manage/show.html",
        status,
        booking=booking_context(promise),
        rows=[
            {"label": gettext("Issue"), "value": gettext(issue.title) if issue else promise.issue_type},
            {"label": gettext("Doors"), "value": str(promise.door_count)},
        ],
        past=over,
        can_cancel=promise.status in {"pending", "confirmed"} and promise.starts_at > clock.now(),
        cancel_url=f"/manage/{found.token}/cancel",
        ics_url=f"/manage/{found.token}/visit.ics",
        fs=seal_of(found.token),
        lang=locale.current(),
        other_lang_url=f"?lang={'en' if locale.current() == 'es' else 'es'}",
        **context,
    )
