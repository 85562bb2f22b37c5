"""The calendar file as an answer."""

from urllib.parse import urlsplit

from flask import Response
from flask_babel import gettext

from app import clock
from app.booking.calendar_file import visit_ics
from app.booking.promise import Promise
from app.web import settings


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
