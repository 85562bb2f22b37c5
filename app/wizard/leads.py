"""Visitors who do not book: outside our area, no open window, or rather on the phone."""

import uuid
from functools import partial

from flask import Blueprint, Response, request
from werkzeug.datastructures import ImmutableMultiDict
from wtforms import Form, StringField, TextAreaField

from app.analytics.events import EventType
from app.booking import leads, slots
from app.booking.answers import Answers
from app.booking.issues import BY_CODE
from app.booking.leads import LeadKind, NewLead
from app.web import settings
from app.web.limits import refuse_too_many
from app.web.render import wants_fragment
from app.web.words import gettext
from app.wizard import flow, tokens, visitor
from app.wizard import visit as visits
from app.wizard.page import Page, Showing, render_step, run_visit, show
from app.wizard.steps import STEPS
from app.wizard.steps.base import at_most, one_line, shown, text_only, trimmed
from app.wizard.steps.contact import NEEDED, email_address, phone_number

leads_of_visits = Blueprint("wizard_leads", __name__)
OUTSIDE = "out-of-area"


class WaitingListForm(Form):
    """An e-mail address, if they like."""

    email = StringField(filters=[trimmed], validators=[text_only, at_most(254), email_address])


class CallbackForm(Form):
    """Whom to call, and when it suits."""

    first_name = StringField(filters=[one_line], validators=[text_only, at_most(100)])
    phone = StringField(filters=[one_line], validators=[text_only, at_most(30), phone_number])
    note = TextAreaField(filters=[one_line], validators=[text_only, at_most(300)])


@leads_of_visits.get("/w/<token>/out-of-area")
def out_of_area(token: str) -> Response:
    """Show the waiting list of a ZIP code we do not serve."""
    return run_visit(token, show_outside)


@leads_of_visits.post("/w/<token>/out-of-area")
def join_waiting_list(token: str) -> Response:
    """Put an e-mail address on the waiting list."""
    refuse_too_many("lead")
    return run_visit(token, take_waiting_list)


@leads_of_visits.post("/w/<token>/callback")
def callback(token: str) -> Response:
    """Take the wish to be called."""
    refuse_too_many("lead")
    return run_visit(token, take_callback)


@leads_of_visits.post("/w/<token>/call")
def call(token: str) -> Response:
    """Record that the phone number was pressed."""
    return run_visit(token, record_call)


def record_call(page: Page) -> Response:
    """Count the press; the browser is already dialling."""
    if not visitor.is_cross_site():
        page.note(EventType.CALL_CLICKED, page.visit.last_step or STEPS[0].name)
    return Response(status=204)


def leave_area(page: Page, answers: Answers) -> Response:
    """Remember a ZIP code we do not serve, with or without contact data, and offer the waiting list."""
    page.update(visits.keep(page.session, page.visit, answers, OUTSIDE) or page.visit)
    leads.add(page.session, lead_of(page, LeadKind.OUT_OF_AREA, answers.outside_zip or ""))
    page.note(EventType.OUT_OF_AREA, "zip")
    if not wants_fragment():
        return Response(status=303, headers={"Location": page.url(OUTSIDE)})
    return render_outside(page, Showing())


def show_outside(page: Page) -> Response:
    """Show the page to a GET; a visit that is not outside goes to its first open step."""
    if page.visit.answers.outside_zip is None or page.visit.booking_id is not None:
        return Response(status=303, headers={"Location": page.url(flow.first_open(page.visit.answers).name)})
    page.update(visits.touch(page.session, page.visit, OUTSIDE, page.visit.locale))
    return render_outside(page, Showing())


