"""Jobs whose worker died or froze, and jobs whose time ran out while nobody could be woken for them."""

import uuid
from functools import partial

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.jobs import lease, runner
from app.jobs.handlers import HANDLERS
from app.jobs.process import Process
from app.jobs.work import Abandoned
from app.log import log
from app.models.queue_job import JobOutcome

MAX_RESCUES = 3
KNOWN = list(HANDLERS)  # another version's jobs are another version's business

OVERDUE = text(
    "SELECT id FROM queue_jobs WHERE job_type = ANY(:types) AND status = 'processing' AND lease_until < clock_timestamp()"
    " UNION ALL (SELECT id FROM queue_jobs WHERE job_type = ANY(:types) AND status = 'pending' AND deadline_at < now() LIMIT 100)"
)
LOCK = text(
    "SELECT id, seq, job_type, booking_id, payload, provider_ref, attempts, max_attempts, defer_count, rescue_count, request_id,"
    " status, error_msg FROM queue_jobs WHERE id = :id AND ((status = 'processing' AND lease_until < clock_timestamp())"
    " OR (status = 'pending' AND deadline_at < now())) FOR UPDATE"
)
RESCUE = text(
    "UPDATE queue_jobs SET status = 'pending', lease_token = NULL, lease_until = NULL, dispatched_at = NULL,"
    " rescue_count = rescue_count + 1, error_msg = 'the worker did not report back' WHERE id = :id"
)


def sweep(process: Process) -> int:
    """Take leases that ran out and jobs past their deadline off whoever had them; answer how many."""
    overdue = process.transact(lambda session: session.execute(OVERDUE, {"types": KNOWN}).scalars().all())
    for job_id in overdue:
        process.transact(partial(take_back, process=process, job_id=job_id))
    return len(overdue)


def take_back(session: Session, process: Process, job_id: uuid.UUID) -> None:
    """Rescue one job, or bury it: a job that kills its worker three times would do so for ever."""
    lease.lock_booking_of(session, job_id)
    row = session.execute(LOCK, {"id": job_id}).one_or_none()
    if row is None:
        return
    job = lease.job_of(row)
    if row.status == "pending":
        runner.abandon(session, process, job, runner.too_late(row.error_msg))
    elif job.rescue_count + 1 >= MAX_RESCUES:
        runner.abandon(session, process, job, Abandoned(JobOutcome.POISON, "its worker died three times"))
    elif job.attempts >= job.max_attempts:
        runner.abandon(
            session, process, job, Abandoned(JobOutcome.POISON, "its worker died at the last attempt")
        )
    else:
        session.execute(RESCUE, {"id": job_id})
        log.warning("job_rescued", reason="lease", queue_job_id=str(job_id), rescue=job.rescue_count + 1)
