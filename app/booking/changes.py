"""Changing a booking that stands: cancel it, or move it to another window of its area."""

import uuid
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import outbox
from app.analytics.attribution import touch_from_json
from app.analytics.events import Event, EventType, record
from app.booking import slots, status
from app.booking.errors import SlotTaken
from app.booking.slots import Window
from app.notifications import queue
from app.notifications.queue import MessageKind

LOCK = text(
    "SELECT id, status, version, locale, contact_email, contact_phone, contact_sms_opt_in, attribution, session_id"
    " FROM bookings WHERE id = :id FOR NO KEY UPDATE"
)
MOVE = text(
    "UPDATE bookings SET preferred_time = :starts_at, window_end = :ends_at, time_slot_id = :slot, version = version + 1,"
    " updated_at = now() WHERE id = :id RETURNING version"
)


def cancel(
    session: Session, booking_id: uuid.UUID, *, actor: str, reason: str | None, privacy_key: str
) -> bool:
    """Cancel a booking, free its window, and ask ServiceTitan and the homeowner's messages to follow.

    Answer False when it was cancelled or completed already. Locks: booking, then slot, then capacity.
    """
    row = session.execute(LOCK, {"id": booking_id}).one_or_none()
    if row is None or not status.cancel(session, booking_id, actor=actor, reason=reason):
        return False
    slots.release(session, booking_id)
    version = row.version + 1
    outbox.add(
        session,
        outbox.NewJob(
            outbox.JobType.CANCEL_JOB, booking_id, f"{outbox.JobType.CANCEL_JOB}:{booking_id}:{version}", {}
        ),
    )
    queue.add(
        session,
        booking_id=booking_id,
        version=version,
        locale=row.locale,
        kind=MessageKind.CANCELLED,
        sms=row.contact_sms_opt_in,
        phone=row.contact_phone,
        email=row.contact_email,
        privacy_key=privacy_key,
    )
    if row.session_id:
        touch = touch_from_json(row.attribution.get("last", {}))
        record(session, Event(EventType.BOOKING_CANCELLED, row.session_id, {}, touch, booking_id))
    return True


def move(session: Session, booking_id: uuid.UUID, slot_id: uuid.UUID, *, lead: timedelta) -> Window:
    """Move an open booking to another window of its own area.

    Raise SlotTaken when that window is gone or the booking is not open any more: the caller rolls back.
    """
    row = session.execute(LOCK, {"id": booking_id}).one_or_none()
    if row is None or row.status not in {"pending", "confirmed"}:
        raise SlotTaken(slot_id)
    window = slots.move(session, booking_id, slot_id, lead)
    session.execute(
        MOVE, {"id": booking_id, "slot": slot_id, "starts_at": window.starts_at, "ends_at": window.ends_at}
    )
    if row.session_id:
        touch = touch_from_json(row.attribution.get("last", {}))
        record(session, Event(EventType.BOOKING_MOVED, row.session_id, {}, touch, booking_id))
    return window
