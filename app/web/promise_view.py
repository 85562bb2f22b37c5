"""A booking as its homeowner sees it: the words of a page, and the calendar file."""

from typing import Any
from urllib.parse import urlsplit

from flask import Response

from app import clock
from app.booking.calendar_file import visit_ics
from app.booking.promise import Promise
from app.web import formats, settings
from app.web.words import gettext


def booking_context(promise: Promise) -> dict[str, Any]:
    """Return a booking as templates show it, in the zone of its area."""
    zone = promise.timezone
    return {
        "reference": promise.reference,
        "status": promise.shown_status,
        "window_day": formats.long_day(promise.starts_at, zone),
        "window_time": formats.window(promise.starts_at, promise.ends_at, zone),
        "zone_text": formats.zone_words(promise.starts_at, zone),
        "address_note": f"{promise.city}, {promise.state} {promise.zip_code}",
    }


def calendar_answer(promise: Promise) -> Response:
    """Answer with the visit as a file named by its reference."""
    own = settings()
    body = visit_ics(
        promise,
        title=gettext("%(company)s: garage door visit", company=own.company_name),
        company_phone=own.company_phone,
        host=urlsplit(own.public_base_url).hostname or "localhost",
        now=clock.now(),
    )
    response = Response(body, mimetype="text/calendar")
    response.headers["Content-Disposition"] = f'attachment; filename="visit-{promise.reference}.ics"'
    return response
