"""Bookings that something put before the office, until somebody says that it has been seen to."""

from typing import Any

from flask import request, url_for
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app.models.staff import Role
from app.staff import audit_trail
from app.staff.jobs import safe_return
from app.staff.pages import back_to, doer, needs, staff
from app.web import transaction

# What ServiceTitan does not know yet has a list of its own, so it is left out here.
QUERY = text(
    "SELECT b.reference, b.status, b.needs_attention, b.preferred_time, b.window_end, a.timezone,"
    " b.contact_first_name, b.contact_last_name, b.contact_phone"
    " FROM bookings b JOIN service_areas a ON a.id = b.service_area_id WHERE b.needs_attention IS NOT NULL"
    " AND NOT (b.status = 'pending' AND (b.servicetitan_job_id IS NULL OR starts_with(b.servicetitan_job_id, 'bk:')))"
    " ORDER BY b.preferred_time LIMIT 100"
)
SEE_TO = text(
    "UPDATE bookings SET needs_attention = NULL, updated_at = now()"
    " WHERE reference = :reference AND needs_attention IS NOT NULL RETURNING id"
)


def find_flagged(session: Session) -> list[Any]:  # Any: rows of the statement, for the template alone
    """Return the bookings a person has to look at, the next visit first."""
    return list(session.execute(QUERY))


@staff.post("/bookings/<reference>/seen-to")
@needs(Role.DISPATCHER)
def see_to_booking(reference: str) -> AnyResponse:
    """Take a booking off the list, and write down who did."""

    def work(session: Session) -> bool:
        done = session.execute(SEE_TO, {"reference": reference.upper()}).one_or_none() is not None
        if done:
            audit_trail.record(session, doer(), "booking_seen_to", f"booking:{reference}")
        return done

    here = safe_return(request.form.get("back", "")) or url_for("staff.show_booking", reference=reference)
    if not transaction.run(work):
        return back_to(here, "Nothing was changed: nothing was waiting here.", "bad")
    return back_to(here, "Done, the booking is off the list.")
