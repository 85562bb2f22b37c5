"""Every night all open bookings are held against ServiceTitan: whatever slipped through everything else is found here."""

import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from app.booking import comparison, upstream
from app.booking.comparison import Finding
from app.booking.slot_sync import database_time
from app.jobs.feed_tokens import Hint
from app.jobs.poll_feeds import look
from app.jobs.process import Process
from app.jobs.work import Abandoned, Desk, Handler, Job
from app.log import log
from app.maintenance import task_runs
from app.models.booking import BookingStatus
from app.models.queue_job import JobOutcome
from app.models.queue_job import JobStatus as Delivery
from app.providers.ports import JobRef, JobStatus, Outcome, ProviderError, VisitStatus

Booked = Row[tuple[object, ...]]
NOT_FOUND = 404


@dataclass(frozen=True)
class Round:
    """One comparison at work; `read_at` is the database's time before this batch was asked for."""

    desk: Desk
    privacy_key: str
    read_at: datetime
    tally: Counter[str]


def prepare(_session: Session, process: Process, _job: Job) -> str:
    """Return the key that names recipients."""
    return process.settings.privacy_hash_key


def call(desk: Desk, privacy_key: str) -> Counter[str]:
    """Compare batch by batch, going on where a worker that died had stopped; count what did not agree."""
    ref = desk.job.ref
    tally: Counter[str] = Counter(ref.get("tally") or {})
    after = uuid.UUID(ref["after"]) if ref.get("after") else None
    while rows := desk.process.transact(partial(comparison.batch, after=after)):
        read_at = desk.process.transact(database_time)
        found = desk.process.adapters.field_service.find_jobs([row.id for row in rows])
        for row in rows:
            try:
                compare(Round(desk, privacy_key, read_at, tally), row, found.get(row.id))
            except ProviderError as error:
                if error.outcome not in {Outcome.PERMANENT, Outcome.UNCERTAIN}:
                    raise
                log.warning("job_unclear", booking_id=str(row.id), reason=str(error))
                tally["unclear"] += 1
        tally["compared"] += len(rows)
        after = rows[-1].id
        desk.progress(after=str(after), tally=dict(tally))
    return tally


def compare(at_work: Round, row: Booked, job: JobRef | None) -> None:
    """Hold one booking against its job, and let follow what follows."""
    transact = at_work.desk.process.transact
    if job is not None and is_to_follow(row, job):
        at_work.desk.progress()
        seen = look(at_work.desk.process, Hint(row.id, job.job_id))
        change = transact(partial(upstream.apply, seen=seen, privacy_key=at_work.privacy_key))
        at_work.tally[change] += 1
        return
    finding = judge(at_work.desk, row, job)
    if finding is not None:
        work = partial(comparison.write_down, booking_id=row.id, finding=finding, read_at=at_work.read_at)
        if transact(work):
            at_work.tally[finding] += 1
    elif row.is_flagged:
        transact(partial(comparison.clear, booking_id=row.id))


def is_to_follow(row: Booked, job: JobRef) -> bool:
    """Say whether the booking may simply follow: a job it never heard of, one that is done, one of a cancelled booking."""
    if row.status == BookingStatus.CANCELLED:
        return job.status is not JobStatus.CANCELLED
    is_new = row.servicetitan_job_id is None or upstream.is_request(row.servicetitan_job_id)
    return is_new or (job.job_id == row.servicetitan_job_id and job.status is JobStatus.COMPLETED)


def judge(desk: Desk, row: Booked, job: JobRef | None) -> Finding | None:
    """Name the disagreement of an open booking, if there is one."""
    if row.status == BookingStatus.CANCELLED:
        return None
    if job is None:
        return Finding.MISSING if is_missing(desk, row) else None
    if job.job_id != row.servicetitan_job_id or job.twins:
        return Finding.TWO_JOBS
    if job.status is JobStatus.CANCELLED:
        return Finding.CANCELLED_THERE
    return Finding.OTHER_WINDOW if has_other_window(desk, row, job) else None


def is_missing(desk: Desk, row: Booked) -> bool:
    """Say whether there ought to be a job and is none: a refused create waits for a person, a request for the office."""
    if row.create_status in {Delivery.PENDING, Delivery.PROCESSING}:
        return False
    if row.servicetitan_job_id is None:
        return row.create_outcome not in {JobOutcome.PERMANENT, JobOutcome.POISON}
    if upstream.is_request(row.servicetitan_job_id):
        return False
    try:
        desk.process.adapters.field_service.get_job(row.servicetitan_job_id)
    except ProviderError as error:
        if error.status != NOT_FOUND:
            raise
        return True
    return False


def has_other_window(desk: Desk, row: Booked, job: JobRef) -> bool:
    """Say whether the visit is at another time there; far ahead only those are asked for that have changed before."""
    is_same_visit = job.appointment_id == row.servicetitan_appointment_id
    if not row.is_ahead or (not row.is_soon and row.version == 1 and is_same_visit):
        return False
    desk.progress()
    visit = desk.process.adapters.field_service.get_visit(job.job_id)
    if visit is None or visit.status is VisitStatus.DONE:
        return False
    return (visit.starts_at, visit.ends_at) != (row.preferred_time, row.window_end)


def settle(session: Session, job: Job, _key: str, tally: Mapping[str, int]) -> JobOutcome:
    """Write the figures down."""
    task_runs.end(session, job.payload.get("task_run_id"), ok=True, figures=dict(tally))
    return JobOutcome.OK


def abandon(session: Session, _process: Process, job: Job, abandoned: Abandoned) -> None:
    """Write down that this night was not compared."""
    task_runs.end(session, job.payload.get("task_run_id"), ok=False, figures={"error": abandoned.reason})


HANDLER = Handler(prepare, call, settle, abandon)
