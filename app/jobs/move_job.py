"""Moving the visit in ServiceTitan to where its booking stands by now, however often it was moved since this was asked for.

A move names the window it wants, so that repeating it is harmless; only an older one that arrives late could undo a newer.
Therefore `sent` is stored before each request, and whoever finds another window in there looks once more afterwards.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking import lost_window, upstream
from app.booking.changes import WINDOW_LOST as WINDOW_LOST_WORDS
from app.jobs.create_job import WINDOW_LOST, flag, look_twice
from app.jobs.process import Process
from app.jobs.work import Abandoned, Declined, Desk, Handler, Job, LookAgainError, Verdict
from app.models.booking import BookingStatus
from app.models.queue_job import JobOutcome
from app.outbox import JobType
from app.providers.ports import CONFLICT, Outcome, ProviderError, Visit, VisitStatus

UNDER_WAY = {VisitStatus.WORKING, VisitStatus.DONE}
SETTLED = f"^(ServiceTitan|{WINDOW_LOST_WORDS})"  # what the office was told of the visit's place before
NOTHING_THERE = "ServiceTitan: there is no job to move, the new window must be entered by hand"

READ = text(
    "SELECT b.id, b.status, b.preferred_time, b.window_end, b.servicetitan_job_id, s.external_slot_id,"
    " EXISTS (SELECT 1 FROM queue_jobs q WHERE q.booking_id = b.id AND q.job_type = :create_job"
    " AND (q.attempts > 0 OR q.provider_ref <> '{}')) AS was_started,"
    " EXISTS (SELECT 1 FROM queue_jobs q WHERE q.booking_id = b.id AND q.job_type = :create_job"
    " AND q.provider_ref @> '{\"create_sent\": true}') AS may_be_coming"
    " FROM bookings b LEFT JOIN time_slots s ON s.booking_id = b.id WHERE b.id = :id"
)
STORE = text(
    "UPDATE bookings SET servicetitan_job_id = :job_id, servicetitan_appointment_id = :appointment_id,"
    " upstream_slot_key = CAST(:slot_key AS text), upstream_since = CASE WHEN upstream_slot_key IS NOT DISTINCT FROM CAST(:slot_key AS text)"
    " THEN upstream_since WHEN CAST(:slot_key AS text) IS NOT NULL THEN clock_timestamp() END,"
    " needs_attention = CASE WHEN preferred_time = :starts_at AND needs_attention ~ :settled THEN NULL ELSE needs_attention END,"
    " updated_at = now()"
    " WHERE id = :id"
)


@dataclass(frozen=True)
class Facts:
    """Where the booking stands now. Without a job's id it is looked up; `may_be_coming` says that its create ended unclear."""

    booking_id: uuid.UUID
    starts_at: datetime
    ends_at: datetime
    slot_key: str | None
    job_id: str | None
    may_be_coming: bool


def prepare(session: Session, _process: Process, job: Job) -> Facts | Declined:
    """Read where the booking stands by now."""
    row = session.execute(READ, {"id": job.booking_id, "create_job": JobType.CREATE_JOB}).one()
    if row.status not in {BookingStatus.PENDING, BookingStatus.CONFIRMED}:
        return Declined(Verdict.CANCELLED, f"the booking is {row.status}")
    if row.servicetitan_job_id is None and not row.was_started:
        flag(session, row.id, NOTHING_THERE)
        return Declined(Verdict.NOTHING_TO_DO, "no job was ever asked for")
    return Facts(
        row.id,
        row.preferred_time,
        row.window_end,
        row.external_slot_id,
        row.servicetitan_job_id,
        row.may_be_coming,
    )


def call(desk: Desk, facts: Facts) -> Visit | None:
    """Put the visit where the booking stands; None when there is no job. One that is there already counts as done."""
    service = desk.process.adapters.field_service
    is_known = facts.job_id is not None and not upstream.is_request(facts.job_id)
    job_id = facts.job_id if is_known else find_job_id(desk, facts)
    if job_id is None:
        return None
    visit = service.get_visit(job_id)
    if visit is None:
        raise ProviderError(Outcome.PERMANENT, "the job is cancelled there or has no appointment")
    if (visit.starts_at, visit.ends_at) == (facts.starts_at, facts.ends_at):
        return visit
    if visit.status in UNDER_WAY:
        raise ProviderError(Outcome.PERMANENT, f"the visit is {visit.status} there")
    check_window(desk, facts, visit)
    sent, wanted = desk.job.ref.get("sent"), facts.starts_at.isoformat()
    desk.progress(sent=wanted)
    moved = move_visit(desk, visit, facts)
    if sent not in {None, wanted}:
        raise LookAgainError("an older move may still arrive")
    return moved


def find_job_id(desk: Desk, facts: Facts) -> str | None:
    """Look the job up: of a request by what the office made of it, else by our own id."""
    service = desk.process.adapters.field_service
    if facts.job_id is not None:
        found = service.find_request_job(facts.job_id.removeprefix(upstream.REQUEST))
    else:
        found = service.find_job(facts.booking_id)
        if found is None and facts.may_be_coming:
            look_twice(desk)
    return found.job_id if found else None


def check_window(desk: Desk, facts: Facts, visit: Visit) -> None:
    """Ask once more whether the window is open there, but for the visit itself. Raise ProviderError when it is not.

    A window that the office opened by hand is unknown there.
    """
    if facts.slot_key is None:
        return
    source = desk.process.adapters.slot_source
    try:
        window = source.find_window(facts.slot_key, appointment_id=visit.appointment_id)
    except ProviderError as error:
        if error.outcome is Outcome.PERMANENT and error.status is None:
            return
        raise
    if window is None or window.open <= 0:
        raise ProviderError(Outcome.PERMANENT, "the window is not open there any more", code=WINDOW_LOST)


def move_visit(desk: Desk, visit: Visit, facts: Facts) -> Visit:
    """Ask for the move; a conflict is not our own echo, because a visit that is there already is never asked to move."""
    try:
        return desk.process.adapters.field_service.move_visit(visit, facts.starts_at, facts.ends_at)
    except ProviderError as error:
        if error.status != CONFLICT:
            raise
        raise ProviderError(Outcome.PERMANENT, "the visit is over or under way there") from error


def settle(session: Session, _job: Job, facts: Facts, visit: Visit | None) -> JobOutcome:
    """Write down where the visit is there; a booking that was moved again has a newer job to follow it."""
    if visit is None:
        flag(session, facts.booking_id, NOTHING_THERE)
        return JobOutcome.CANCELLED
    values = {
        "id": facts.booking_id,
        "job_id": visit.job_id,
        "appointment_id": visit.appointment_id,
        "slot_key": facts.slot_key,
        "starts_at": visit.starts_at,
        "settled": SETTLED,
    }
    session.execute(STORE, values)
    return JobOutcome.OK


def abandon(session: Session, process: Process, job: Job, abandoned: Abandoned) -> None:
    """Tell the office before the technician drives at the old time; a lost window is for the homeowner to replace."""
    if abandoned.code == WINDOW_LOST and job.booking_id is not None:
        lost_window.tell(session, job.booking_id, process.settings.privacy_hash_key)
        return
    reason = f"{abandoned.outcome}: {abandoned.reason}"
    flag(session, job.booking_id, f"ServiceTitan: the visit is NOT moved there ({reason})"[:300])


HANDLER = Handler(prepare, call, settle, abandon)
