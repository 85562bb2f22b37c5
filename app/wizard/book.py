"""The review's POST: from a checked visit to a booking, in the transaction that is already open."""

import hashlib
import json
from datetime import timedelta

import structlog
from flask import Response, abort, request

from app.analytics.events import EventType
from app.booking import promise as promises
from app.booking.answers import Bookable
from app.booking.consent import Witness
from app.booking.submit import Left, Submission, Terms, submit
from app.web import request_log, settings
from app.web.render import wants_fragment
from app.web.words import gettext
from app.wizard import after
from app.wizard import visit as visits
from app.wizard.page import Page, Showing, show
from app.wizard.steps import Step
from app.wizard.steps.base import Posted
from app.wizard.steps.review import posted_submission
from app.wizard.tokens import Seal


def book(page: Page, step: Step, posted: Posted, seal: Seal) -> Response:
    """Book what is on the page the visitor saw. Raise SlotTaken or NotBookable."""
    if posted_submission(posted) != page.visit.submission_id:
        abort(404)
    if seal.version != page.visit.version:
        changed = gettext("Your answers changed in another tab. Please check them once more.")
        return show(page, step, Showing(status=409, notice=changed, is_view=False))
    ms = page.visit.idle_ms
    answers = page.visit.answers
    left = Left(answers.without_contact(), "done" if wants_fragment() else step.name)
    booked = submit(page.session, Bookable.from_answers(answers), submission_of(page, left), terms())
    page.update(visits.finished(page.visit, booked.booking_id, left))
    page.note(EventType.STEP_COMPLETED, step.name, ms_on_step=ms)
    page.note(EventType.BOOKING_SUBMITTED, step.name)
    promise = promises.of_new(booked, answers, page.visit.id, page.visit.locale)
    response = after.show_new(page, promise, step.name)
    page.flush_beside()
    request_log.note(booking="accepted")
    structlog.contextvars.bind_contextvars(booking_id=str(booked.booking_id))
    return response


def submission_of(page: Page, left: Left) -> Submission:
    """Return which visit submits, and the traces that prove it."""
    visit = page.visit
    answers = json.dumps(visit.answers.to_json(), sort_keys=True)
    return Submission(
        visit_id=visit.id,
        submission_id=visit.submission_id,
        request_hash=hashlib.sha256(answers.encode()).digest(),
        partner_id=visit.partner_id,
        booking_source=visit.source,
        attribution=visit.attribution(),
        witness=Witness(
            page="/w/-/contact",
            partner=visit.partner_key,
            locale=visit.locale,
            ip=request.remote_addr,
            user_agent=request.headers.get("User-Agent", ""),
        ),
        left=left,
    )


def terms() -> Terms:
    """Return the company's side of the promise."""
    own = settings()
    return Terms(
        timedelta(minutes=own.booking_lead_minutes),
        own.dispatch_fee_cents,
        own.company_name,
        own.privacy_hash_key,
    )
