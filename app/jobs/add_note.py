"""Handing a homeowner's text on to the technician: a note on the job, read from our own row when it is sent and not before."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.jobs.create_job import flag
from app.jobs.process import Process
from app.jobs.wait_for_job import job_or_wait
from app.jobs.work import Abandoned, Declined, Deferred, Desk, Handler, Job, Verdict
from app.models.queue_job import JobOutcome

READ = text(
    "SELECT t.body, t.received_at, a.timezone FROM inbound_texts t, bookings b JOIN service_areas a ON a.id = b.service_area_id"
    " WHERE t.id = CAST(:text_id AS uuid) AND b.id = :booking_id"
)


@dataclass(frozen=True)
class Facts:
    """What to write on which job."""

    job_id: str
    words: str


def prepare(session: Session, _process: Process, job: Job) -> Facts | Declined | Deferred:
    """Read the text. Its time is part of the note, so that the same word on another day is another note."""
    values = {"text_id": job.payload.get("inbound_text_id"), "booking_id": job.booking_id}
    row = session.execute(READ, values).one_or_none()
    if row is None:
        return Declined(Verdict.NOTHING_TO_DO, "the text is not kept any more")
    job_id = job_or_wait(session, job)
    if not isinstance(job_id, str):
        return job_id
    at = row.received_at.astimezone(ZoneInfo(row.timezone))
    return Facts(job_id, f"Text from the customer, {at:%b} {at.day}, {at:%H:%M:%S}: {row.body}")


def call(desk: Desk, facts: Facts) -> None:
    """Write the note; one that is there already is not written again."""
    desk.process.adapters.field_service.add_note(facts.job_id, facts.words)


def settle(_session: Session, _job: Job, _facts: Facts, _nothing: None) -> JobOutcome:
    """Nothing follows from it."""
    return JobOutcome.OK


def abandon(session: Session, _process: Process, job: Job, abandoned: Abandoned) -> None:
    """Tell the office, which can read the text here."""
    reason = f"{abandoned.outcome}: {abandoned.reason}"
    flag(session, job.booking_id, f"ServiceTitan: the customer's text is not on the job ({reason})"[:300])


HANDLER = Handler(prepare, call, settle, abandon)
