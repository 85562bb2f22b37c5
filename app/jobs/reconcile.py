"""Second looks, every hour: dead letters that may have had their effect after all, and messages that were left open.

Nothing is sent from here. A job or a message that is found at the provider settles its dead letter as if the call had
answered; what is not found stays with the people who look at dead letters.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from app.jobs import circuit, messages
from app.jobs import lease as leases
from app.jobs.circuit import Way
from app.jobs.handlers import HANDLERS
from app.jobs.process import Process
from app.jobs.send_sms import fingerprint
from app.jobs.work import Declined, Deferred, Job
from app.log import log
from app.models.queue_job import JobOutcome
from app.outbox import RULES, JobType
from app.providers.ports import JobRef, ProviderError

CLOCKS_DIFFER = timedelta(seconds=60)
AT_MOST = 100
COLUMNS = (
    "q.id, q.seq, q.job_type, q.booking_id, q.payload, q.provider_ref, q.attempts, q.max_attempts, q.defer_count,"
    " q.rescue_count, q.request_id"
)
# A create that was sent, or an SMS, and nobody knows what came of it. Klaviyo cannot be asked for an event.
UNCLEAR = text(
    f"SELECT {COLUMNS}, b.contact_phone FROM queue_jobs q JOIN bookings b ON b.id = q.booking_id"  # noqa: S608 - our own columns
    " WHERE q.status = 'failed' AND q.completed_at > now() - interval '3 days'"
    " AND (q.job_type = :create AND q.provider_ref @> '{\"create_sent\": true}' AND b.servicetitan_job_id IS NULL"
    " OR q.job_type = :sms AND q.provider_ref ->> 'sent_at' IS NOT NULL) ORDER BY q.seq LIMIT :size"
)
STILL_DEAD = text(f"SELECT {COLUMNS} FROM queue_jobs q WHERE q.id = :id AND q.status = 'failed' FOR UPDATE")  # noqa: S608
OVERDUE = text(
    "UPDATE notifications n SET status = 'failed', error_msg = 'deadline: nothing was going to send it any more'"
    " WHERE n.status = 'pending' AND n.due_at < now() - make_interval(secs => CASE n.type WHEN 'sms' THEN :sms ELSE :email END)"
    " AND NOT EXISTS (SELECT 1 FROM queue_jobs q WHERE q.booking_id = n.booking_id AND q.status IN ('pending', 'processing')"
    " AND q.payload ->> 'notification_id' = n.id::text) RETURNING n.id"
)


@dataclass(frozen=True)
class DeadLetter:
    """A job that was given up, with the number its SMS went to."""

    job: Job
    phone: str


def reconcile(process: Process) -> Mapping[str, object]:
    """Look dead letters up again and settle those that are found; a provider that does not answer has its turn later."""
    settled = 0
    for provider, letters in read_unclear(process).items():
        if process.transact(partial(circuit.way, provider=provider)) is not Way.FREE:
            continue
        try:
            settled += sum(look_up(process, letter) for letter in letters)
        except ProviderError as error:
            log.warning("reconcile_stopped", provider=provider, reason=str(error))
            process.transact(partial(circuit.note, provider=provider, error=error))
    return {"settled": settled}


def read_unclear(process: Process) -> Mapping[str, list[DeadLetter]]:
    """Return the dead letters worth a second look, by provider."""
    values = {"create": JobType.CREATE_JOB, "sms": JobType.SEND_SMS, "size": AT_MOST}
    rows = process.transact(lambda session: session.execute(UNCLEAR, values).all())
    letters: dict[str, list[DeadLetter]] = {}
    for row in rows:
        letter = DeadLetter(leases.job_of(row), row.contact_phone)
        letters.setdefault(RULES[letter.job.job_type].provider, []).append(letter)
    return letters


def look_up(process: Process, letter: DeadLetter) -> bool:
    """Look for what one dead letter may have left, and settle it. Raise ProviderError."""
    find = find_job if letter.job.job_type is JobType.CREATE_JOB else find_message
    settle = find(process, letter)
    if settle is None or not process.transact(partial(settle_dead, job_id=letter.job.id, settle=settle)):
        return False
    log.info("job_reconciled", queue_job_id=str(letter.job.id), job_type=letter.job.job_type.value)
    return True


Settle = Callable[[Session, Row[tuple[object, ...]]], bool]


def find_job(process: Process, letter: DeadLetter) -> Settle | None:
    """Find the visit that a create may have made."""
    if letter.job.booking_id is None:
        return None
    found = process.adapters.field_service.find_job(letter.job.booking_id)
    return None if found is None else partial(settle_create, process=process, found=found)


def settle_create(session: Session, row: Row[tuple[object, ...]], *, process: Process, found: JobRef) -> bool:
    """Store the visit as its create would have; with all that follows from a booking that changed meanwhile."""
    job, handler = leases.job_of(row), HANDLERS[JobType.CREATE_JOB]
    facts = handler.prepare(session, process, job)
    if isinstance(facts, Declined | Deferred):
        return False
    handler.settle(session, job, facts, found)
    return True


def find_message(process: Process, letter: DeadLetter) -> Settle | None:
    """Find the text message that may have left, by what is known of its words."""
    since = datetime.fromisoformat(str(letter.job.ref["sent_at"])) - CLOCKS_DIFFER
    for record in process.adapters.sms.list_messages(letter.phone, since):
        if fingerprint(record.body) == letter.job.ref.get("body"):
            return partial(settle_message, sid=record.sid)
    return None


def settle_message(session: Session, row: Row[tuple[object, ...]], *, sid: str) -> bool:
    """Write down that the provider had it all the time."""
    job = leases.job_of(row)
    session.execute(messages.SENT, {"id": job.payload["notification_id"], "external_id": sid})
    return True


def settle_dead(session: Session, job_id: uuid.UUID, settle: Settle) -> bool:
    """Settle a dead letter, unless somebody had it tried again meanwhile."""
    leases.lock_booking_of(session, job_id)
    row = session.execute(STILL_DEAD, {"id": job_id}).one_or_none()
    if row is None or not settle(session, row):
        return False
    leases.complete(session, leases.job_of(row), JobOutcome.OK, "found at the provider afterwards")
    return True


def close_overdue(process: Process) -> Mapping[str, object]:
    """Close messages past their deadline that no job will send: nothing may stay open for ever. There should be none."""
    values = {
        "sms": RULES[JobType.SEND_SMS].give_up_after.total_seconds(),
        "email": RULES[JobType.SEND_EMAIL].give_up_after.total_seconds(),
    }
    closed = len(process.transact(lambda session: session.execute(OVERDUE, values).all()))
    if closed:
        log.error("messages_overdue", count=closed)
    return {"closed": closed}
