"""What e-mail and SMS share: reading a notification under the claim's locks, and what becomes of it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from app.booking import manage_links
from app.jobs.process import Process
from app.jobs.work import Abandoned, Declined, Job, Verdict
from app.models.booking import BookingStatus
from app.models.notification import NotificationStatus
from app.models.queue_job import JobOutcome
from app.notifications.messages import Facts, Wording
from app.notifications.queue import MessageKind
from app.providers.ports import Outcome, ProviderError

READ = text(
    "SELECT n.id, n.template, n.status AS state, n.recipient_hash, n.locale, b.id AS booking_id, b.status, b.version, b.reference,"
    " b.customer_id, b.preferred_time, b.window_end, b.contact_first_name, b.contact_last_name, b.contact_email, b.contact_phone,"
    " b.contact_sms_opt_in, b.issue_type, a.timezone"
    " FROM notifications n JOIN bookings b ON b.id = n.booking_id JOIN service_areas a ON a.id = b.service_area_id"
    " WHERE n.id = :id AND b.id = :booking_id"
)
SENT = text(
    "UPDATE notifications SET status = 'sent', external_id = :external_id, sent_at = clock_timestamp(), error_msg = NULL"
    " WHERE id = :id AND status <> 'sent'"
)
FAILED = text(
    "UPDATE notifications SET status = 'failed', error_msg = :reason WHERE id = :id AND status = 'pending'"
)


@dataclass(frozen=True)
class Envelope:
    """One message to one person, ready to be worded. `wording` is what is true now, or what an earlier try said."""

    notification_id: uuid.UUID
    booking_id: uuid.UUID
    kind: MessageKind
    version: int
    wording: Wording
    facts: Facts
    customer_id: uuid.UUID
    last_name: str
    email: str
    phone: str
    recipient_hash: bytes
    opted_in: bool
    status: BookingStatus
    issue_type: str


def read(session: Session, process: Process, job: Job) -> Envelope | Declined:
    """Read the message and its booking as they are now, or say why nothing has to be sent."""
    values = {"id": job.payload["notification_id"], "booking_id": job.booking_id}
    row = session.execute(READ, values).one()
    kind, version = MessageKind(row.template), int(job.payload["version"])
    if row.state == NotificationStatus.SENT:
        return Declined(Verdict.NOTHING_TO_DO, "sent already")
    reason = is_pointless(kind, BookingStatus(row.status), is_old=row.version > version)
    if reason:
        return decline(session, row.id, reason)
    return Envelope(
        notification_id=row.id,
        booking_id=row.booking_id,
        kind=kind,
        version=version,
        wording=choose_wording(kind, BookingStatus(row.status), job.ref),
        facts=Facts(
            company=process.settings.company_name,
            company_phone=process.settings.company_phone,
            first_name=row.contact_first_name,
            reference=row.reference,
            starts_at=row.preferred_time,
            ends_at=row.window_end,
            timezone=row.timezone,
            locale=row.locale,
            manage_url=manage_url(session, process, row.booking_id),
        ),
        customer_id=row.customer_id,
        last_name=row.contact_last_name,
        email=row.contact_email,
        phone=row.contact_phone,
        recipient_hash=row.recipient_hash,
        opted_in=row.contact_sms_opt_in,
        status=BookingStatus(row.status),
        issue_type=row.issue_type,
    )


def is_pointless(kind: MessageKind, status: BookingStatus, *, is_old: bool) -> str | None:
    """Say why a message is not true or not needed any more. Word of a cancel always goes out."""
    if kind is MessageKind.CANCELLED:
        return None
    if status is BookingStatus.CANCELLED:
        return "the booking is cancelled"
    if kind is MessageKind.MOVED and is_old:
        return "the booking was moved again"
    return None


def choose_wording(kind: MessageKind, status: BookingStatus, ref: Mapping[str, object]) -> Wording:
    """Word a confirmation by the booking's status; once it may have left, it keeps its words, or it would leave twice."""
    if ref.get("wording"):
        return Wording(str(ref["wording"]))
    if kind is MessageKind.CONFIRMATION:
        return Wording.RECEIVED if status is BookingStatus.PENDING else Wording.CONFIRMED
    return Wording(kind.value)


def manage_url(session: Session, process: Process, booking_id: uuid.UUID) -> str:
    """Return the booking's link, made now for a booking that never had one."""
    key, base = process.settings.privacy_hash_key, process.settings.public_base_url.rstrip("/")
    try:
        return manage_links.url_for_booking(session, booking_id, key=key, base_url=base)
    except NoResultFound:
        return f"{base}/manage/{manage_links.add(session, booking_id, key)}"


def decline(session: Session, notification_id: uuid.UUID, reason: str) -> Declined:
    """Close a message that will not be sent."""
    session.execute(FAILED, {"id": notification_id, "reason": reason})
    return Declined(Verdict.CANCELLED, reason)


def may_have_left(error: ProviderError) -> bool:
    """Say whether the provider may have acted in spite of the error."""
    if error.outcome is Outcome.TRANSIENT:
        return error.status is not None
    return error.outcome is Outcome.UNCERTAIN


def settle(session: Session, _job: Job, envelope: Envelope, external_id: str) -> JobOutcome:
    """Write down that the provider has it, and under which name."""
    session.execute(SENT, {"id": envelope.notification_id, "external_id": external_id})
    return JobOutcome.OK


def abandon(session: Session, _process: Process, job: Job, abandoned: Abandoned) -> None:
    """Close the message as failed."""
    reason = f"{abandoned.outcome}: {abandoned.reason}"[:300]
    session.execute(FAILED, {"id": job.payload.get("notification_id"), "reason": reason})
