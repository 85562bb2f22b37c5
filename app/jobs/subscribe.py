"""News by e-mail: the tick of a booking puts its address on the list, and nothing else ever does.

The provider lifts an earlier unsubscribe when it is told to subscribe. The ledger is therefore asked in the transaction
that claims the job: only a tick of the last days that nobody took back counts.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.jobs.process import Process
from app.jobs.work import Abandoned, Declined, Desk, Handler, Job, Verdict
from app.models.queue_job import JobOutcome
from app.notifications import ledger
from app.notifications.recipients import email_hash
from app.providers.ports import EmailProfile

SOURCE = "A1 online booking"
READ = text(
    "SELECT id, customer_id, contact_email, contact_first_name, contact_last_name FROM bookings WHERE id = :id"
)


def prepare(session: Session, process: Process, job: Job) -> EmailProfile | Declined:
    """Read who ticked the box, and whether that still stands."""
    row = session.execute(READ, {"id": job.booking_id}).one()
    hashed = email_hash(row.contact_email, process.settings.privacy_hash_key)
    if not process.settings.klaviyo_list_id:
        return Declined(Verdict.CANCELLED, "there is no list")
    if not ledger.has_fresh_email_opt_in(session, row.id, hashed):
        return Declined(Verdict.CANCELLED, "no fresh opt-in")
    return EmailProfile(
        email=row.contact_email,
        external_id=str(row.customer_id),
        first_name=row.contact_first_name,
        last_name=row.contact_last_name,
    )


def call(desk: Desk, profile: EmailProfile) -> None:
    """Put the person on the list; doing so twice is doing it once."""
    desk.process.adapters.email.subscribe(profile, SOURCE)


def settle(_session: Session, _job: Job, _profile: EmailProfile, _result: None) -> JobOutcome:
    """Leave everything as it is: the ledger holds the consent already."""
    return JobOutcome.OK


def abandon(_session: Session, _process: Process, _job: Job, _abandoned: Abandoned) -> None:
    """Leave everything as it is: no visit depends on it."""


HANDLER = Handler(prepare, call, settle, abandon)
