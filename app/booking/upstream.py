"""What a change that the office made in ServiceTitan means for a booking here; our own changes coming back mean nothing."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from app import outbox
from app.analytics.events import EventType
from app.booking import changes, follow, slots, status
from app.booking.slots import Window
from app.models.booking import BookingStatus
from app.notifications import queue
from app.notifications.queue import MessageKind
from app.outbox import ORDERED, JobType, NewJob

ACTOR = "servicetitan"
CANCELLED, COMPLETED, REQUESTED = "cancelled", "completed", "requested"  # as upstream_status keeps them
REQUEST = "bk:"  # begins servicetitan_job_id while the office has been asked for a job and has not made it
OPEN = (BookingStatus.PENDING, BookingStatus.CONFIRMED)
OURS = (*ORDERED, JobType.CONFIRM_VISIT)  # what of ours changes a job there

TAKEN_BACK = "ServiceTitan: the office took the cancellation back, the booking stays cancelled here"
WAS_MADE = "ServiceTitan: the visit was made although the booking is cancelled here"
OTHER_VISIT = (
    "ServiceTitan: the job has another appointment than the one booked, ask which one the customer expects"
)
CONTESTED = (
    "ServiceTitan has another time than the booking, and our own move did not get through: ask the customer"
)

LOCK = text(
    "SELECT b.id, b.status, b.version, b.locale, b.contact_email, b.contact_phone, b.contact_sms_opt_in, b.attribution,"
    " b.session_id, b.service_area_id, a.timezone, b.preferred_time, b.window_end, b.servicetitan_job_id,"
    " b.servicetitan_appointment_id, b.upstream_status, b.visit_confirmed_at, b.window_end > clock_timestamp() AS is_ahead,"
    " false AS has_lost_window FROM bookings b JOIN service_areas a ON a.id = b.service_area_id"
    " WHERE b.id = :id FOR NO KEY UPDATE OF b"
)
BUSY = text(
    "SELECT EXISTS (SELECT 1 FROM queue_jobs WHERE booking_id = :id AND job_type = ANY(:types)"
    " AND (status IN ('pending', 'processing') OR completed_at >= :read_at))"
)
NEWEST = text(
    "SELECT id, status FROM queue_jobs WHERE booking_id = :id AND job_type = :type ORDER BY seq DESC LIMIT 1"
)
REMEMBER = text(
    "UPDATE bookings SET servicetitan_job_id = :job_id, upstream_status = :status, upstream_seen_at = clock_timestamp(),"
    " servicetitan_appointment_id = coalesce(servicetitan_appointment_id, CAST(:appointment AS text)),"
    " updated_at = now() WHERE id = :id"
)
TAKE_PLACE = text(
    "UPDATE bookings b SET upstream_slot_key = s.external_slot_id, upstream_since = clock_timestamp()"
    " FROM time_slots s WHERE b.id = :id AND s.booking_id = b.id"
)
LEAVE_PLACE = text(
    "UPDATE bookings SET upstream_slot_key = NULL, upstream_since = NULL, needs_attention = NULL WHERE id = :id"
)
FLAG = text(
    "UPDATE bookings SET needs_attention = :attention, updated_at = now()"
    " WHERE id = :id AND needs_attention IS DISTINCT FROM :attention"
)
AGREE = text(
    "UPDATE bookings SET servicetitan_appointment_id = :appointment, updated_at = now(),"
    " needs_attention = CASE WHEN needs_attention = ANY(:settled) THEN NULL ELSE needs_attention END"
    " WHERE id = :id AND (servicetitan_appointment_id IS DISTINCT FROM :appointment OR needs_attention = ANY(:settled))"
)
SET_CONFIRMED = text(
    "UPDATE bookings SET visit_confirmed_at = clock_timestamp(), updated_at = now() WHERE id = :id"
)
SOON = timedelta(seconds=2)
HURRY = text(
    "UPDATE queue_jobs SET scheduled_at = least(scheduled_at, CASE WHEN attempts = 0 AND defer_count = 0"
    " THEN now() + make_interval(secs => :soon) ELSE scheduled_at END) WHERE job_type = :type AND status = 'pending' RETURNING id"
)
TELL_NOW = text(
    "WITH message AS (UPDATE notifications SET due_at = now() WHERE booking_id = :id AND template = 'confirmation'"
    " AND status = 'pending' AND due_at > now() RETURNING id)"
    " UPDATE queue_jobs q SET scheduled_at = now(), deadline_at = greatest(q.deadline_at, now() + interval '4 hours') FROM message"
    " WHERE q.booking_id = :id AND q.status = 'pending' AND q.attempts = 0 AND q.payload ->> 'notification_id' = message.id::text"
)
IS_TOLD = text(
    "SELECT EXISTS (SELECT 1 FROM notifications WHERE booking_id = :id AND template = 'confirmation' AND status <> 'failed')"
)


class Change(StrEnum):
    """What became of something we were told."""

    NOTHING = "nothing"
    IGNORED = "ignored"
    UNSETTLED = "unsettled"
    CONFIRMED = "confirmed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    MOVED = "moved"
    ANSWERED = "answered"
    CANCEL_ASKED = "cancel_asked"
    FLAGGED = "flagged"


@dataclass(frozen=True)
class SeenVisit:
    """The appointment of a job as it stands there; `is_confirmed` by the customer."""

    appointment_id: str
    window: Window
    is_confirmed: bool


@dataclass(frozen=True)
class Seen:
    """A booking's job as it stands there; `read_at` is the database's time before we asked. No visit: none that counts."""

    booking_id: uuid.UUID
    job_id: str
    status: str
    visit: SeenVisit | None
    read_at: datetime


Known = Row[tuple[object, ...]]


def apply(session: Session, seen: Seen, privacy_key: str) -> Change:
    """Let a booking follow its job. The same news twice, or our own change coming back, changes nothing.

    UNSETTLED: a change of ours is on its way or came in between, look again later. Locks: booking, then slots, then counters.
    """
    row = session.execute(LOCK, {"id": seen.booking_id}).one_or_none()
    if row is None or not is_same_job(row.servicetitan_job_id, seen.job_id):
        return Change.IGNORED
    if is_busy(session, seen.booking_id, seen.read_at):
        return Change.UNSETTLED
    remember(session, row, seen)
    if row.status == BookingStatus.CANCELLED:
        return meet_cancelled(session, row, seen)
    if row.status == BookingStatus.COMPLETED:
        return Change.NOTHING
    if seen.status == CANCELLED:
        return cancel_here(session, row, privacy_key)
    change = Change.NOTHING
    if row.status == BookingStatus.PENDING:
        session.execute(TAKE_PLACE, {"id": row.id})
        session.execute(FLAG, {"id": row.id, "attention": None})
        change = Change.CONFIRMED
        confirm(session, row.id, privacy_key)
    if seen.status == COMPLETED:
        return Change.COMPLETED if status.complete(session, row.id, actor=ACTOR) else change
    followed = meet_visit(session, row, seen.visit, privacy_key) if seen.visit else Change.NOTHING
    return change if followed is Change.NOTHING else followed


def is_same_job(known: str | None, job_id: str) -> bool:
    """Say whether a job is the booking's own, or the first one we hear of."""
    return known is None or known == job_id or is_request(known)


