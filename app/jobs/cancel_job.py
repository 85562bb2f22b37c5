"""Cancelling the visit in ServiceTitan: an empty promise of a truck is worse than no promise."""

import uuid
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.jobs.create_job import flag, look_twice
from app.jobs.process import Process
from app.jobs.work import Abandoned, Declined, Desk, Handler, Job, Verdict
from app.models.queue_job import JobOutcome
from app.outbox import JobType
from app.providers.ports import JobStatus

READ = text(
    "SELECT b.id, b.reference, b.servicetitan_job_id,"
    " EXISTS (SELECT 1 FROM queue_jobs q WHERE q.booking_id = b.id AND q.job_type = :create_job"
    " AND (q.attempts > 0 OR q.provider_ref <> '{}')) AS was_started,"
    " EXISTS (SELECT 1 FROM queue_jobs q WHERE q.booking_id = b.id AND q.job_type = :create_job"
    " AND q.provider_ref @> '{\"create_sent\": true}') AS may_be_coming"
    " FROM bookings b WHERE b.id = :id"
)
STORE = text(
    "UPDATE bookings SET servicetitan_job_id = coalesce(servicetitan_job_id, :job_id), upstream_slot_key = NULL,"
    " upstream_since = NULL, needs_attention = NULL, updated_at = now() WHERE id = :id"
)


@dataclass(frozen=True)
class Facts:
    """Which job to cancel. Without an id it is looked up; `may_be_coming` says that its create ended unclear."""

    booking_id: uuid.UUID
    reference: str
    job_id: str | None
    may_be_coming: bool


def prepare(session: Session, _process: Process, job: Job) -> Facts | Declined:
    """Read the booking. When no job was ever asked for there is none to cancel."""
    row = session.execute(READ, {"id": job.booking_id, "create_job": JobType.CREATE_JOB}).one()
    if row.servicetitan_job_id is None and not row.was_started:
        return Declined(Verdict.NOTHING_TO_DO, "no job was ever asked for")
    return Facts(row.id, row.reference, row.servicetitan_job_id, row.may_be_coming)


def call(desk: Desk, facts: Facts) -> str | None:
    """Cancel the job and return its id; None when there is none."""
    service = desk.process.adapters.field_service
    job_id = facts.job_id
    if job_id is None:
        found = service.find_job(facts.booking_id)
        if found is None:
            if facts.may_be_coming:
                look_twice(desk)
            return None
        job_id = found.job_id
        if found.status is JobStatus.CANCELLED:
            return job_id
    service.cancel_job(job_id, f"Cancelled by the customer, online booking {facts.reference}")
    return job_id


def settle(session: Session, _job: Job, facts: Facts, job_id: str | None) -> JobOutcome:
    """Clear the window upstream, so that the next figures of its crew are not counted twice."""
    session.execute(STORE, {"id": facts.booking_id, "job_id": job_id})
    return JobOutcome.OK


def abandon(session: Session, _process: Process, job: Job, abandoned: Abandoned) -> None:
    """Tell the office before the truck rolls."""
    reason = f"{abandoned.outcome}: {abandoned.reason}"
    flag(session, job.booking_id, f"ServiceTitan: the job is NOT cancelled there ({reason})"[:300])


HANDLER = Handler(prepare, call, settle, abandon)
