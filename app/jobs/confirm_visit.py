"""A homeowner who answers C has confirmed the visit: the office sees it on its own board."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.jobs.create_job import flag
from app.jobs.process import Process
from app.jobs.wait_for_job import job_or_wait
from app.jobs.work import Abandoned, Declined, Deferred, Desk, Handler, Job, Verdict
from app.models.booking import BookingStatus
from app.models.queue_job import JobOutcome
from app.providers.ports import Outcome, ProviderError

READ = text(
    "SELECT status, servicetitan_appointment_id, visit_confirmed_at, window_end < clock_timestamp() AS is_over"
    " FROM bookings WHERE id = :id"
)
STORE = text(
    "UPDATE bookings SET visit_confirmed_at = coalesce(visit_confirmed_at, clock_timestamp()), updated_at = now(),"
    " servicetitan_appointment_id = coalesce(servicetitan_appointment_id, CAST(:appointment AS text)) WHERE id = :id"
)


@dataclass(frozen=True)
class Facts:
    """Which visit of which job; without an appointment's id it is looked up."""

    job_id: str
    appointment_id: str | None


def prepare(session: Session, _process: Process, job: Job) -> Facts | Declined | Deferred:
    """Read the booking; a visit that is over, cancelled, or moved since they confirmed it needs no word of it."""
    row = session.execute(READ, {"id": job.booking_id}).one()
    if row.visit_confirmed_at is None:
        return Declined(Verdict.CANCELLED, "the visit was moved since")
    if row.status in {BookingStatus.CANCELLED, BookingStatus.COMPLETED} or row.is_over:
        return Declined(Verdict.CANCELLED, "the visit is not ahead any more")
    job_id = job_or_wait(session, job)
    return Facts(job_id, row.servicetitan_appointment_id) if isinstance(job_id, str) else job_id


def call(desk: Desk, facts: Facts) -> str:
    """Mark the appointment as confirmed and return its id."""
    service = desk.process.adapters.field_service
    appointment_id = facts.appointment_id
    if appointment_id is None:
        visit = service.get_visit(facts.job_id)
        if visit is None:
            raise ProviderError(Outcome.PERMANENT, "the job has no appointment any more")
        appointment_id = visit.appointment_id
    service.confirm_visit(appointment_id)
    return appointment_id


def settle(session: Session, job: Job, _facts: Facts, appointment_id: str) -> JobOutcome:
    """Keep when."""
    session.execute(STORE, {"id": job.booking_id, "appointment": appointment_id})
    return JobOutcome.OK


def abandon(session: Session, _process: Process, job: Job, abandoned: Abandoned) -> None:
    """Let the office mark it by hand."""
    reason = f"{abandoned.outcome}: {abandoned.reason}"
    flag(
        session,
        job.booking_id,
        f"ServiceTitan: the customer confirmed by text, not marked there ({reason})"[:300],
    )


HANDLER = Handler(prepare, call, settle, abandon)