def take_waiting_list(page: Page) -> Response:
    """Store the address with the lead."""
    if page.visit.answers.outside_zip is None:
        return show_outside(page)
    form = WaitingListForm(ImmutableMultiDict(request.form))
    typed = {"email": shown(request.form.get("email", ""))}
    if not is_ours(page, OUTSIDE):
        return render_outside(page, Showing(status=403, values=typed, notice=press_again()))
    errors = (
        {name: str(found[0]) for name, found in form.errors.items() if name} if not form.validate() else {}
    )
    if errors:
        page.note(EventType.STEP_ERROR, OUTSIDE, fields=sorted(errors))
        return render_outside(page, Showing(status=422, values=typed, errors=errors))
    lead = lead_of(page, LeadKind.OUT_OF_AREA, page.visit.answers.outside_zip, email=form.email.data or None)
    leads.add(page.session, lead)
    joined = vars(page.visit.answers) | {"waiting_list": True}
    page.update(visits.keep(page.session, page.visit, Answers(**joined), OUTSIDE) or page.visit)
    if not wants_fragment():
        return Response(status=303, headers={"Location": page.url(OUTSIDE)})
    return render_outside(page, Showing())


def render_outside(page: Page, showing: Showing) -> Response:
    """Render the out-of-area page."""
    answers = page.visit.answers
    context = {
        "zip_code": answers.outside_zip,
        "joined": bool(answers.waiting_list),
        "back_url": page.url("zip"),
        "values": dict(showing.values or {}),
    }
    return render_step(page, "wizard/out_of_area.html", OUTSIDE, showing, context)


def take_callback(page: Page) -> Response:
    """Store a wish to be called; the visit itself stays open."""
    form = CallbackForm(ImmutableMultiDict(request.form))
    step = flow.first_open(page.visit.answers)
    here = flow.BY_NAME.get(page.visit.last_step or "", step)
    here = here if flow.is_reachable(here, page.visit.answers) else step
    typed = {name: shown(request.form.get(name, "")) for name in ("first_name", "phone", "note")}
    if not any(is_ours(page, known.name) for known in STEPS):
        return show(page, here, Showing(status=403, values=typed, notice=press_again(), is_view=False))
    form.validate()
    errors = {name: str(found[0]) for name, found in form.errors.items() if name}
    errors |= {
        name: str(NEEDED[name])
        for name in ("first_name", "phone")
        if not form.data[name] and name not in errors
    }
    if errors:
        page.note(EventType.STEP_ERROR, here.name, fields=sorted(errors))
        return show(page, here, Showing(status=422, values=typed, errors=errors, is_view=False))
    answers = page.visit.answers
    data = {name: form.data[name] or None for name in typed}
    leads.add(
        page.session,
        lead_of(page, callback_kind(page), answers.zip_code or answers.outside_zip or "", **data),
    )
    page.note(EventType.CALLBACK_REQUESTED, here.name)
    thanks = gettext("Thank you. We'll call you as soon as we can.")
    return show(page, here, Showing(notice=thanks, is_view=False))


def callback_kind(page: Page) -> LeadKind:
    """Tell a visitor without any open window from one who only prefers the phone."""
    area_id = page.visit.answers.area_id
    if area_id is None:
        return LeadKind.CALLBACK
    found = slots.open_slots(page.session, uuid.UUID(area_id), page.visit.id, page.desk.lead, page.desk.now)
    return LeadKind.CALLBACK if found else LeadKind.NO_SLOT


def lead_of(page: Page, kind: LeadKind, zip_code: str, **contact: str | None) -> NewLead:
    """Return a lead with what the visit knows."""
    issue = BY_CODE.get(page.visit.answers.issue_type or "")
    urgency = issue.urgency if issue else None
    build = partial(
        NewLead,
        kind,
        page.visit.id,
        zip_code,
        issue.code if issue else None,
        urgency,
        page.visit.attribution(),
    )
    return build(**contact)


def is_ours(page: Page, step_name: str) -> bool:
    """Say whether the form was made by us for this visit and posted from our own page."""
    seal = tokens.open_seal(settings(), page.visit.id, step_name, request.form.get("fs", ""))
    return seal is not None and not visitor.is_cross_site()


def press_again() -> str:
    """Return what a form says that came back."""
    return gettext("Please check this page and press the button again. Nothing is lost.")
