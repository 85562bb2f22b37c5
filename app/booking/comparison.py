"""Bookings beside their jobs: what to compare, and what follows where the two do not agree. Only what is safe is repaired."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from app import outbox
from app.booking import upstream
from app.outbox import JobType, NewJob

SIZE = 50


class Finding(StrEnum):
    """How a booking and its job disagree."""

    MISSING = "missing_there"
    CANCELLED_THERE = "cancelled_there"
    TWO_JOBS = "two_jobs"
    OTHER_WINDOW = "other_window"


PREFIX = "Comparison: "
WORDS = {
    Finding.MISSING: "ServiceTitan has no job for this booking",
    Finding.CANCELLED_THERE: "the job is cancelled in ServiceTitan, the booking is not",
    Finding.TWO_JOBS: "ServiceTitan has two jobs for this booking, cancel one of them there",
    Finding.OTHER_WINDOW: "ServiceTitan has another time than the booking, ask which one the customer expects",
}

# A window lies at most weeks ahead of its booking, so that bookings older than this need not be looked through.
BATCH = text(
    "SELECT b.id, b.status, b.version, b.servicetitan_job_id, b.servicetitan_appointment_id, b.preferred_time, b.window_end,"
    " starts_with(b.needs_attention, :prefix) AS is_flagged, b.preferred_time > now() AS is_ahead,"
    " b.preferred_time < now() + interval '7 days' AS is_soon, c.status AS create_status, c.outcome AS create_outcome"
    " FROM bookings b LEFT JOIN LATERAL (SELECT status, outcome FROM queue_jobs WHERE booking_id = b.id"
    " AND job_type = :create ORDER BY seq DESC LIMIT 1) c ON true"
    " WHERE b.id > coalesce(CAST(:after AS uuid), uuid_v7_floor(now() - interval '150 days'))"
    " AND b.preferred_time BETWEEN now() - interval '35 days' AND now() + interval '30 days'"
    " AND (b.status IN ('pending', 'confirmed') OR b.status = 'cancelled' AND b.preferred_time > now() - interval '1 day')"
    " ORDER BY b.id LIMIT :size"
)
FORGET_JOB = text(
    "UPDATE bookings SET servicetitan_job_id = NULL, servicetitan_appointment_id = NULL, upstream_status = NULL,"
    " upstream_slot_key = NULL, upstream_since = NULL, updated_at = now() WHERE id = :id"
)
CLEAR = text(
    "UPDATE bookings SET needs_attention = NULL, updated_at = now() WHERE id = :id AND starts_with(needs_attention, :prefix)"
)


def batch(session: Session, after: uuid.UUID | None) -> list[Row[tuple[object, ...]]]:
    """Return the next bookings to compare, in the order of their ids."""
    values = {"after": after, "prefix": PREFIX, "create": JobType.CREATE_JOB, "size": SIZE}
    return list(session.execute(BATCH, values).all())


def write_down(session: Session, booking_id: uuid.UUID, finding: Finding, read_at: datetime) -> bool:
    """Put a disagreement before the office. Answer False when it is not one any more, or a change of ours is under way.

    A visit ahead without a job gets one: that is looked up under our own key before it is made, so it cannot be a second one.
    """
    row = session.execute(upstream.LOCK, {"id": booking_id}).one()
    if row.status not in upstream.OPEN or upstream.is_busy(session, booking_id, read_at):
        return False
    upstream.flag(session, booking_id, PREFIX + WORDS[finding])
    if finding is Finding.MISSING and row.is_ahead:
        session.execute(FORGET_JOB, {"id": booking_id})
        key = f"{outbox.dedupe_key(JobType.CREATE_JOB, booking_id, row.version)}:{read_at:%Y%m%d}"
        upstream.ask_again(session, NewJob(JobType.CREATE_JOB, booking_id, key, {}))
    return True


def clear(session: Session, booking_id: uuid.UUID) -> None:
    """Take back what an earlier comparison said."""
    session.execute(CLEAR, {"id": booking_id, "prefix": PREFIX})
