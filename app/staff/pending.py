"""What has not reached ServiceTitan yet, for how long, and why: the first thing the office wants to see."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.booking.changes import WINDOW_LOST
from app.booking.upstream import REQUEST
from app.extensions import db
from app.outbox import JobType
from app.staff.formats import ago
from app.staff.pages import staff

LATE_SECONDS = 600
PAUSED = "(h.state <> 'closed' OR h.next_probe_at > now())"  # the provider gets a rest
QUERY = text(
    "SELECT b.reference, b.status, b.preferred_time, b.window_end, b.issue_type, b.created_at, b.needs_attention,"  # noqa: S608 - our own words
    " b.servicetitan_job_id, b.contact_first_name, b.contact_last_name, b.contact_phone,"
    " a.timezone, extract(epoch FROM clock_timestamp() - b.created_at) AS age,"
    " j.id AS job_id, j.status AS job_status, j.outcome, j.attempts, j.max_attempts, j.error_msg, j.scheduled_at,"
    f" {PAUSED} AS is_paused, h.next_probe_at, h.last_reason"
    " FROM bookings b JOIN service_areas a ON a.id = b.service_area_id"
    " LEFT JOIN LATERAL (SELECT * FROM queue_jobs q WHERE q.booking_id = b.id AND q.job_type = :create"
    " ORDER BY q.seq DESC LIMIT 1) j ON true"
    " LEFT JOIN provider_health h ON h.provider = 'servicetitan'"
    " WHERE (b.servicetitan_job_id IS NULL OR starts_with(b.servicetitan_job_id, :request)) AND b.status = 'pending'"
    " AND b.id >= uuid_v7_floor(now() - interval '90 days')"
    " ORDER BY coalesce(starts_with(b.needs_attention, :lost), false) DESC, b.id LIMIT 100"
)

OLDEST = text(
    "SELECT count(*) AS jobs, coalesce(extract(epoch FROM clock_timestamp() - min(scheduled_at)), 0) AS seconds FROM queue_jobs"
    " WHERE status = 'pending' AND scheduled_at < now() - make_interval(secs => :late)"
)


@dataclass(frozen=True)
class Missing:
    """A booking that ServiceTitan does not know yet."""

    reference: str
    starts_at: datetime
    ends_at: datetime
    zone: str
    name: str
    phone: str
    issue_type: str
    age: float
    reason: str
    next_try: str
    job_id: uuid.UUID | None
    can_retry: bool

    @property
    def is_late(self) -> bool:
        """Say whether it waits longer than a healthy system lets it."""
        return self.can_retry or self.job_id is None or self.age > LATE_SECONDS


def find_missing(session: Session) -> list[Missing]:
    """Return open bookings without a ServiceTitan job: those that lost their window first, then the oldest."""
    values = {"create": JobType.CREATE_JOB, "request": REQUEST, "lost": WINDOW_LOST}
    return [
        Missing(
            row.reference, row.preferred_time, row.window_end, row.timezone,
            f"{row.contact_first_name} {row.contact_last_name}", row.contact_phone, row.issue_type, float(row.age),
            row.needs_attention or waiting(row) or why(row), next_try(row), row.job_id, row.job_status == "failed",
        )
        for row in session.execute(QUERY, values)
    ]  # fmt: skip


def waiting(row: Any) -> str | None:  # Any: a row of the query above
    """Say which request the office has not made a job of."""
    if row.servicetitan_job_id is None:
        return None
    return f"Waiting for the office to make a job of request {row.servicetitan_job_id.removeprefix(REQUEST)}"


def why(job: Any) -> str:  # Any: a row with the columns of a queue job
    """Say in one line why a delivery has not happened."""
    if job.job_status is None:
        return "No delivery was ever written for it"
    if job.job_status == "failed":
        return f"Given up after {tries(job)}: {job.error_msg or job.outcome or 'no reason kept'}"
    if job.job_status == "processing":
        return "Being sent now"
    if job.is_paused:
        because = f" ({job.last_reason})" if job.last_reason else ""
        return f"Waiting: the provider does not answer{because}, we try again by ourselves"
    if job.attempts:
        return (
            f"{tries(job).capitalize()} did not work, next one follows: {job.error_msg or 'no reason kept'}"
        )
    return "Waiting for its turn"


def next_try(job: Any) -> str:  # Any: as above
    """Say when a delivery is tried next: in its turn, and not before its provider's rest is over."""
    if job.job_status != "pending":
        return "–"
    at: datetime = job.scheduled_at
    if job.is_paused and job.next_probe_at:
        at = max(at, job.next_probe_at)
    return "now" if at <= clock.now() else ago(at)


@dataclass(frozen=True)
class Alarm:
    """Deliveries that should have gone out long ago."""

    seconds: float
    jobs: int


def read_alarm() -> Alarm | None:
    """Say whether the oldest due delivery waits longer than a healthy system lets it."""
    row = db.session.execute(OLDEST, {"late": LATE_SECONDS}).one()
    return Alarm(float(row.seconds), row.jobs) if row.jobs else None


@staff.context_processor
def offer_alarm() -> dict[str, object]:
    """Let every page of the office sound it."""
    return {"read_alarm": read_alarm}


def tries(job: Any) -> str:  # Any: as above
    """Return «1 try» or «3 tries»."""
    return "1 try" if job.attempts == 1 else f"{job.attempts} tries"
