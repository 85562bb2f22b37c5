"""How moments, ages, phones and codes read on staff pages."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import phonenumbers
from flask import Flask

from app import clock
from app.booking.issues import BY_CODE
from app.web import settings

UNITS = ((86400, "d"), (3600, "h"), (60, "min"))
WORDS = {
    "paid_search": "Paid search", "paid_social": "Paid social", "email": "E-mail", "sms": "SMS", "phone": "Phone",
    "organic": "Organic", "referral": "Referral", "direct": "Direct", "": "Unknown", "owner": "Owner", "renter": "Renter",
    "servicetitan": "ServiceTitan", "klaviyo": "Klaviyo", "twilio": "Twilio", "zip": "ZIP code", "out_of_area": "Out of area",
    "no_slot": "No open window", "callback": "Call back", "abandoned": "Abandoned", "earlier_slot": "Earlier window",
}  # fmt: skip


def init_app(app: Flask) -> None:
    """Let templates use these."""
    app.jinja_env.filters.update(
        ago=ago, age=age, moment=moment, local_day=local_day, in_words=in_words, phone_words=phone_words, issue_words=issue_words
    )


def age(seconds: float) -> str:
    """Return a length of time in its largest unit: «4 min», «2 h», «3 d»."""
    for size, unit in UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(int(seconds), 0)} s"


def ago(at: datetime | None) -> str:
    """Return how long ago, or in how long, something is."""
    if at is None:
        return "never"
    seconds = (clock.now() - at) / timedelta(seconds=1)
    return f"{age(seconds)} ago" if seconds >= 0 else f"in {age(-seconds)}"


def moment(at: datetime | None, zone: str | None = None) -> str:
    """Return «Nov 22, 4:05 PM» in a zone, by default the reports' one."""
    if at is None:
        return "–"
    local = at.astimezone(ZoneInfo(zone or settings().report_timezone))
    return f"{local:%b} {local.day}, {local.hour % 12 or 12}:{local:%M %p}"


def local_day(day: date) -> str:
    """Return «Sun, Nov 22»."""
    return f"{day:%a, %b} {day.day}"


def in_words(code: str | None) -> str:
    """Return a code of ours as people say it."""
    if code is None:
        return "–"
    if code.startswith("partner:"):
        return f"Partner {code.removeprefix('partner:')}"
    return WORDS.get(code) or code.replace("_", " ").replace("-", " ").capitalize()


def phone_words(number: str | None) -> str:
    """Return an E.164 number as people write it."""
    if not number:
        return "–"
    try:
        return phonenumbers.format_number(phonenumbers.parse(number, "US"), phonenumbers.PhoneNumberFormat.NATIONAL)
    except phonenumbers.NumberParseException:
        return number


def issue_words(code: str) -> str:
    """Return the title of an issue."""
    return BY_CODE[code].title if code in BY_CODE else in_words(code)