def is_request(job_id: str | None) -> bool:
    """Say whether the office has been asked for a job that it has not made yet."""
    return job_id is not None and job_id.startswith(REQUEST)


def is_busy(session: Session, booking_id: uuid.UUID, since: datetime) -> bool:
    """Say whether a change of ours is on its way there, or ended since."""
    values = {"id": booking_id, "types": list(OURS), "read_at": since}
    return bool(session.execute(BUSY, values).scalar_one())


def remember(session: Session, row: Known, seen: Seen) -> None:
    """Store where the job stands, when that is news."""
    appointment = seen.visit.appointment_id if seen.visit else None
    has_new_visit = appointment is not None and row.servicetitan_appointment_id is None
    if has_new_visit or (row.servicetitan_job_id, row.upstream_status) != (seen.job_id, seen.status):
        values = {"id": row.id, "job_id": seen.job_id, "status": seen.status, "appointment": appointment}
        session.execute(REMEMBER, values)


def meet_cancelled(session: Session, row: Known, seen: Seen) -> Change:
    """Deal with a job whose booking is cancelled here: no truck may roll, unless the office itself sends it."""
    if seen.status == CANCELLED:
        return Change.NOTHING
    if seen.status == COMPLETED or row.upstream_status == CANCELLED:
        return flag(session, row.id, WAS_MADE if seen.status == COMPLETED else TAKEN_BACK)
    key = f"{outbox.dedupe_key(JobType.CANCEL_JOB, row.id, row.version)}:{seen.job_id}"
    ask_again(session, NewJob(JobType.CANCEL_JOB, row.id, key, {}))
    return Change.CANCEL_ASKED


