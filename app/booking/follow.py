"""Following an appointment that the office moved: the window here is given back, and the new one taken where it is ours to take.

The office has decided already, so neither notice nor room nor a closed window is a reason to refuse; only a window that
somebody else has booked or is holding stays theirs, and the booking then stands without one.
"""

import uuid

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from app.booking import changes, slots
from app.booking.slots import Window

LOCK_SLOTS = text(
    "SELECT id, external_slot_id, booking_id, starts_at = :starts_at AND ends_at = :ends_at AND booking_id IS NULL"
    " AND (held_until IS NULL OR held_until < clock_timestamp()) AS is_free FROM time_slots"
    " WHERE booking_id = :booking OR (service_area_id = :area"
    " AND slot_date = (CAST(:starts_at AS timestamptz) AT TIME ZONE :zone)::date"
    " AND slot_time = (CAST(:starts_at AS timestamptz) AT TIME ZONE :zone)::time) ORDER BY id FOR NO KEY UPDATE"
)
LOCK_COUNTERS = text(
    "SELECT 1 FROM slot_capacity WHERE external_slot_id = ANY(:keys) ORDER BY external_slot_id FOR NO KEY UPDATE"
)
TAKE = text(
    "WITH counted AS (UPDATE slot_capacity c SET taken = c.taken + 1 FROM time_slots s"
    " WHERE s.id = :slot AND c.external_slot_id = s.external_slot_id)"
    " UPDATE time_slots SET available = false, booking_id = :booking, held_by = NULL, held_until = NULL, held_addr = NULL,"
    " updated_at = now() WHERE id = :slot"
)
PLACE = text(
    "UPDATE bookings b SET upstream_slot_key = s.external_slot_id,"
    " upstream_since = CASE WHEN s.external_slot_id IS NOT NULL THEN clock_timestamp() END"
    " FROM (SELECT max(external_slot_id) AS external_slot_id FROM time_slots WHERE booking_id = :id) s WHERE b.id = :id"
)
AHEAD = text("SELECT :ends_at > clock_timestamp()")


def move(session: Session, row: Row[tuple[object, ...]], window: Window, actor: str) -> uuid.UUID | None:
    """Put a locked booking into another window; answer which of our slots it took, if any. Locks: slots, then counters."""
    values = {
        "booking": row.id,
        "area": row.service_area_id,
        "zone": row.timezone,
        "starts_at": window.starts_at,
        "ends_at": window.ends_at,
    }
    found = session.execute(LOCK_SLOTS, values).all()
    session.execute(LOCK_COUNTERS, {"keys": [slot.external_slot_id for slot in found]})
    slots.release(session, row.id)
    free: uuid.UUID | None = next((slot.id for slot in found if slot.is_free), None)
    if free is not None:
        session.execute(TAKE, {"booking": row.id, "slot": free})
    changes.write_move(session, row, free, window, actor)
    session.execute(PLACE, {"id": row.id})
    return free


def is_ahead(session: Session, window: Window) -> bool:
    """Say whether a window has not passed, by the database's clock."""
    return bool(session.execute(AHEAD, {"ends_at": window.ends_at}).scalar_one())
