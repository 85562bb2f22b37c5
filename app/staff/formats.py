"""How moments, ages, phones and codes read on staff pages."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import chain, repeat
from zoneinfo import ZoneInfo

import phonenumbers
from flask import Flask
from markupsafe import Markup

from app import clock
from app.booking.issues import BY_CODE
from app.outbox import JobType
from app.web import settings
from app.web.formats import clock_time, window

UNITS = ((86400, "d"), (3600, "h"), (60, "min"))
WORDS: dict[str, str] = {
    "paid_search": "Paid search", "paid_social": "Paid social", "email": "E-mail", "sms": "SMS", "phone": "Phone",
    "organic": "Organic", "referral": "Referral", "direct": "Direct", "": "Unknown", "owner": "Owner", "renter": "Renter",
    "servicetitan": "ServiceTitan", "klaviyo": "Klaviyo", "twilio": "Twilio", "en": "English", "es": "Spanish", "zip": "ZIP code", "out_of_area": "Out of area",
    "reminder_day": "Reminder, day before", "reminder_soon": "Reminder, two hours before",
    "no_slot": "No open window", "callback": "Call back", "abandoned": "Abandoned", "earlier_slot": "Earlier window",
    JobType.CREATE_JOB: "ServiceTitan job", JobType.MOVE_JOB: "ServiceTitan move", JobType.CANCEL_JOB: "ServiceTitan cancellation", JobType.SEND_EMAIL: "E-mail",
    JobType.SEND_SMS: "SMS", JobType.SUBSCRIBE: "News by e-mail", JobType.SYNC_SLOTS: "Arrival windows from the provider",
    JobType.ATTRIBUTE_JOB: "ServiceTitan attribution", JobType.ADD_NOTE: "ServiceTitan note", JobType.CONFIRM_VISIT: "ServiceTitan confirmation of the visit",
    JobType.POLL_FEEDS: "Changes from ServiceTitan", JobType.COMPARE_JOBS: "Comparison with ServiceTitan", JobType.ERASE_PROFILE: "Deletion at Klaviyo",
    "backup": "Full backup", "restore_test": "Restore test",
    "feeds": "Changes from ServiceTitan", "comparison": "Comparison with ServiceTitan",
}  # fmt: skip


def init_app(app: Flask) -> None:
    """Let templates use these."""
    app.jinja_env.filters.update(
        ago=ago,
        age=age,
        moment=moment,
        local_day=local_day,
        in_words=in_words,
        phone_words=phone_words,
        issue_words=issue_words,
        window_words=window_words,
        clock_words=clock_time,
        wall_time=wall_time,
        with_headings=with_headings,
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
        return phonenumbers.format_number(
            phonenumbers.parse(number, "US"), phonenumbers.PhoneNumberFormat.NATIONAL
        )
    except phonenumbers.NumberParseException:
        return number


def issue_words(code: str) -> str:
    """Return the title of an issue."""
    return BY_CODE[code].title if code in BY_CODE else in_words(code)


def window_words(starts_at: datetime, ends_at: datetime, zone: str, *, day: bool = True) -> str:
    """Return «Tue, Nov 24, 8 AM – 10 AM» in the area's zone, or the times alone."""
    times = window(starts_at, ends_at, zone)
    return f"{local_day(starts_at.astimezone(ZoneInfo(zone)).date())}, {times}" if day else times


def wall_time(at: datetime, zone: str) -> str:
    """Return the wall time of a moment as forms take it: «08:00»."""
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M}"


def with_headings(cells: Markup, headings: Sequence[str]) -> Markup:
    """Tell each cell of a row the heading above it, for phones, where a row is a card and the heading stands beside."""
    before, *each = cells.split("<td")
    named, padded = Markup('<td role="cell" data-heading="{}"'), chain(headings, repeat(""))
    return before + Markup("").join(
        named.format(heading.removeprefix("#")) + cell for heading, cell in zip(padded, each, strict=False)
    )
