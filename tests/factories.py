"""Rows for tests, made by the same database defaults and functions as the real ones."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock

PHOENIX = "America/Phoenix"


@dataclass(frozen=True)
class SlotRow:
    """A window that was added."""

    id: uuid.UUID
    key: str
    starts_at: datetime


def add_zip(session: Session, zip_code: str, kind: str = "STANDARD") -> None:
    """Let a ZIP code exist."""
    session.execute(
        text(
            "INSERT INTO zip_codes (zip_code, type, city, state, timezone) VALUES (:zip, :kind, 'Phoenix', 'AZ', :zone)"
            " ON CONFLICT DO NOTHING"
        ),
        {"zip": zip_code, "kind": kind, "zone": PHOENIX},
    )


def add_area(
    session: Session, zip_code: str = "85004", *, timezone: str = PHOENIX, active: bool = True
) -> uuid.UUID:
    """Serve a ZIP code."""
    add_zip(session, zip_code)
    area_id: uuid.UUID = session.execute(
        text(
            "INSERT INTO service_areas (zip_code, city, state, timezone, active) VALUES (:zip, 'Phoenix', 'AZ', :zone, :active)"
            " RETURNING id"
        ),
        {"zip": zip_code, "zone": timezone, "active": active},
    ).scalar_one()
    return area_id


def add_slot(
    session: Session,
    area_id: uuid.UUID,
    *,
    day: int = 2,
    hour: int = 8,
    key: str | None = None,
    capacity: int = 1,
) -> SlotRow:
    """Offer a two-hour window some days from now; a shared `key` is a shared crew."""
    local = clock.now().astimezone(ZoneInfo(PHOENIX)).replace(hour=hour, minute=0, second=0, microsecond=0)
    starts_at = local + timedelta(days=day)
    key = key or f"test:{area_id}:{starts_at.isoformat()}"
    session.execute(
        text(
            "INSERT INTO slot_capacity (external_slot_id, capacity) VALUES (:key, :capacity) ON CONFLICT DO NOTHING"
        ),
        {"key": key, "capacity": capacity},
    )
    slot_id: uuid.UUID = session.execute(
        text(
            "INSERT INTO time_slots (service_area_id, slot_date, slot_time, starts_at, ends_at, external_slot_id)"
            " VALUES (:area, :date, :time, :starts_at, :ends_at, :key) RETURNING id"
        ),
        {
            "area": area_id,
            "date": starts_at.date(),
            "time": starts_at.time(),
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(hours=2),
            "key": key,
        },
    ).scalar_one()
    return SlotRow(slot_id, key, starts_at)


def add_week(session: Session, zip_code: str = "85004", *, days: int = 6) -> uuid.UUID:
    """Serve a ZIP code with four windows a day."""
    area_id = add_area(session, zip_code)
    for day in range(1, days + 1):
        for hour in (8, 10, 12, 14):
            add_slot(session, area_id, day=day, hour=hour)
    return area_id
