"""Changing a booking that stands: cancel it, or move it to another window of its area."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from app import outbox
from app.analytics.attribution import touch_from_json
from app.analytics.events import Event, EventType, record_beside
from app.booking import slots, status
from app.booking.errors import NotMovable, SlotElsewhere, SlotTaken
from app.booking.slots import Window
from app.notifications import queue
from app.notifications.queue import MessageKind
from app.outbox import JobType, NewJob

LOCK = text(
    "SELECT id, status, version, locale, contact_email, contact_phone, contact_sms_opt_in, attribution, session_id,"
    " service_area_id, time_slot_id, preferred_time, window_end, preferred_time <= clock_timestamp() AS has_started,"
    " coalesce(starts_with(needs_attention, :window_lost), false) AS has_lost_window"
    " FROM bookings WHERE id = :id FOR NO KEY UPDATE"
)
# The way a window reads in the history is the office's: English, in the zone of the area.
MOVE = text(
    "WITH changed AS (UPDATE bookings SET preferred_time = :starts_at, window_end = :ends_at, time_slot_id = :slot,"
    " version = version + 1, visit_confirmed_at = NULL, updated_at = now(),"
    " needs_attention = CASE WHEN starts_with(needs_attention, :window_lost) THEN NULL ELSE needs_attention END"
    " WHERE id = :id RETURNING id, status, service_area_id)"
    " INSERT INTO booking_status_history (booking_id, from_status, to_status, actor, reason)"
    " SELECT changed.id, status, status, :actor, 'from ' || to_char(CAST(:was AS timestamptz) AT TIME ZONE a.timezone, :words)"
    " || ' to ' || to_char(CAST(:starts_at AS timestamptz) AT TIME ZONE a.timezone, :words)"
    " FROM changed JOIN service_areas a ON a.id = changed.service_area_id"
)
HISTORY_WORDS = "Dy Mon FMDD, FMHH12:MI AM"
AREA_OF_SLOT = text("SELECT service_area_id FROM time_slots WHERE id = :id")
DEAD_CREATE = text(
    "SELECT id FROM queue_jobs WHERE booking_id = :id AND job_type = :type AND status = 'failed' ORDER BY seq DESC LIMIT 1"
)
WINDOW_LOST = "Window lost"  # what the office's flag begins with when ServiceTitan no longer has the window


@dataclass(frozen=True)
class Mover:
    """Who moves a booking, on what notice at the shortest, and the key that names recipients."""

    actor: str
    lead: timedelta
    privacy_key: str


@dataclass(frozen=True)
class Moved:
    """Where a booking stands after a move; `changed` is false when it stood there before."""

    window: Window
    version: int
    changed: bool


def cancel(
    session: Session, booking_id: uuid.UUID, *, actor: str, reason: str | None, privacy_key: str
) -> bool:
    """Cancel a booking, free its window, and ask ServiceTitan and the homeowner's messages to follow.

    Answer False when it was cancelled or completed already. Locks: booking, then slot, then capacity.
    """
    row = session.execute(LOCK, {"id": booking_id, "window_lost": WINDOW_LOST}).one_or_none()
    if row is None or not status.cancel(session, booking_id, actor=actor, reason=reason):
        return False
    slots.release(session, booking_id)
    follow_up(session, row, JobType.CANCEL_JOB, MessageKind.CANCELLED, privacy_key)
    count(session, row, EventType.BOOKING_CANCELLED)
    return True


def move(session: Session, booking_id: uuid.UUID, slot_id: uuid.UUID, mover: Mover) -> Moved:
    """Move a booking that is still ahead to another window of its own area; to its own window nothing happens.

    Raise SlotTaken, SlotElsewhere or NotMovable: the caller rolls back, and the booking keeps its window.
    Locks: booking, then both slots by id, then both counters by key.
    """
    row = session.execute(LOCK, {"id": booking_id, "window_lost": WINDOW_LOST}).one_or_none()
    if row is None or row.status not in {"pending", "confirmed"} or row.has_started:
        raise NotMovable
    if row.time_slot_id == slot_id:
        return Moved(Window(row.preferred_time, row.window_end), row.version, changed=False)
    window = claim_other(session, row, slot_id, mover.lead)
    write_move(session, row, slot_id, window, mover.actor)
    follow_up(session, row, JobType.MOVE_JOB, MessageKind.MOVED, mover.privacy_key)
    count(session, row, EventType.BOOKING_MOVED)
    return Moved(window, row.version + 1, changed=True)


def claim_other(
    session: Session, row: Row[tuple[object, ...]], slot_id: uuid.UUID, lead: timedelta
) -> Window:
    """Swap the windows. Raise SlotTaken, or SlotElsewhere when the new one belongs to another area."""
    try:
        return slots.move(session, row.id, slot_id, lead)
    except SlotTaken:
        area = session.execute(AREA_OF_SLOT, {"id": slot_id}).scalar_one_or_none()
        if area is not None and area != row.service_area_id:
            raise SlotElsewhere from None
        raise


def write_move(
    session: Session, row: Row[tuple[object, ...]], slot_id: uuid.UUID | None, window: Window, actor: str
) -> None:
    """Write the new window on the booking and into its history; a window that was lost is made good by this one."""
    values = {
        "id": row.id,
        "slot": slot_id,
        "starts_at": window.starts_at,
        "ends_at": window.ends_at,
        "was": row.preferred_time,
        "actor": actor,
        "words": HISTORY_WORDS,
        "window_lost": WINDOW_LOST,
    }
    session.execute(MOVE, values)
    if row.has_lost_window:
        create = session.execute(DEAD_CREATE, {"id": row.id, "type": JobType.CREATE_JOB}).scalar_one_or_none()
        if create is not None:
            outbox.retry(session, create)


def follow_up(
    session: Session, row: Row[tuple[object, ...]], job: JobType, message: MessageKind, privacy_key: str
) -> None:
    """Ask ServiceTitan and the homeowner's messages to follow the booking to its next version."""
    version = row.version + 1
    outbox.add(session, NewJob(job, row.id, outbox.dedupe_key(job, row.id, version), {}))
    queue.add(
        session,
        booking_id=row.id,
        version=version,
        locale=row.locale,
        kind=message,
        sms=row.contact_sms_opt_in,
        phone=row.contact_phone,
        email=row.contact_email,
        privacy_key=privacy_key,
    )


def count(session: Session, row: Row[tuple[object, ...]], event_type: EventType) -> None:
    """Write the event of a visit that is still known."""
    if row.session_id:
        touch = touch_from_json(row.attribution.get("last") or {})
        record_beside(session, Event(event_type, row.session_id, {}, touch, row.id))
