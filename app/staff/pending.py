"""What has not reached ServiceTitan yet, for how long, and why: the first thing the office wants to see."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.outbox import JobType

LATE_SECONDS = 600
QUERY = text(
    "SELECT b.reference, b.status, b.preferred_time, b.window_end, b.issue_type, b.created_at, b.needs_attention,"
    " a.timezone, a.zip_code, a.city, extract(epoch FROM clock_timestamp() - b.created_at) AS age,"
    " j.id AS job_id, j.status AS job_status, j.outcome, j.attempts, j.max_attempts, j.error_msg, j.scheduled_at,"
    " h.state = 'open' AS is_paused"
    " FROM bookings b JOIN service_areas a ON a.id = b.service_area_id"
    " LEFT JOIN LATERAL (SELECT * FROM queue_jobs q WHERE q.booking_id = b.id AND q.job_type = :create"
    " ORDER BY q.seq DESC LIMIT 1) j ON true"
    " LEFT JOIN provider_health h ON h.provider = 'servicetitan'"
    " WHERE b.servicetitan_job_id IS NULL AND b.status = 'pending'"
    " AND b.id >= uuid_v7_floor(now() - interval '90 days') ORDER BY b.id LIMIT 100"
)


@dataclass(frozen=True)
class Missing:
    """A booking that ServiceTitan does not know yet."""

    reference: str
    starts_at: datetime
    ends_at: datetime
    zone: str
    place: str
    issue_type: str
    age: float
    reason: str
    job_id: uuid.UUID | None
    can_retry: bool

    @property
    def is_late(self) -> bool:
        """Say whether it waits longer than a healthy system lets it."""
        return self.can_retry or self.job_id is None or self.age > LATE_SECONDS


def find_missing(session: Session) -> list[Missing]:
    """Return open bookings without a ServiceTitan job, oldest first."""
    return [
        Missing(
            row.reference, row.preferred_time, row.window_end, row.timezone, f"{row.city} {row.zip_code}", row.issue_type,
            float(row.age), row.needs_attention or why(row), row.job_id, row.job_status == "failed",
        )
        for row in session.execute(QUERY, {"create": JobType.CREATE_JOB})
    ]  # fmt: skip


def why(job: Any) -> str:  # Any: a row with the columns of a queue job
    """Say in one line why a delivery has not happened."""
    if job.job_status is None:
        return "No delivery was ever written for it"
    if job.job_status == "failed":
        return f"Given up after {tries(job)}: {job.error_msg or job.outcome or 'no reason kept'}"
    if job.job_status == "processing":
        return "Being sent now"
    if job.is_paused:
        return "Waiting: the provider does not answer, we try again by ourselves"
    if job.attempts:
        return (
            f"{tries(job).capitalize()} did not work, next one follows: {job.error_msg or 'no reason kept'}"
        )
    return "Waiting for its turn"


def tries(job: Any) -> str:  # Any: as above
    """Return «1 try» or «3 tries»."""
    return "1 try" if job.attempts == 1 else f"{job.attempts} tries"
