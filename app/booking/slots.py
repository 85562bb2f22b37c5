"""Arrival windows: what is open, holding one, claiming one. The rules live in database functions, one lock order for all."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import groupby

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking.errors import SlotElsewhere, SlotTaken

DAYS_SHOWN = 14


@dataclass(frozen=True)
class OpenSlot:
    """One window that can be picked now; `slot_date` and `slot_time` are local to the area."""

    id: uuid.UUID
    slot_date: date
    slot_time: time
    starts_at: datetime
    ends_at: datetime
    held: bool


class HoldResult(StrEnum):
    """What became of a hold. After `addr` and `half` the visit goes on without one, and nobody is told."""

    HELD = "held"
    ADDRESS_LIMIT = "addr"
    HALF_RULE = "half"


@dataclass(frozen=True)
class HoldRequest:
    """Who wants to hold which window. `address` is the keyed hash of the client's address."""

    slot_id: uuid.UUID
    area_id: uuid.UUID
    visit_id: uuid.UUID
    address: bytes
    seconds: int
    lead: timedelta


@dataclass(frozen=True)
class Window:
    """A window's instants."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Claim:
    """A sold window and the booking id that the database made for it."""

    booking_id: uuid.UUID
    window: Window


OPEN = text(
    "SELECT id, slot_date, slot_time, starts_at, ends_at, held FROM open_slots(:area, :visit, :lead, :until)"
)
HOLD = text("SELECT hold_slot(:slot_id, :area_id, :visit_id, :address, :seconds, :lead) AS result")
WINDOW = text("SELECT starts_at, ends_at FROM time_slots WHERE id = :id")
CLAIM = text("SELECT booking_id, starts_at, ends_at FROM claim_slot(:slot, :area, :visit, :lead)")
RELEASE = text("SELECT release_slot(:booking)")
MOVE = text("SELECT starts_at, ends_at FROM move_slot(:booking, :slot, :lead)")


def open_slots(
    session: Session, area_id: uuid.UUID, visit_id: uuid.UUID | None, lead: timedelta, now: datetime
) -> list[OpenSlot]:
    """Return the windows this visit can pick in the days shown, soonest first: one query."""
    until = now + timedelta(days=DAYS_SHOWN)
    rows = session.execute(OPEN, {"area": area_id, "visit": visit_id, "lead": lead, "until": until})
    return [OpenSlot(*row) for row in rows]


def by_day(slots: list[OpenSlot]) -> dict[date, list[OpenSlot]]:
    """Group windows by the area's local day."""
    return {day: list(group) for day, group in groupby(slots, key=lambda slot: slot.slot_date)}


def hold(session: Session, wanted: HoldRequest) -> tuple[HoldResult, Window]:
    """Hold a window for a while and give back the visit's other hold; answer its instants too.

    Raise SlotTaken when it is gone and SlotElsewhere when it belongs to another area.
    """
    result = session.execute(HOLD, vars(wanted)).scalar_one()
    if result == "elsewhere":
        raise SlotElsewhere
    row = session.execute(WINDOW, {"id": wanted.slot_id}).one_or_none()
    if result == "taken" or row is None:
        raise SlotTaken(wanted.slot_id)
    return HoldResult(result), Window(row.starts_at, row.ends_at)


def claim(
    session: Session, slot_id: uuid.UUID, area_id: uuid.UUID, visit_id: uuid.UUID, lead: timedelta
) -> Claim:
    """Sell the window to this visit. Raise SlotTaken when it cannot be: roll back then."""
    row = session.execute(
        CLAIM, {"slot": slot_id, "area": area_id, "visit": visit_id, "lead": lead}
    ).one_or_none()
    if row is None:
        raise SlotTaken(slot_id)
    return Claim(row.booking_id, Window(row.starts_at, row.ends_at))


def release(session: Session, booking_id: uuid.UUID) -> bool:
    """Give a booking's window back. Answer False when it held none."""
    return bool(session.execute(RELEASE, {"booking": booking_id}).scalar_one())


def move(session: Session, booking_id: uuid.UUID, slot_id: uuid.UUID, lead: timedelta) -> Window:
    """Swap a booking's window for another of its area. Raise SlotTaken when the new one is gone: roll back then."""
    row = session.execute(MOVE, {"booking": booking_id, "slot": slot_id, "lead": lead}).one_or_none()
    if row is None:
        raise SlotTaken(slot_id)
    return Window(row.starts_at, row.ends_at)
