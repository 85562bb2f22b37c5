"""What e-mail and SMS share: reading a notification under the claim's locks, and what becomes of it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from app.booking import manage_links, slots
from app.booking.changes import WINDOW_LOST
from app.jobs.process import Process
from app.jobs.work import Abandoned, Declined, Deferred, Job, Verdict
from app.models.booking import BookingStatus
from app.models.notification import SKIPPED, NotificationStatus
from app.models.queue_job import JobOutcome
from app.notifications import timing
from app.notifications.messages import MOST_OFFERED, Facts, Wording
from app.notifications.queue import MessageKind

LATEST_ONLY = {MessageKind.MOVED, MessageKind.WINDOW_LOST, *timing.REMINDERS}

# The homeowner was told that this window cannot be kept. Once the job exists all the same, only the office's flag counts.
IS_LOST = (
    "(coalesce(starts_with(b.needs_attention, :lost), false) OR b.status = 'pending' AND EXISTS (SELECT 1 FROM notifications l"
    " WHERE l.dedupe_key = 'window_lost:email:' || b.id || ':' || b.version))"
)
READ = text(
    "SELECT n.id, n.template, n.status AS state, n.recipient_hash, n.locale, b.erased_at, b.id AS booking_id, b.status, b.version, b.reference,"  # noqa: S608 - our own condition
    " b.customer_id, b.preferred_time, b.window_end, b.contact_first_name, b.contact_last_name, b.contact_email, b.contact_phone,"
    " b.contact_sms_opt_in, b.issue_type, b.service_area_id, b.visit_confirmed_at, a.city, a.state AS region, a.zip_code, a.timezone,"
    f" {IS_LOST} AS is_lost,"
    " n.type = 'sms' AND NOT EXISTS (SELECT 1 FROM notifications s WHERE s.recipient_hash = n.recipient_hash AND s.type = 'sms'"
    " AND s.status = 'sent') AS is_first_text,"
    " EXISTS (SELECT 1 FROM notifications e WHERE e.booking_id = b.id AND e.type = 'email' AND e.status = 'sent') AS has_profile,"
    " clock_timestamp() AS now"
    " FROM notifications n JOIN bookings b ON b.id = n.booking_id JOIN service_areas a ON a.id = b.service_area_id"
    " WHERE n.id = :id AND b.id = :booking_id"
)
SENT = text(
    "UPDATE notifications SET status = 'sent', external_id = :external_id, sent_at = clock_timestamp(), error_msg = NULL"
    " WHERE id = :id AND status <> 'sent'"
)
PUT_OFF = text("UPDATE notifications SET due_at = :until WHERE id = :id")
FAILED = text(
    "UPDATE notifications SET status = 'failed', error_msg = :reason WHERE id = :id AND status = 'pending'"
)

# By name and not by the payload: that may be what the job was given up for.
GIVEN_UP = text(
    "UPDATE notifications n SET status = 'failed', error_msg = :reason FROM queue_jobs q WHERE q.id = :job_id"
    " AND n.booking_id = q.booking_id AND q.dedupe_key = q.job_type || ':' || n.dedupe_key AND n.status = 'pending'"
)


@dataclass(frozen=True)
class Envelope:
    """One message to one person, ready to be worded. `wording` is what is true now, or what an earlier try said.

    `has_profile` says that an earlier e-mail of this booking told the provider who the person is.
    """

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
    city: str
    region: str
    zip_code: str
    recipient_hash: bytes
    opted_in: bool
    has_profile: bool
    status: BookingStatus
    issue_type: str


def read(session: Session, process: Process, job: Job) -> Envelope | Declined | Deferred:
    """Read the message and its booking as they are now, or say why nothing has to be sent, or not yet."""
    values = {"id": job.payload["notification_id"], "booking_id": job.booking_id, "lost": WINDOW_LOST}
    row = session.execute(READ, values).one()
    kind, version = MessageKind(row.template), int(job.payload["version"])
    if row.state == NotificationStatus.SENT:
        return Declined(Verdict.NOTHING_TO_DO, "sent already")
    if row.erased_at is not None:
        return decline(session, row.id, "erased")
    reason = is_pointless(
        kind, BookingStatus(row.status), is_old=row.version > version, is_lost=row.is_lost
    ) or has_passed(kind, row)
    if reason:
        return decline(session, row.id, reason)
    until = timing.quiet_until(row.now, row.timezone)
    if kind in timing.REMINDERS and until > row.now:
        return put_off(session, row.id, until)
    return fill(session, process, job, row)


def fill(session: Session, process: Process, job: Job, row: Row[Any]) -> Envelope:
    """Put everything into the envelope that its words, its sender and the one who settles it need."""
    kind, status = MessageKind(row.template), BookingStatus(row.status)
    return Envelope(
        notification_id=row.id,
        booking_id=row.booking_id,
        kind=kind,
        version=int(job.payload["version"]),
        wording=choose_wording(kind, status, job.ref),
        facts=facts_of(session, process, kind, row),
        customer_id=row.customer_id,
        last_name=row.contact_last_name,
        email=row.contact_email,
        phone=row.contact_phone,
        city=row.city,
        region=row.region,
        zip_code=row.zip_code,
        recipient_hash=row.recipient_hash,
        opted_in=row.contact_sms_opt_in,
        has_profile=row.has_profile,
        status=status,
        issue_type=row.issue_type,
    )


def facts_of(session: Session, process: Process, kind: MessageKind, row: Row[Any]) -> Facts:
    """Collect what the message tells, as it is at this moment."""
    return Facts(
        company=process.settings.company_name,
        company_phone=process.settings.company_phone,
        first_name=row.contact_first_name,
        reference=row.reference,
        starts_at=row.preferred_time,
        ends_at=row.window_end,
        timezone=row.timezone,
        locale=row.locale,
        manage_url=manage_url(session, process, row.booking_id),
        alternatives=alternatives(session, process, row) if kind is MessageKind.WINDOW_LOST else (),
        is_first_text=row.is_first_text,
        may_confirm=row.visit_confirmed_at is None,
    )


def alternatives(session: Session, process: Process, row: Row[Any]) -> tuple[tuple[datetime, datetime], ...]:
    """Return the next open windows other than the one that was lost."""
    lead = timedelta(minutes=process.settings.booking_lead_minutes)
    found = slots.open_slots(session, row.service_area_id, None, lead, row.now)
    spans = [(slot.starts_at, slot.ends_at) for slot in found if slot.starts_at != row.preferred_time]
    return tuple(spans[:MOST_OFFERED])


def is_pointless(kind: MessageKind, status: BookingStatus, *, is_old: bool, is_lost: bool) -> str | None:
    """Say why a message is not true or not needed any more. Word of a cancel always goes out.

    `is_lost` says that the homeowner was told that this very window cannot be kept.
    """
    if kind is MessageKind.CANCELLED:
        return None
    if status is BookingStatus.CANCELLED:
        return "the booking is cancelled"
    if kind in LATEST_ONLY and is_old:
        return "the booking was moved"
    if is_lost and kind is MessageKind.CONFIRMATION and status is BookingStatus.PENDING:
        return "the window was lost"
    if is_lost and kind in {MessageKind.MOVED, *timing.REMINDERS}:
        return "the window was lost"
    return None


def has_passed(kind: MessageKind, row: Row[Any]) -> str | None:
    """Say why a message comes too late, at the moment it could leave."""
    if kind in timing.REMINDERS:
        leaves_at = timing.quiet_until(row.now, row.timezone)
        return timing.too_late(kind, leaves_at, row.preferred_time, row.timezone)
    if kind is not MessageKind.CANCELLED and row.now >= row.window_end:
        return "the window is over"
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
    """Close a message that need not be sent: nothing went wrong, and people can see that."""
    session.execute(FAILED, {"id": notification_id, "reason": f"{SKIPPED}{reason}"})
    return Declined(Verdict.CANCELLED, reason)


def put_off(session: Session, notification_id: uuid.UUID, until: datetime) -> Deferred:
    """Let a message wait for the end of the quiet hours."""
    session.execute(PUT_OFF, {"id": notification_id, "until": until})
    return Deferred(until, "quiet hours")


def settle(session: Session, _job: Job, envelope: Envelope, external_id: str) -> JobOutcome:
    """Write down that the provider has it, and under which name."""
    session.execute(SENT, {"id": envelope.notification_id, "external_id": external_id})
    return JobOutcome.OK


def abandon(session: Session, _process: Process, job: Job, abandoned: Abandoned) -> None:
    """Close the message as failed."""
    reason = f"{abandoned.outcome}: {abandoned.reason}"[:300]
    session.execute(GIVEN_UP, {"job_id": job.id, "reason": reason})
