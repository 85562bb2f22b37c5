"""What we promised, as every page and message shows it: reference, window, zone, status."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking.answers import Answers
from app.booking.submit import Booked
from app.outbox import JobType


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
    area_id: uuid.UUID
    slot_id: uuid.UUID | None
    is_moving: bool

    @property
    def is_open(self) -> bool:
        """Say whether the visit was neither cancelled nor done."""
        return self.status in {"pending", "confirmed"}

    @property
    def shown_status(self) -> str:
        """Return received, confirmed or cancelled."""
        return {"pending": "received", "cancelled": "cancelled"}.get(self.status, "confirmed")


def of_new(booked: Booked, answers: Answers, visit_id: uuid.UUID, locale: str) -> Promise:
    """Return the promise of a booking that was made this moment: all of it is known, nobody needs to ask for it."""
    return Promise(
        booking_id=booked.booking_id,
        reference=booked.reference,
        status="pending",
        issue_type=answers.issue_type or "",
        door_count=answers.door_count or 1,
        starts_at=booked.window.starts_at,
        ends_at=booked.window.ends_at,
        city=answers.city or "",
        state=answers.state or "",
        zip_code=answers.zip_code or "",
        timezone=answers.timezone or "",
        locale=locale,
        version=1,
        session_id=visit_id,
        area_id=uuid.UUID(answers.area_id),
        slot_id=uuid.UUID(answers.slot_id),
        is_moving=False,
    )


# A booking is moving until ServiceTitan knows the window of its present version.
FIND = text(
    "SELECT b.id AS booking_id, b.reference, b.status, b.issue_type, b.door_count, b.preferred_time AS starts_at,"
    " b.window_end AS ends_at, a.city, a.state, a.zip_code, a.timezone, b.locale, b.version, b.session_id,"
    " b.service_area_id AS area_id, b.time_slot_id AS slot_id,"
    " EXISTS (SELECT 1 FROM queue_jobs q WHERE q.dedupe_key = :move_job || ':' || b.id || ':' || b.version"
    " AND q.status <> 'completed') AS is_moving"
    " FROM bookings b JOIN service_areas a ON a.id = b.service_area_id WHERE b.id = :id"
)


def get(session: Session, booking_id: uuid.UUID) -> Promise:
    """Return a booking by id; the id names its month, so one partition is read."""
    return Promise(**session.execute(FIND, {"id": booking_id, "move_job": JobType.MOVE_JOB}).mappings().one())
