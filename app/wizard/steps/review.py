"""Check your answers: everything once more, each with a way to change it, then the button that books."""

import uuid
from typing import Any

from wtforms import Form, StringField

from app.booking.answers import Answers, Bookable, moment
from app.booking.issues import BY_CODE
from app.web.formats import moment_label, money
from app.web.words import gettext, ngettext
from app.wizard.steps.base import Desk, Posted, Saved, Step
from app.wizard.steps.contact import likely_domain, mask, phone_words

AGES = {
    "2": "Under 5 years",
    "7": "5–10 years",
    "12": "10–15 years",
    "20": "15–30 years",
    "35": "Over 30 years",
    "unknown": "Not sure",
}


class ReviewForm(Form):
    """The visit's own submission key."""

    submission_id = StringField()


class ReviewStep(Step):
    """The last page before booking. It is never «answered»: only a booking ends it."""

    name = "review"
    form = ReviewForm
    locks = True

    def is_answered(self, answers: Answers) -> bool:  # noqa: ARG002
        """Stay open."""
        return False

    def save(self, desk: Desk, posted: Posted) -> Saved:  # noqa: ARG002
        """Check that all of it can be booked; booking itself is views.book."""
        Bookable.from_answers(desk.visit.answers)
        return Saved(desk.visit.answers)

    def context(self, desk: Desk, *, reveal: bool) -> dict[str, Any]:
        """Show every answer; contact data in full only in the answer to the POST that carried it."""
        answers = desk.visit.answers
        fee = money(desk.settings.dispatch_fee_cents)
        return {
            "rows": [
                {"label": label, "value": lines, "change_url": f"/w/{desk.visit.token}/{step}?change=1"}
                for label, lines, step in rows(answers, reveal=reveal)
            ],
            "fee_text": gettext(
                "The dispatch fee is %(fee)s. You approve the price of any repair before work starts.",
                fee=fee,
            ),
            "submission_id": str(desk.visit.submission_id),
        }


def rows(answers: Answers, *, reveal: bool) -> list[tuple[str, list[str], str]]:
    """Return label, lines and step of each answer."""
    issue = BY_CODE.get(answers.issue_type or "")
    door_count = answers.door_count or 1
    doors = ngettext("%(num)s door", "%(num)s doors", door_count)
    age = gettext(AGES[answers.door_age or "unknown"])
    own = gettext("I own it") if answers.homeowner_status == "owner" else gettext("I rent it")
    when = moment_label(
        moment(answers.starts_at or ""), moment(answers.ends_at or ""), answers.timezone or "UTC"
    )
    note = [answers.issue_note if reveal else mask("note", answers.issue_note)] if answers.issue_note else []
    return [
        (gettext("Arrival window"), [when], "slot"),
        (gettext("Issue"), [gettext(issue.title) if issue else "", *note], "issue"),
        (gettext("Doors"), [doors, gettext("Age: %(age)s", age=age)], "doors"),
        (gettext("Home"), [own], "ownership"),
        (gettext("Contact"), contact_lines(answers, reveal=reveal), "contact"),
        (gettext("Address"), address_lines(answers, reveal=reveal), "contact"),
    ]


def contact_lines(answers: Answers, *, reveal: bool) -> list[str]:
    """Return name, e-mail address and phone number."""
    name = f"{answers.first_name} {answers.last_name}"
    if reveal:
        lines = [name, answers.email or "", phone_words(answers.phone or "")]
    else:
        lines = [mask("name", name), mask("email", answers.email or ""), mask("phone", answers.phone or "")]
    return [
        *lines,
        gettext(
            "Texts about this visit: %(answer)s",
            answer=gettext("Yes") if answers.sms_opt_in else gettext("No"),
        ),
    ]


def address_lines(answers: Answers, *, reveal: bool) -> list[str]:
    """Return the service address and how to get in."""
    personal = [line for line in (answers.address_line1, answers.address_line2) if line]
    access = [answers.access_notes] if answers.access_notes else []
    shown = (lambda line: line) if reveal else (lambda line: mask("text", line))
    return [*map(shown, personal), f"{answers.city}, {answers.state} {answers.zip_code}", *map(shown, access)]


def typo_notice(answers: Answers) -> str | None:
    """Ask about an e-mail domain that was probably mistyped."""
    typed = answers.email or ""
    meant = likely_domain(typed)
    if not meant:
        return None
    return gettext(
        "Your email ends in %(typed)s. Did you mean %(meant)s? Change it below if so.",
        typed=typed.rpartition("@")[2],
        meant=meant,
    )


def posted_submission(posted: Posted) -> uuid.UUID | None:
    """Return the posted submission key, or None when it is no key."""
    try:
        return uuid.UUID(posted["submission_id"] or "")
    except ValueError:
        return None