def ask_again(session: Session, job: NewJob) -> None:
    """Take the booking's newest job of this type out of the dead letter box, or add one where none is in there."""
    newest = session.execute(NEWEST, {"id": job.booking_id, "type": job.job_type}).one_or_none()
    if newest is None or newest.status != "failed" or not outbox.retry(session, newest.id):
        outbox.add(session, job)


def cancel_here(session: Session, row: Known, privacy_key: str) -> Change:
    """Cancel because the office did: nobody has to be told there; a homeowner whose visit was still ahead is told."""
    if not status.cancel(session, row.id, actor=ACTOR, reason="Cancelled in ServiceTitan"):
        return Change.NOTHING
    slots.release(session, row.id)
    session.execute(LEAVE_PLACE, {"id": row.id})
    if row.is_ahead:
        tell(session, row, MessageKind.CANCELLED, privacy_key)
    changes.count(session, row, EventType.BOOKING_CANCELLED)
    return Change.CANCELLED


def meet_visit(session: Session, row: Known, visit: SeenVisit, privacy_key: str) -> Change:
    """Let the booking follow its appointment, when it is the one that was booked."""
    if visit.window == Window(row.preferred_time, row.window_end):
        settled = [OTHER_VISIT, CONTESTED]
        session.execute(AGREE, {"id": row.id, "appointment": visit.appointment_id, "settled": settled})
        if not visit.is_confirmed or row.visit_confirmed_at is not None:
            return Change.NOTHING
        session.execute(SET_CONFIRMED, {"id": row.id})
        return Change.ANSWERED
    if row.servicetitan_appointment_id not in {None, visit.appointment_id}:
        return flag(session, row.id, OTHER_VISIT) if row.is_ahead else Change.NOTHING
    newest = session.execute(NEWEST, {"id": row.id, "type": JobType.MOVE_JOB}).one_or_none()
    if newest is not None and newest.status == "failed":
        return flag(session, row.id, CONTESTED)
    return move_here(session, row, visit, privacy_key)


def move_here(session: Session, row: Known, visit: SeenVisit, privacy_key: str) -> Change:
    """Move because the office did: nobody has to be told there; a homeowner whose visit is still ahead is told."""
    follow.move(session, row, visit.window, ACTOR)
    if visit.is_confirmed:
        session.execute(SET_CONFIRMED, {"id": row.id})
    if follow.is_ahead(session, visit.window):
        tell(session, row, MessageKind.MOVED, privacy_key)
    changes.count(session, row, EventType.BOOKING_MOVED)
    return Change.MOVED


def tell(
    session: Session, row: Known, kind: MessageKind, privacy_key: str, *, version: int | None = None
) -> None:
    """Queue a message to the homeowner about the version that this change makes."""
    queue.add(
        session,
        booking_id=row.id,
        version=version or row.version + 1,
        locale=row.locale,
        kind=kind,
        sms=row.contact_sms_opt_in,
        phone=row.contact_phone,
        email=row.contact_email,
        privacy_key=privacy_key,
    )


def confirm(session: Session, booking_id: uuid.UUID, privacy_key: str) -> bool:
    """Turn a pending booking, which the caller has locked, into a confirmed one, and send its confirmation now."""
    row = session.execute(LOCK, {"id": booking_id}).one()
    done = status.confirm(session, booking_id, actor=ACTOR)
    if done:
        changes.count(session, row, EventType.BOOKING_CONFIRMED)
    if row.status in OPEN:
        if not session.execute(IS_TOLD, {"id": booking_id}).scalar_one():
            tell(session, row, MessageKind.CONFIRMATION, privacy_key, version=row.version)
        session.execute(TELL_NOW, {"id": booking_id})
    return done


def flag(session: Session, booking_id: uuid.UUID | None, attention: str | None) -> Change:
    """Put the booking before the office."""
    session.execute(FLAG, {"id": booking_id, "attention": attention})
    return Change.FLAGGED


def ask_for_changes(session: Session, event_id: str) -> None:
    """Let the feeds be read soon: by the round that waits, or by one of its own.

    Two seconds gather what comes together, such as the echo of our own jobs: a round for each would use up the calls that
    ServiceTitan allows. A round at work may have read past the change already. One that waits for the provider to recover keeps its pause.
    """
    if not session.execute(HURRY, {"type": JobType.POLL_FEEDS, "soon": SOON.total_seconds()}).all():
        key = f"{JobType.POLL_FEEDS}:event:{event_id}"
        outbox.add(session, NewJob(JobType.POLL_FEEDS, None, key, {}, due_in=SOON))
