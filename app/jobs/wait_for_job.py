"""What is to be done on a job waits until there is one, and until what changes the job is through."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking.upstream import is_request
from app.jobs.work import Declined, Deferred, Job, Verdict
from app.outbox import ORDERED

READ = text(
    "SELECT servicetitan_job_id, clock_timestamp() + interval '1 minute' AS soon, EXISTS (SELECT 1 FROM queue_jobs q"
    " WHERE q.booking_id = b.id AND q.job_type = ANY(:ordered) AND q.status IN ('pending', 'processing')) AS is_changing"
    " FROM bookings b WHERE b.id = :id"
)


def job_or_wait(session: Session, job: Job) -> str | Declined | Deferred:
    """Return the booking's job there, or why it has to wait or is not needed."""
    row = session.execute(READ, {"id": job.booking_id, "ordered": list(ORDERED)}).one()
    if row.is_changing:
        soon: datetime = row.soon
        return Deferred(soon, "the job is being made or changed")
    if row.servicetitan_job_id is None or is_request(row.servicetitan_job_id):
        return Declined(Verdict.NOTHING_TO_DO, "there is no job there")
    return str(row.servicetitan_job_id)
