"""Owning a job: claim it, keep what becomes known, finish it. Every write carries the lease's token, so that a worker
that was frozen, declared dead and replaced changes nothing when it wakes up. Time is the database's alone.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from app.jobs import killpoint
from app.jobs.backoff import Later
from app.jobs.killpoint import Point
from app.jobs.work import Abandoned, FencedError, Job
from app.models.queue_job import JobOutcome
from app.outbox import ORDERED, JobType

BOOKING_OF = text("SELECT booking_id FROM queue_jobs WHERE id = :id")
LOCK_BOOKING = text("SELECT 1 FROM bookings WHERE id = :id FOR NO KEY UPDATE")
LOCK_DUE = text(
    "SELECT id, seq, job_type, booking_id, payload, provider_ref, attempts, max_attempts, defer_count, rescue_count,"
    " request_id, error_msg, coalesce(deadline_at < now(), false) AS is_late"
    " FROM queue_jobs WHERE id = :id AND status = 'pending' AND scheduled_at <= now() FOR UPDATE"
)
EARLIER_IS_OPEN = text(
    "SELECT EXISTS (SELECT 1 FROM queue_jobs WHERE booking_id = :booking_id AND seq < :seq AND job_type = ANY(:ordered)"
    " AND status IN ('pending', 'processing'))"
)
TAKE = text(
    "UPDATE queue_jobs SET status = 'processing', attempts = attempts + 1, lease_token = gen_random_uuid(),"
    " lease_until = clock_timestamp() + make_interval(secs => :seconds), started_at = clock_timestamp()"
    " WHERE id = :id RETURNING lease_token, started_at"
)
WAIT = text(
    "UPDATE queue_jobs SET dispatched_at = NULL, defer_count = defer_count + 1, scheduled_at = :until, error_msg = :reason,"
    " deadline_at = deadline_at + greatest(:until - clock_timestamp(), interval '0') WHERE id = :id"
)
LEAVE = text("UPDATE queue_jobs SET dispatched_at = NULL, defer_count = defer_count + 1 WHERE id = :id")
# Only a step that was never reached before forgives earlier rescues: a job that kills its workers may get as far each time.
KEEP = text(
    "UPDATE queue_jobs SET provider_ref = provider_ref || CAST(:known AS jsonb),"
    " rescue_count = CASE WHEN provider_ref ?& ARRAY(SELECT jsonb_object_keys(CAST(:known AS jsonb)))"
    " THEN rescue_count ELSE 0 END,"
    " lease_until = clock_timestamp() + make_interval(secs => :seconds)"
    " WHERE id = :id AND lease_token = :token RETURNING id"
)
FENCE = text("SELECT id FROM queue_jobs WHERE id = :id AND lease_token = :token FOR UPDATE")
POSTPONE = text(
    "UPDATE queue_jobs SET status = 'pending', lease_token = NULL, lease_until = NULL, dispatched_at = NULL,"
    " scheduled_at = clock_timestamp() + make_interval(secs => :seconds), attempts = attempts - :given_back,"
    " defer_count = defer_count + :given_back, error_msg = :reason WHERE id = :id"
)
END = text(
    "UPDATE queue_jobs SET status = :status, outcome = :outcome, error_msg = :reason, completed_at = clock_timestamp(),"
    " lease_token = NULL, lease_until = NULL WHERE id = :id"
)


@dataclass(frozen=True)
class Lease:
    """A job that is ours until the lease runs out. `claimed_at` is the database's time."""

    job: Job
    token: uuid.UUID
    claimed_at: datetime
    seconds: int


def lock_booking_of(session: Session, job_id: uuid.UUID) -> bool:
    """Lock the booking of a job, before the job itself: that order is everyone's. Answer False when there is no such job."""
    row = session.execute(BOOKING_OF, {"id": job_id}).one_or_none()
    if row is not None and row.booking_id is not None:
        session.execute(LOCK_BOOKING, {"id": row.booking_id})
    return row is not None


def lock_due(session: Session, job_id: uuid.UUID) -> Row[tuple[object, ...]] | None:
    """Lock a job that may run now; None when another worker has it, it is finished, or its time has not come."""
    if not lock_booking_of(session, job_id):
        return None
    return session.execute(LOCK_DUE, {"id": job_id}).one_or_none()


def job_of(row: Row[tuple[object, ...]]) -> Job:
    """Return a locked row as plain data."""
    return Job(
        id=row.id,
        job_type=JobType(row.job_type),
        booking_id=row.booking_id,
        payload=row.payload or {},
        ref=row.provider_ref,
        attempts=row.attempts,
        max_attempts=row.max_attempts,
        defer_count=row.defer_count,
        rescue_count=row.rescue_count,
        request_id=row.request_id,
    )


def must_wait(session: Session, row: Row[tuple[object, ...]]) -> bool:
    """Say whether an earlier ServiceTitan job of the booking is still open: a cancel must not overtake its create."""
    if row.job_type not in ORDERED or row.booking_id is None:
        return False
    values = {"booking_id": row.booking_id, "seq": row.seq, "ordered": list(ORDERED)}
    return bool(session.execute(EARLIER_IS_OPEN, values).scalar_one())


def take(session: Session, job: Job, seconds: int) -> Lease:
    """Make a locked job ours for so many seconds; the attempt counts from now."""
    row = session.execute(TAKE, {"id": job.id, "seconds": seconds}).one()
    return Lease(job, row.lease_token, row.started_at, seconds)


def leave(session: Session, job: Job) -> None:
    """Put a locked job back for the dispatcher to ring again when its turn has come."""
    session.execute(LEAVE, {"id": job.id})


def wait(session: Session, job: Job, until: datetime, reason: str) -> None:
    """Put a locked job back until a moment of our choice; the deadline moves along."""
    session.execute(WAIT, {"id": job.id, "until": until, "reason": reason[:500]})


def keep(session: Session, lease: Lease, known: Mapping[str, object]) -> None:
    """Store what became known; the lease starts anew. Raise FencedError when it is no longer ours."""
    values = {
        "id": lease.job.id,
        "token": lease.token,
        "known": json.dumps(dict(known)),
        "seconds": lease.seconds,
    }
    if session.execute(KEEP, values).one_or_none() is None:
        raise FencedError
    killpoint.reach(Point.DURING_RENEWAL)


def fence(session: Session, lease: Lease) -> None:
    """Lock booking and job for the finish. Raise FencedError when the lease is no longer ours."""
    lock_booking_of(session, lease.job.id)
    if session.execute(FENCE, {"id": lease.job.id, "token": lease.token}).one_or_none() is None:
        raise FencedError


def postpone(session: Session, job: Job, later: Later) -> None:
    """Put a claimed job back for later; one whose try does not count gets its attempt back."""
    values = {
        "id": job.id,
        "seconds": later.seconds,
        "given_back": int(not later.uses_attempt),
        "reason": later.reason[:500],
    }
    session.execute(POSTPONE, values)


def complete(session: Session, job: Job, outcome: JobOutcome, reason: str | None = None) -> None:
    """End a locked job well."""
    session.execute(END, {"id": job.id, "status": "completed", "outcome": outcome, "reason": reason})


def fail(session: Session, job: Job, abandoned: Abandoned) -> None:
    """Put a locked job into the dead letter box."""
    values = {
        "id": job.id,
        "status": "failed",
        "outcome": abandoned.outcome,
        "reason": abandoned.reason[:500],
    }
    session.execute(END, values)
