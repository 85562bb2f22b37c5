"""The edges a booking's status may take, each written into its history; any other edge changes nothing."""

import uuid
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.models.booking import BookingStatus


@dataclass(frozen=True)
class Edge:
    """One allowed change of status. `step` is what it adds to the booking's version."""

    to: BookingStatus
    sources: tuple[BookingStatus, ...]
    step: int = 0


CONFIRM = Edge(BookingStatus.CONFIRMED, (BookingStatus.PENDING,))
CANCEL = Edge(BookingStatus.CANCELLED, (BookingStatus.PENDING, BookingStatus.CONFIRMED), step=1)
COMPLETE = Edge(BookingStatus.COMPLETED, (BookingStatus.CONFIRMED,))

TAKE = text(
    "WITH before AS (SELECT id, status FROM bookings WHERE id = :id AND status = ANY(:sources) FOR NO KEY UPDATE),"
    " changed AS (UPDATE bookings b SET status = :to, version = b.version + :step, updated_at = now()"
    " FROM before WHERE b.id = :id AND b.id = before.id RETURNING b.id, before.status AS from_status)"
    " INSERT INTO booking_status_history (booking_id, from_status, to_status, actor, reason)"
    " SELECT id, from_status, :to, :actor, :reason FROM changed RETURNING id"
)


def confirm(session: Session, booking_id: uuid.UUID, *, actor: str) -> bool:
    """Turn a pending booking into a confirmed one: its job exists in ServiceTitan."""
    return take(session, booking_id, CONFIRM, actor=actor)


def cancel(session: Session, booking_id: uuid.UUID, *, actor: str, reason: str | None) -> bool:
    """Cancel a booking that is still ahead; its version rises, so that what was queued before knows."""
    return take(session, booking_id, CANCEL, actor=actor, reason=reason)


def complete(session: Session, booking_id: uuid.UUID, *, actor: str) -> bool:
    """Mark a confirmed booking's visit as done."""
    return take(session, booking_id, COMPLETE, actor=actor)


def take(
    session: Session, booking_id: uuid.UUID, edge: Edge, *, actor: str, reason: str | None = None
) -> bool:
    """Follow an edge and write it down, both in one statement. Answer False when it does not start here."""
    values = {
        "id": booking_id,
        "to": edge.to,
        "sources": list(edge.sources),
        "step": edge.step,
        "actor": actor,
        "reason": reason[:300] if reason else None,
    }
    return session.execute(TAKE, values).one_or_none() is not None
