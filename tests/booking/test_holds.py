"""The limits of holding: they keep a window free for people, and are never told to anybody."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.booking import slots
from app.booking.errors import SlotElsewhere, SlotTaken
from app.booking.slots import HoldRequest, HoldResult
from tests.factories import add_area, add_slot

LEAD = timedelta(hours=2)


def hold(
    session: Session,
    slot_id: uuid.UUID,
    area: uuid.UUID,
    visit: uuid.UUID | None = None,
    address: bytes = b"a",
) -> HoldResult:
    wanted = HoldRequest(slot_id, area, visit or uuid.uuid4(), address, 600, LEAD)
    return slots.hold(session, wanted)[0]


def is_open(session: Session, area: uuid.UUID, visit: uuid.UUID, slot_id: uuid.UUID) -> bool:
    return slot_id in {slot.id for slot in slots.open_slots(session, area, visit, LEAD, clock.now())}


def test_a_held_window_is_hidden_from_others_and_stays_for_its_holder(session: Session) -> None:
    area = add_area(session)
    slot = add_slot(session, area)
    me, somebody = uuid.uuid4(), uuid.uuid4()
    assert hold(session, slot.id, area, me) is HoldResult.HELD
    assert is_open(session, area, me, slot.id)
    assert not is_open(session, area, somebody, slot.id)
    with pytest.raises(SlotTaken):
        hold(session, slot.id, area, somebody, b"b")


def test_a_hold_ends_by_itself(session: Session) -> None:
    area = add_area(session)
    slot = add_slot(session, area)
    hold(session, slot.id, area)
    session.execute(text("UPDATE time_slots SET held_until = clock_timestamp() - interval '1 second'"))
    assert hold(session, slot.id, area, uuid.uuid4(), b"b") is HoldResult.HELD


def test_one_visit_holds_one_window(session: Session) -> None:
    area = add_area(session)
    first, second = add_slot(session, area, day=2), add_slot(session, area, day=3)
    me = uuid.uuid4()
    hold(session, first.id, area, me)
    hold(session, second.id, area, me)
    held = session.execute(text("SELECT id FROM time_slots WHERE held_by IS NOT NULL")).scalars().all()
    assert held == [second.id]


def test_one_address_holds_three_windows_and_the_fourth_visit_goes_on_without(session: Session) -> None:
    area = add_area(session)
    rows = [add_slot(session, area, day=day) for day in range(1, 6)]
    assert [hold(session, row.id, area) for row in rows[:4]] == [HoldResult.HELD] * 3 + [
        HoldResult.ADDRESS_LIMIT
    ]
    assert hold(session, rows[4].id, area, address=b"another") is HoldResult.HELD


def test_at_most_half_of_a_days_open_windows_are_held_and_the_last_one_may_be(session: Session) -> None:
    area = add_area(session)
    rows = [add_slot(session, area, hour=hour) for hour in (8, 10, 12, 14)]
    results = [hold(session, row.id, area, address=bytes([n])) for n, row in enumerate(rows)]
    assert results == [HoldResult.HELD, HoldResult.HELD, HoldResult.HALF_RULE, HoldResult.HALF_RULE]
    lonely = add_slot(session, area, day=4)
    assert hold(session, lonely.id, area, address=b"x") is HoldResult.HELD


def test_a_refused_hold_gives_back_the_visits_other_one(session: Session) -> None:
    area = add_area(session)
    rows = [add_slot(session, area, day=day) for day in range(1, 6)]
    me = uuid.uuid4()
    hold(session, rows[4].id, area, me, b"mine")
    for row in rows[:3]:
        hold(session, row.id, area, address=b"shared")
    assert hold(session, rows[3].id, area, me, b"shared") is HoldResult.ADDRESS_LIMIT
    assert (
        session.execute(text("SELECT count(*) FROM time_slots WHERE held_by = :me"), {"me": me}).scalar_one()
        == 0
    )


def test_holds_of_other_zips_count_against_a_shared_crew(session: Session) -> None:
    here, there = add_area(session, "85004"), add_area(session, "85006")
    mine = add_slot(session, here, key="crew", capacity=1)
    theirs = add_slot(session, there, key="crew")
    me, they = uuid.uuid4(), uuid.uuid4()
    hold(session, mine.id, here, me)
    assert not is_open(session, there, they, theirs.id)
    with pytest.raises(SlotTaken):
        hold(session, theirs.id, there, they, b"b")
    with pytest.raises(SlotTaken):
        slots.claim(session, theirs.id, there, they, LEAD)
    assert slots.claim(session, mine.id, here, me, LEAD).booking_id.version == 7
    session.execute(text("UPDATE time_slots SET booking_id = NULL, available = true"))


def test_too_soon_and_elsewhere_cannot_be_held(session: Session) -> None:
    area, other = add_area(session), add_area(session, "85006")
    slot = add_slot(session, area)
    with pytest.raises(SlotElsewhere):
        hold(session, slot.id, other)
    session.execute(text("UPDATE time_slots SET starts_at = clock_timestamp() + interval '1 hour'"))
    with pytest.raises(SlotTaken):
        hold(session, slot.id, area)
    with pytest.raises(SlotTaken):
        hold(session, uuid.uuid4(), area)
