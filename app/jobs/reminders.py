"""Reminders: every minute, the bookings whose reminder's moment has come get one, once for each window they ever had.

A moved booking has a new version and so a new reminder for its new window; the old one finds that out when it leaves.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking.changes import WINDOW_LOST
from app.jobs.messages import IS_LOST
from app.jobs.process import Process
from app.notifications import queue, timing
from app.notifications.queue import MessageKind

BATCH = 200
BEFORE_ALL = uuid.UUID(int=0)
TOLD = (MessageKind.CONFIRMATION, MessageKind.MOVED, MessageKind.REMINDER_DAY)

NOW = text("SELECT clock_timestamp()")
AHEAD = text(
    "SELECT b.id, b.version, b.locale, b.preferred_time, b.contact_email, b.contact_phone, b.contact_sms_opt_in, a.timezone,"  # noqa: S608 - our own condition
    " coalesce((SELECT max(t.created_at) FROM notifications t WHERE t.booking_id = b.id AND t.template = ANY(:told)), b.created_at)"
    " AS told_at"
    " FROM bookings b JOIN service_areas a ON a.id = b.service_area_id"
    " WHERE b.status IN ('pending', 'confirmed') AND b.preferred_time >= :from_time AND b.preferred_time <= :until"
    " AND (b.preferred_time, b.id) > (:from_time, :from_id)"
    " AND NOT EXISTS (SELECT 1 FROM notifications n WHERE n.dedupe_key = :kind || ':email:' || b.id || ':' || b.version)"
    f" AND NOT {IS_LOST}"
    " ORDER BY b.preferred_time, b.id LIMIT :size"
)


@dataclass(frozen=True)
class Place:
    """How far a walk through the bookings ahead has come."""

    starts_at: datetime
    booking_id: uuid.UUID


@dataclass(frozen=True)
class Walk:
    """One walk: for which reminder, and at what time of ours."""

    kind: MessageKind
    now: datetime
    privacy_key: str


def add_reminders(process: Process) -> Mapping[str, object]:
    """Queue every reminder whose moment has come."""
    now: datetime = process.transact(lambda session: session.execute(NOW).scalar_one())
    key = process.settings.privacy_hash_key
    return {"added": sum(walk(process, Walk(kind, now, key)) for kind in timing.REMINDERS)}


def walk(process: Process, this: Walk) -> int:
    """Go through the bookings ahead, one short transaction after the other; answer how many reminders were queued."""
    added = 0
    place: Place | None = Place(this.now, BEFORE_ALL)
    while place is not None:
        count, place = process.transact(partial(add_batch, this=this, place=place))
        added += count
    return added


def add_batch(session: Session, this: Walk, place: Place, size: int = BATCH) -> tuple[int, Place | None]:
    """Queue the reminders due among the next bookings; answer how many, and where to go on."""
    rows = session.execute(
        AHEAD,
        {
            "kind": this.kind,
            "told": list(TOLD),
            "lost": WINDOW_LOST,
            "from_time": place.starts_at,
            "from_id": place.booking_id,
            "until": this.now + timing.LOOK_AHEAD,
            "size": size,
        },
    ).all()
    due = [
        row
        for row in rows
        if timing.is_wanted(
            this.kind, now=this.now, starts_at=row.preferred_time, zone=row.timezone, told_at=row.told_at
        )
    ]
    for row in due:
        queue.add(
            session,
            booking_id=row.id,
            version=row.version,
            locale=row.locale,
            kind=this.kind,
            sms=row.contact_sms_opt_in,
            phone=row.contact_phone,
            email=row.contact_email,
            privacy_key=this.privacy_key,
        )
    return len(due), Place(rows[-1].preferred_time, rows[-1].id) if len(rows) == size else None
