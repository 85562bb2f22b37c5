"""GET and POST of every step: read input, call one function, commit, answer."""

from functools import partial

import structlog
from flask import Blueprint, Response, abort, request
from sqlalchemy.exc import DBAPIError
from werkzeug.datastructures import ImmutableMultiDict
from wtforms import Form

from app.analytics.events import EventType
from app.booking.errors import NotBookable, SlotTaken
from app.extensions import db
from app.maintenance import partitions
from app.sqlstate import failed_constraint, failed_table, sqlstate
from app.web import request_log, settings
from app.web.render import wants_fragment
from app.web.words import gettext
from app.wizard import after, flow, leads, tokens, visitor
from app.wizard import visit as visits
from app.wizard.book import book
from app.wizard.page import Page, Showing, run_visit, show
from app.wizard.steps import Step
from app.wizard.steps.base import OutOfArea, Posted, Refused, shown
from app.wizard.steps.review import typo_notice

wizard = Blueprint("wizard_steps", __name__)
log = structlog.get_logger()


@wizard.get("/w/<token>/<step_name>")
def view(token: str, step_name: str) -> Response:
    """Show a step; a later one than the first that is open leads there."""
    step = flow.BY_NAME.get(step_name) or abort(404)
    return run_visit(token, partial(show_step, step=step))


@wizard.post("/w/<token>/<step_name>")
def answer(token: str, step_name: str) -> Response:
    """Take a step's answer and show what comes next, in one round trip."""
    step = flow.BY_NAME.get(step_name) or abort(404)
    take = partial(take_answer, step=step)
    if step.name == "review":
        request_log.note(booking="invalid")
    try:
        return run_visit(token, take, lock=step.locks)
    except SlotTaken:
        if step.name == "review":
            request_log.note(booking="taken")
        return run_visit(token, lose_slot, lock=True)
    except DBAPIError as error:
        if not is_missing_month(error):
            raise
        log.error("partition_missing", table=failed_table(error))
        partitions.ensure(db.session())
        db.session.commit()
        return run_visit(token, take, lock=step.locks)


def is_missing_month(error: DBAPIError) -> bool:
    """Say whether a booking found no partition: a check violation that names no constraint."""
    return sqlstate(error) == "23514" and failed_constraint(error) is None


def show_step(page: Page, step: Step) -> Response:
    """Show a step to a GET."""
    if page.visit.booking_id is not None:
        return go(page.url("done"))
    if not flow.is_reachable(step, page.visit.answers):
        return go(page.url(flow.first_open(page.visit.answers).name))
    restored = request.headers.get("HX-History-Restore-Request") == "true"
    changing = bool(request.args.get("change"))
    nav = flow.arrived_by(step.name, page.visit.last_step, restored=restored, changing=changing)
    page.update(visits.touch(page.session, page.visit, step.name, page.visit.locale))
    return show(page, step, Showing(nav, notice=notice_for(page, step)))


def take_answer(page: Page, step: Step) -> Response:
    """Check a POST in the order that keeps every promise: booked, reachable, ours, well-formed, meaningful."""
    if page.visit.booking_id is not None:
        return after.show_done_again(page)
    if not flow.is_reachable(step, page.visit.answers):
        return go(page.url(flow.first_open(page.visit.answers).name))
    form = step.form(ImmutableMultiDict(request.form))
    typed = {name: shown(value) for name, value in request.form.items() if name in form}
    seal = tokens.open_seal(settings(), page.visit.id, step.name, request.form.get("fs", ""))
    if seal is None or visitor.is_cross_site():
        again = gettext("Please check this page and press the button again. Nothing is lost.")
        return show(page, step, Showing(status=403, values=typed, notice=again, is_view=False))
    if errors := faults(page, step, form):
        return refuse(page, step, typed, errors)
    posted = Posted(form, frozenset(request.form.getlist("clear")))
    try:
        return book(page, step, posted, seal) if step.name == "review" else store(page, step, posted)
    except Refused as refusal:
        return refuse(page, step, typed, dict(refusal.errors))
    except (NotBookable, OutOfArea) as elsewhere:
        return lead_elsewhere(page, elsewhere)


def faults(page: Page, step: Step, form: Form) -> dict[str, str]:
    """Return what is wrong with the shape of each field and which are missing, in the order of the form."""
    form.validate()
    found = {name: str(messages[0]) for name, messages in form.errors.items() if name}
    found = step.missing(page.visit.answers, form) | found
    return {name: found[name] for name in form.data if name in found}


def lead_elsewhere(page: Page, why: NotBookable | OutOfArea) -> Response:
    """Go where the answers lead: to a step that is still open, or out of our area."""
    return go(page.url(why.step)) if isinstance(why, NotBookable) else leads.leave_area(page, why.answers)


def store(page: Page, step: Step, posted: Posted) -> Response:
    """Keep a step's answers and show the next; a second tab that was faster is merged with once, unseen."""
    saved = step.save(page.desk, posted)
    changing = bool(request.args.get("change"))
    follows = flow.following(step, saved.answers, changing=changing)
    ms = page.visit.idle_ms
    kept = visits.keep(page.session, page.visit, saved.answers, shown_next(step, follows))
    if kept is None:
        reload(page)
        saved = step.save(page.desk, posted)
        kept = visits.keep(page.session, page.visit, saved.answers, shown_next(step, follows)) or abort(409)
    page.update(kept)
    for happened in saved.events:
        page.note(happened, step.name)
    page.note(EventType.STEP_COMPLETED, step.name, ms_on_step=ms)
    if not wants_fragment():
        return go(page.url(follows.name))
    reveal = step.name == "contact" and follows.name == "review"
    return show(page, follows, Showing(completed=step.name, reveal=reveal, notice=notice_for(page, follows)))


def shown_next(step: Step, follows: Step) -> str:
    """Return the step a visitor stands on after this answer: htmx shows the next one at once."""
    return follows.name if wants_fragment() else step.name


def reload(page: Page) -> None:
    """Load the visit again after another tab changed it."""
    handle = tokens.read(settings(), page.visit.token) or abort(404)
    page.update(visits.load(page.session, handle) or abort(410))


def refuse(page: Page, step: Step, typed: dict[str, str], errors: dict[str, str]) -> Response:
    """Show the same step with what was typed and what is wrong with it."""
    page.note(EventType.STEP_ERROR, step.name, fields=sorted(errors))
    return show(page, step, Showing(status=422, values=typed, errors=errors, is_view=False))


def lose_slot(page: Page) -> Response:
    """Forget a window that is gone, keep every other answer, and show what is open instead."""
    if page.visit.booking_id is not None:
        return after.show_done_again(page)
    step = flow.BY_NAME["slot"]
    page.update(
        visits.keep(page.session, page.visit, page.visit.answers.without_slot(), step.name) or page.visit
    )
    page.note(EventType.SLOT_LOST, step.name)
    log.info("slot_conflict")
    gone = gettext("That window was just taken. Here are the next open ones; your other answers are kept.")
    return show(
        page, step, Showing(status=409, notice=gone, values={"slot_id": ""}, is_view=False, changing=True)
    )


def notice_for(page: Page, step: Step) -> str | None:
    """Return what is worth saying above a step."""
    return typo_notice(page.visit.answers) if step.name == "review" else None


def go(url: str) -> Response:
    """Send the browser to another page of the visit; htmx follows by itself."""
    return Response(status=303, headers={"Location": url})
