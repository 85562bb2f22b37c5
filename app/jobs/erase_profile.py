"""Forgetting at Klaviyo: whoever was erased here is deleted there, found by our own id of the customer."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.jobs.process import Process
from app.jobs.work import Abandoned, Declined, Desk, Handler, Job, Verdict
from app.models.queue_job import JobOutcome

IS_ERASED = text("SELECT erased_at IS NOT NULL FROM customers WHERE id = CAST(:id AS uuid)")


def prepare(session: Session, _process: Process, job: Job) -> str | Declined:
    """Return the customer's id; nobody is deleted there who was not erased here."""
    customer_id = str(job.payload["customer_id"])
    if not session.execute(IS_ERASED, {"id": customer_id}).scalar_one_or_none():
        return Declined(Verdict.CANCELLED, "not erased here")
    return customer_id


def call(desk: Desk, customer_id: str) -> bool:
    """Ask for the deletion; asking twice is asking once."""
    return desk.process.adapters.email.delete_profile(customer_id)


def settle(_session: Session, _job: Job, _customer_id: str, _was_known: bool) -> JobOutcome:  # noqa: FBT001 - what `call` returned
    """Leave everything as it is: nothing here points at the profile any more."""
    return JobOutcome.OK


def abandon(_session: Session, _process: Process, _job: Job, _abandoned: Abandoned) -> None:
    """Leave it to the dead letter box, which the office sees and an alert watches."""


HANDLER = Handler(prepare, call, settle, abandon)
