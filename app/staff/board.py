"""The state of every arrival window of one ZIP code's day, and how the days around it stand."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking.opening import OURS
from app.models import ServiceArea
from app.staff.days import today

STRIP_DAYS = 14
DAY = text(
    "SELECT s.slot_time, s.starts_at, s.ends_at, s.available, s.closed_reason, s.external_slot_id, s.snapshot_at, s.held_until,"
    " s.held_until > clock_timestamp() AS is_held, s.starts_at < clock_timestamp() AS is_past,"
    " c.capacity, c.taken, b.reference"
    " FROM time_slots s LEFT JOIN slot_capacity c ON c.external_slot_id = s.external_slot_id"
    " LEFT JOIN bookings b ON b.id = s.booking_id"
    " WHERE s.service_area_id = :area AND s.slot_date = :day ORDER BY s.slot_time"
)
STRIP = text(
    "SELECT slot_date, count(*) FILTER (WHERE available) AS open FROM time_slots"
    " WHERE service_area_id = :area AND slot_date BETWEEN :first AND :last GROUP BY slot_date"
)


class State(StrEnum):
    """What a window is to somebody who wants to book it; the value is how staff read it."""

    BOOKED = "Booked"
    BOOKED_CLOSED = "Booked, then closed"
    CLOSED = "Closed by us"
    WITHDRAWN = "Withdrawn"
    PAST = "Past"
    HELD = "Held"
    OPEN = "Open"
    FULL = "Crew is full"


@dataclass(frozen=True)
class Line:
    """One window of the day."""

    start: time
    starts_at: datetime
    ends_at: datetime
    state: State
    reference: str | None
    capacity: int | None
    taken: int
    is_ours: bool
    fetched_at: datetime | None
    held_until: datetime | None
    is_past: bool

    @property
    def is_closed(self) -> bool:
        """Say whether opening it would change something."""
        return self.state in {State.CLOSED, State.WITHDRAWN, State.BOOKED_CLOSED}

    @property
    def is_oversold(self) -> bool:
        """Say whether the provider gave the crew fewer bookings than we took."""
        return self.capacity is not None and self.taken > self.capacity


def read_day(session: Session, area: ServiceArea, day: date) -> list[Line]:
    """Return the windows of a day in order."""
    return [
        Line(
            row.slot_time, row.starts_at, row.ends_at, state_of(row), row.reference, row.capacity, row.taken or 0,
            (row.external_slot_id or OURS).startswith(OURS), row.snapshot_at, row.held_until, row.is_past,
        )
        for row in session.execute(DAY, {"area": area.id, "day": day})
    ]  # fmt: skip


def state_of(row: Any) -> State:  # Any: a row of the statement
    """Return the first state that fits."""
    rules = (
        (State.BOOKED_CLOSED, row.reference and row.closed_reason),
        (State.BOOKED, row.reference),
        (State.CLOSED, row.closed_reason == "staff"),
        (State.WITHDRAWN, row.closed_reason),
        (State.PAST, row.is_past),
        (State.HELD, row.is_held),
        (State.OPEN, row.available and (row.capacity or 0) > (row.taken or 0)),
    )
    return next((state for state, fits in rules if fits), State.FULL)


def read_strip(session: Session, area: ServiceArea, day: date) -> list[tuple[date, int | None]]:
    """Return two weeks with this day among them, from today where that fits, each with its number of open windows."""
    first = today()
    if not first <= day < first + timedelta(days=STRIP_DAYS):
        first = day - timedelta(days=STRIP_DAYS // 2)
    days = [first + timedelta(days=n) for n in range(STRIP_DAYS)]
    found = session.execute(STRIP, {"area": area.id, "first": days[0], "last": days[-1]})
    counts = {row.slot_date: row.open for row in found}
    return [(each, counts.get(each)) for each in days]
