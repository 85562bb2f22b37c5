"""What we promised, as every page and message shows it: reference, window, zone, status."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Promise:
    """One booking as its homeowner sees it; contact data is not part of it."""

    booking_id: uuid.UUID
    reference: str
    status: str
    issue_type: str
    door_count: int
    starts_at: datetime
    ends_at: datetime
    city: str
    state: str
    zip_code: str
    timezone: str
    locale: str
    version: int
    session_id: uuid.UUID | None

    @property
    def shown_status(self) -> str:
        """Return received, confirmed or cancelled."""
        return {"pending": "received", "cancelled": "cancelled"}.get(self.status, "confirmed")


FIND = text(
    "SELECT b.id AS booking_id, b.reference, b.status, b.issue_type, b.door_count, b.preferred_time AS starts_at,"
    " b.window_end AS ends_at, a.city, a.state, a.zip_code, a.timezone, b.locale, b.version, b.session_id"
    " FROM bookings b JOIN service_areas a ON a.id = b.service_area_id WHERE b.id = :id"
)


def get(session: Session, booking_id: uuid.UUID) -> Promise:
    """Return a booking by id; the id names its month, so one partition is read."""
    return Promise(**session.execute(FIND, {"id": booking_id}).mappings().one())
