"""Who should we ask for? What was given before is never filled back in: blank keeps it, masked words tell what it is."""

import re
from dataclasses import replace
from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask_babel import lazy_gettext
from wtforms import Form, StringField, TextAreaField
from wtforms.validators import StopValidation, ValidationError

from app.booking.answers import CONTACT_FIELDS, OPTIONAL_TEXT, Answers, is_po_box
from app.booking.consent import news_text, sms_text
from app.notifications.recipients import home_number
from app.web.locale import current
from app.web.words import gettext
from app.wizard.steps.base import Desk, Posted, Saved, Step, at_most, one_line, text_only, trimmed

NEEDED = {
    "first_name": lazy_gettext("Enter a first name."),
    "last_name": lazy_gettext("Enter a last name."),
    "email": lazy_gettext("Enter an email address, like name@example.com."),
    "phone": lazy_gettext("Enter a 10-digit US phone number."),
    "address_line1": lazy_gettext("Enter the street address of the garage."),
}
MISTYPED = {
    "gmial.com": "gmail.com", "gmai.com": "gmail.com", "gmal.com": "gmail.com", "gnail.com": "gmail.com",
    "gmail.con": "gmail.com", "gmail.co": "gmail.com", "hotmial.com": "hotmail.com", "hotmail.con": "hotmail.com",
    "yaho.com": "yahoo.com", "yahooo.com": "yahoo.com", "yahoo.con": "yahoo.com", "outlok.com": "outlook.com",
    "outlook.con": "outlook.com", "iclod.com": "icloud.com", "icloud.con": "icloud.com", "comcast.ney": "comcast.net",
}  # fmt: skip


def email_address(form: Form, entry: Any) -> None:  # noqa: ARG001 - WTForms' signature
    """Normalise an e-mail address to lower case; refuse what cannot be one."""
    if not entry.data:
        return
    try:
        checked = validate_email(entry.data, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        raise StopValidation(NEEDED["email"]) from None
    if "." not in checked.ascii_domain or not checked.normalized.isascii() or len(checked.normalized) > 254:
        raise StopValidation(NEEDED["email"])
    entry.data = checked.normalized.lower()


def phone_number(form: Form, entry: Any) -> None:  # noqa: ARG001 - WTForms' signature
    """Normalise a US number in any punctuation to E.164."""
    if not entry.data:
        return
    number = home_number(entry.data)
    if number is None:
        raise StopValidation(NEEDED["phone"])
    entry.data = number


def street(form: Form, entry: Any) -> None:  # noqa: ARG001 - WTForms' signature
    """Refuse a PO box: nobody can repair a door there."""
    if entry.data and is_po_box(entry.data):
        raise ValidationError(gettext("We can't come to a PO box. Enter the street address of the garage."))


class ContactForm(Form):
    """Shape only; whether a blank keeps an earlier value is for the step to say."""

    first_name = StringField(filters=[one_line], validators=[text_only, at_most(100)])
    last_name = StringField(filters=[one_line], validators=[text_only, at_most(100)])
    phone = StringField(filters=[one_line], validators=[text_only, at_most(30), phone_number])
    email = StringField(filters=[trimmed], validators=[text_only, at_most(254), email_address])
    address_line1 = StringField(filters=[one_line], validators=[text_only, at_most(255), street])
    address_line2 = StringField(filters=[one_line], validators=[text_only, at_most(255)])
    access_notes = TextAreaField(filters=[one_line], validators=[text_only, at_most(300)])
    sms_opt_in = StringField()
    email_opt_in = StringField()


class ContactStep(Step):
    """The sixth question, asked last because it is personal."""

    name = "contact"
    form = ContactForm

    def is_answered(self, answers: Answers) -> bool:
        """Say whether all that is needed is there."""
        return all(getattr(answers, name) for name in NEEDED)

    def missing(self, answers: Answers, form: Form) -> dict[str, str]:
        """Name every field that is needed and still not there, all of them at once."""
        return {
            name: str(message)
            for name, message in NEEDED.items()
            if not form.data[name] and not getattr(answers, name)
        }

    def save(self, desk: Desk, posted: Posted) -> Saved:
        """Merge: a value replaces, a blank keeps, a ticked `clear` removes an optional text."""
        merged: dict[str, Any] = {}
        for name in CONTACT_FIELDS:
            is_cleared = name in posted.clear and name in OPTIONAL_TEXT
            merged[name] = posted[name] or (None if is_cleared else getattr(desk.visit.answers, name))
        ticked = {
            "sms_opt_in": posted["sms_opt_in"] == "1",
            "email_opt_in": has_news(desk) and posted["email_opt_in"] == "1",
        }
        return Saved(replace(desk.visit.answers, **merged, **ticked))

    def values(self, desk: Desk) -> dict[str, str]:
        """Show only the state of the boxes."""
        answers = desk.visit.answers
        return {
            "sms_opt_in": "1" if answers.sms_opt_in else "",
            "email_opt_in": "1" if answers.email_opt_in else "",
        }

    def context(self, desk: Desk, *, reveal: bool) -> dict[str, Any]:  # noqa: ARG002
        """Tell what we have, masked, and the words beside the boxes."""
        answers, company = desk.visit.answers, desk.settings.company_name
        return {
            "kept": {
                name: mask(name, getattr(answers, name)) for name in CONTACT_FIELDS if getattr(answers, name)
            },
            "city_state": f"{answers.city}, {answers.state} {answers.zip_code}",
            "consent_text": sms_text(company, current()),
            "news_text": news_text(company, current()) if has_news(desk) else None,
        }


def has_news(desk: Desk) -> bool:
    """Say whether there is a list for news; without one nobody is asked."""
    return bool(desk.settings.klaviyo_list_id)


def mask(name: str, value: str) -> str:
    """Return enough to recognise one's own, and nothing more."""
    if name == "email":
        local, _, domain = value.partition("@")
        return f"{local[:1]}•••@{domain}"
    if name == "phone":
        return f"•••-{value[-4:]}"
    return f"{value[:1]}•••"


def likely_domain(email: str) -> str | None:
    """Return the domain that was probably meant."""
    return MISTYPED.get(email.rpartition("@")[2])


def phone_words(number: str) -> str:
    """Return a stored number as people write it."""
    return re.sub(r"\+1(\d{3})(\d{3})(\d{4})", r"(\1) \2-\3", number)
