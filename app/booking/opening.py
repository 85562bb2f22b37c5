"""Arrival windows that staff open and close by hand: local wall time in, one row and its counter out."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.models import ServiceArea

DEFAULT_LENGTH = timedelta(hours=2)
OURS = "loc1:"
BY_HAND = r"^loc1:[0-9]+:[0-9]{5}:"  # the sync's own local windows name a group of ZIP codes there
LOCK_DAY = text("SELECT pg_advisory_xact_lock(7302, hashtext(cast(:area AS text) || cast(:day AS text)))")
LOCK_SLOTS = text(
    "SELECT id, booking_id, available, closed_reason, external_slot_id FROM time_slots"
    " WHERE service_area_id = :area AND slot_date = :day AND (cast(:at AS time) IS NULL OR slot_time = :at)"
    " ORDER BY id FOR NO KEY UPDATE"
)
LOCK_COUNTER = text("SELECT 1 FROM slot_capacity WHERE external_slot_id = :key FOR NO KEY UPDATE")
SET_COUNTER = text(
    "INSERT INTO slot_capacity (external_slot_id, capacity) VALUES (:key, :capacity)"
    " ON CONFLICT (external_slot_id) DO UPDATE SET capacity = excluded.capacity"
)
ADD_SLOT = text(
    "INSERT INTO time_slots (service_area_id, slot_date, slot_time, starts_at, ends_at, available, closed_reason,"
    " external_slot_id) VALUES (:area, :day, :at, :starts_at, :ends_at, :available, :closed_reason, :key)"
)
REOPEN_SLOT = text(
    "UPDATE time_slots SET closed_reason = NULL, available = booking_id IS NULL, updated_at = now() WHERE id = :id"
)
OPEN_SLOT = text(
    "UPDATE time_slots SET closed_reason = NULL, available = true, ends_at = :ends_at,"
    " external_slot_id = :key, updated_at = now() WHERE id = :id"
)
CLOSE_SLOTS = text(
    "UPDATE time_slots SET closed_reason = 'staff', available = false, held_by = NULL, held_until = NULL,"
    " held_addr = NULL, updated_at = now() WHERE id = ANY(:ids)"
)


class OpeningRefused(Exception):
    """The window cannot be opened or closed; the message says why."""


class Opened(StrEnum):
    """What opening a window did."""

    NEW = "opened"
    AGAIN = "opened again"
    ALREADY = "already open"
    BOOKED = "already booked"


@dataclass(frozen=True)
class Window:
    """An arrival window as a person names it: local to its ZIP code."""

    zip_code: str
    day: date
    start: time
    end: time | None = None
    capacity: int = 1


@dataclass(frozen=True)
class Closed:
    """What closing did: windows closed now, and those that keep their booking."""

    windows: int
    booked: int


def open_window(session: Session, window: Window, *, unit: int | None, now: datetime) -> Opened:
    """Open a window for booking, whatever closed it before. Raise OpeningRefused."""
    if window.capacity < 1:
        raise OpeningRefused("the capacity must be at least 1")
    area = find_area(session, window.zip_code)
    starts_at, ends_at = instants(window, area.timezone)
    if starts_at <= now:
        raise OpeningRefused("this window has begun already")
    row = lock_slot(session, area, window)
    key = key_of(window.zip_code, starts_at, ends_at, unit)
    if row is None:
        set_counter(session, key, window.capacity)
        session.execute(ADD_SLOT, slot_values(area, window, key, closed_reason=None))
        return Opened.NEW
    if row.booking_id is not None:
        session.execute(REOPEN_SLOT, {"id": row.id})
        return Opened.BOOKED
    if row.closed_reason is None:
        if row.external_slot_id == key:
            set_counter(session, key, window.capacity)
        return Opened.ALREADY
    if row.closed_reason == "staff" and row.external_slot_id and not re.match(BY_HAND, row.external_slot_id):
        # a window that a sync brought keeps its end and its counter
        session.execute(REOPEN_SLOT, {"id": row.id})
        return Opened.AGAIN
    set_counter(session, key, window.capacity)
    session.execute(OPEN_SLOT, {"id": row.id, "ends_at": ends_at, "key": key})
    return Opened.AGAIN


def set_counter(session: Session, key: str, capacity: int) -> None:
    """Lock and set how many bookings a window of ours takes."""
    session.execute(LOCK_COUNTER, {"key": key})
    session.execute(SET_COUNTER, {"key": key, "capacity": capacity})


def close_window(session: Session, window: Window, *, unit: int | None) -> Closed:
    """Close one window; one that is not known yet is kept closed before the provider offers it. Raise OpeningRefused."""
    area = find_area(session, window.zip_code)
    starts_at, ends_at = instants(window, area.timezone)
    row = lock_slot(session, area, window)
    if row is None:
        key = key_of(window.zip_code, starts_at, ends_at, unit)
        session.execute(ADD_SLOT, slot_values(area, window, key, closed_reason="staff"))
        return Closed(1, 0)
    return close_rows(session, [row])


def close_day(session: Session, zip_code: str, day: date) -> Closed:
    """Close every window of a day. Bookings stay; their windows do not open again when they are cancelled."""
    area = find_area(session, zip_code)
    session.execute(LOCK_DAY, {"area": str(area.id), "day": day.isoformat()})
    return close_rows(session, list(session.execute(LOCK_SLOTS, {"area": area.id, "day": day, "at": None})))


def open_day(session: Session, zip_code: str, day: date, *, now: datetime) -> int:
    """Open again what staff closed on this day; answer how many windows."""
    area = find_area(session, zip_code)
    session.execute(LOCK_DAY, {"area": str(area.id), "day": day.isoformat()})
    session.execute(LOCK_SLOTS, {"area": area.id, "day": day, "at": None})
    result: Any = session.execute(  # Any: Session.execute hides rowcount from the type checker
        text(
            "UPDATE time_slots SET closed_reason = NULL, available = booking_id IS NULL, updated_at = now()"
            " WHERE service_area_id = :area AND slot_date = :day AND closed_reason = 'staff' AND starts_at > :now"
        ),
        {"area": area.id, "day": day, "now": now},
    )
    return int(result.rowcount)


def close_rows(session: Session, rows: list[Any]) -> Closed:
    """Close locked rows; a booked one keeps its booking."""
    due = [row for row in rows if row.closed_reason != "staff"]
    session.execute(CLOSE_SLOTS, {"ids": [row.id for row in due]})
    booked = sum(row.booking_id is not None for row in rows)
    return Closed(sum(row.booking_id is None for row in due), booked)


def find_area(session: Session, zip_code: str) -> ServiceArea:
    """Return the service area of a ZIP code. Raise OpeningRefused."""
    area = session.scalar(select(ServiceArea).where(ServiceArea.zip_code == zip_code))
    if area is None:
        raise OpeningRefused(f"{zip_code} is not one of our service areas")
    return area


def lock_slot(
    session: Session, area: ServiceArea, window: Window
) -> Any:  # Any: a row of the statement above
    """Take the locks of the area's day and of the window's row, where there is one."""
    session.execute(LOCK_DAY, {"area": str(area.id), "day": window.day.isoformat()})
    return session.execute(LOCK_SLOTS, {"area": area.id, "day": window.day, "at": window.start}).one_or_none()


def instants(window: Window, zone: str) -> tuple[datetime, datetime]:
    """Turn local wall time into instants. An hour that the clock skips is refused; one that comes twice counts once, the first."""
    starts_at = instant(window.day, window.start, zone)
    if window.end is None:
        return starts_at, starts_at + DEFAULT_LENGTH
    ends_at = instant(window.day, window.end, zone)
    if ends_at <= starts_at:
        raise OpeningRefused("the window must end after it starts, on the same day")
    return starts_at, ends_at


def instant(day: date, at: time, zone: str) -> datetime:
    """Return the UTC instant of a local wall time. Raise OpeningRefused where the clock skips it."""
    local = datetime.combine(day, at, ZoneInfo(zone))
    utc = local.astimezone(UTC)
    if utc.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise OpeningRefused(f"{at:%H:%M} does not exist on {day} in {zone}: the clock is put forward")
    return utc


def key_of(zip_code: str, starts_at: datetime, ends_at: datetime, unit: int | None) -> str:
    """Name the counter of a window that we, not a provider, opened."""
    return f"{OURS}{unit or 0}:{zip_code}:{starts_at:%Y%m%dT%H%M%SZ}:{ends_at:%Y%m%dT%H%M%SZ}"


def name_of(zip_code: str, day: date, start: time | None = None) -> str:
    """Name a window, or all of a day, in the audit log."""
    return f"slot:{zip_code}:{day}" + (f":{start:%H:%M}" if start else "")


def slot_values(
    area: ServiceArea, window: Window, key: str, *, closed_reason: str | None
) -> dict[str, object]:
    """Return the columns of a new row."""
    starts_at, ends_at = instants(window, area.timezone)
    return {
        "area": area.id, "day": window.day, "at": window.start, "starts_at": starts_at, "ends_at": ends_at,
        "available": closed_reason is None, "closed_reason": closed_reason, "key": key,
    }  # fmt: skip
