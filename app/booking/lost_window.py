"""A window that is gone in ServiceTitan before the job was made: the booking stays, and somebody has to choose another.

The window stays claimed here, so that nobody else is promised it; a move gives it back and asks for the job anew.
"""

import uuid

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking import changes, upstream
from app.notifications.queue import MessageKind

ATTENTION = f"{changes.WINDOW_LOST}: ServiceTitan has no room for it any more, the homeowner was asked to choose another"
# It waits for the confirmation that a new window brings; at the end of the old one it has nothing to tell any more.
PUT_OFF = text(
    "WITH message AS (UPDATE notifications n SET due_at = b.window_end FROM bookings b WHERE b.id = :id AND n.booking_id = b.id"
    " AND n.template = 'confirmation' AND n.status = 'pending' RETURNING n.id, b.window_end)"
    " UPDATE queue_jobs q SET scheduled_at = message.window_end, deadline_at = message.window_end FROM message"
    " WHERE q.booking_id = :id AND q.status = 'pending' AND q.attempts = 0 AND q.payload ->> 'notification_id' = message.id::text"
)


def tell(session: Session, booking_id: uuid.UUID, privacy_key: str) -> None:
    """Put the booking before the office and ask the homeowner for another window, once for each window."""
    row = session.execute(upstream.LOCK, {"id": booking_id}).one()
    if row.status not in upstream.OPEN:
        return
    upstream.flag(session, booking_id, ATTENTION)
    session.execute(PUT_OFF, {"id": booking_id})
    upstream.tell(session, row, MessageKind.WINDOW_LOST, privacy_key, version=row.version)
