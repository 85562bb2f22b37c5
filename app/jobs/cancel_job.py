"""Cancelling the visit in ServiceTitan: an empty promise of a truck is worse than no promise.

A request that the office has made no job of cannot be cancelled from here: then a person has to dismiss it.
"""

import uuid
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking import upstream
from app.jobs.create_job import flag, look_twice
from app.jobs.process import Process
from app.jobs.work import Abandoned, Declined, Desk, Handler, Job, Verdict
from app.models.queue_job import JobOutcome
from app.outbox import JobType
from app.providers.ports import JobRef, JobStatus

READ = text(
    "SELECT b.id, b.reference, b.servicetitan_job_id,"
    " EXISTS (SELECT 1 FROM queue_jobs q WHERE q.booking_id = b.id AND q.job_type = :create_job"
    " AND (q.attempts > 0 OR q.provider_ref <> '{}')) AS was_started,"
    " EXISTS (SELECT 1 FROM queue_jobs q WHERE q.booking_id = b.id AND q.job_type = :create_job"
    " AND q.provider_ref @> '{\"create_sent\": true}') AS may_be_coming, h.actor, h.reason"
    " FROM bookings b LEFT JOIN LATERAL (SELECT actor, reason FROM booking_status_history WHERE booking_id = b.id"
    " AND to_status = 'cancelled' ORDER BY at DESC LIMIT 1) h ON true WHERE b.id = :id"
)
STORE = text(
    "UPDATE bookings SET servicetitan_job_id = coalesce(CAST(:job_id AS text), servicetitan_job_id), upstream_slot_key = NULL,"
    " upstream_since = NULL, upstream_status = CASE WHEN :was_cancelled THEN 'cancelled' ELSE upstream_status END,"
    " upstream_seen_at = clock_timestamp(), needs_attention = CAST(:attention AS text), updated_at = now() WHERE id = :id"
)
DISMISS = "ServiceTitan: cancelled here, dismiss booking request {} there"


@dataclass(frozen=True)
class Facts:
    """Which job to cancel. Without an id it is looked up; `may_be_coming` says that its create ended unclear."""

    booking_id: uuid.UUID
    memo: str
    job_id: str | None
    may_be_coming: bool
    by_request: bool


@dataclass(frozen=True)
class Ended:
    """What there was: the job, cancelled now, or the request of which the office has made no job."""

    job_id: str | None = None
    request_id: str | None = None


def prepare(session: Session, process: Process, job: Job) -> Facts | Declined:
    """Read the booking. When no job was ever asked for there is none to cancel."""
    row = session.execute(READ, {"id": job.booking_id, "create_job": JobType.CREATE_JOB}).one()
    if row.servicetitan_job_id is None and not row.was_started:
        return Declined(Verdict.NOTHING_TO_DO, "no job was ever asked for")
    who = "office" if (row.actor or "").startswith("staff:") else "customer"
    memo = f"Cancelled by the {who}{': ' + row.reason if row.reason else ''}, online booking {row.reference}"
    by_request = process.settings.st_booking_mode == "request"
    return Facts(row.id, memo, row.servicetitan_job_id, row.may_be_coming, by_request)


def call(desk: Desk, facts: Facts) -> Ended:
    """Cancel the job, or find that there is none."""
    service = desk.process.adapters.field_service
    if facts.job_id is not None and not upstream.is_request(facts.job_id):
        service.cancel_job(facts.job_id, facts.memo)
        return Ended(facts.job_id)
    found, request_id = find(desk, facts)
    if found is None:
        if facts.may_be_coming and request_id is None:
            look_twice(desk)
        return Ended(request_id=request_id)
    if found.status is not JobStatus.CANCELLED:
        service.cancel_job(found.job_id, facts.memo)
    return Ended(found.job_id)


def find(desk: Desk, facts: Facts) -> tuple[JobRef | None, str | None]:
    """Look for the job under our own id, and for the one made of our request; return that request too."""
    service = desk.process.adapters.field_service
    found, request_id = service.find_job(facts.booking_id), None
    if facts.job_id is not None:
        request_id = facts.job_id.removeprefix(upstream.REQUEST)
    elif facts.by_request:
        request_id = service.find_request(facts.booking_id)
    if found is None and request_id is not None:
        found = service.find_request_job(request_id)
    return found, request_id


def settle(session: Session, _job: Job, facts: Facts, ended: Ended) -> JobOutcome:
    """Clear the window upstream, so that the next figures of its crew are not counted twice."""
    values = {
        "id": facts.booking_id,
        "job_id": ended.job_id or (upstream.REQUEST + ended.request_id if ended.request_id else None),
        "was_cancelled": ended.job_id is not None,
        "attention": DISMISS.format(ended.request_id) if ended.request_id else None,
    }
    session.execute(STORE, values)
    return JobOutcome.OK


def abandon(session: Session, _process: Process, job: Job, abandoned: Abandoned) -> None:
    """Tell the office before the truck rolls."""
    reason = f"{abandoned.outcome}: {abandoned.reason}"
    flag(session, job.booking_id, f"ServiceTitan: the job is NOT cancelled there ({reason})"[:300])


HANDLER = Handler(prepare, call, settle, abandon)
