"""Local windows follow the provider without ever selling what is not there or unselling what is."""

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app import clock
from app.booking import opening, slot_sync, slots
from app.booking.opening import Window
from app.booking.slot_sync import AreaDay, UpstreamWindow, UpstreamZone
from app.jobs import slot_sync as job
from app.jobs.process import Process
from app.providers.ports import ProviderError
from tests.factories import PHOENIX, add_area
from tests.jobs.booked import do, one, rows
from tests.providers.simulated import Simulator

LEAD = timedelta(hours=2)
PREFIX = "ac1:1011:46:"


def day_ahead(days: int = 3) -> date:
    return (clock.now().astimezone(ZoneInfo(PHOENIX)) + timedelta(days=days)).date()


def window(
    hour: int, open_: int = 1, *, hours: int = 2, day: date | None = None, zone: str = PHOENIX
) -> UpstreamWindow:
    local = datetime.combine(day or day_ahead(), datetime.min.time(), ZoneInfo(zone)).replace(hour=hour)
    start, end = local.astimezone(UTC), local.astimezone(UTC) + timedelta(hours=hours)
    return UpstreamWindow(f"{PREFIX}{start:%Y%m%dT%H%M%SZ}:{end:%Y%m%dT%H%M%SZ}", start, end, open_)


def said(session: Session, *windows: UpstreamWindow, zips: tuple[str, ...] = ("85201",)) -> UpstreamZone:
    """Return what the provider says just now."""
    now = slot_sync.database_time(session)
    return UpstreamZone(zips, PREFIX, now, now, now + timedelta(days=21), windows)


def apply(session: Session, zone: UpstreamZone) -> int:
    """Apply every day that differs; answer how many windows changed."""
    return sum(slot_sync.apply(session, zone, due) for due in slot_sync.different_days(session, zone))


def row(session: Session, area: uuid.UUID, hour: int) -> Row[Any]:
    sql = text(
        "SELECT * FROM time_slots WHERE service_area_id = :area AND slot_time = make_time(:hour, 0, 0)"
    )
    return session.execute(sql, {"area": area, "hour": hour}).one()


def capacity(session: Session, key: str) -> int:
    sql = text("SELECT capacity FROM slot_capacity WHERE external_slot_id = :key")
    return session.execute(sql, {"key": key}).scalar_one()


def claim(session: Session, area: uuid.UUID, hour: int) -> uuid.UUID:
    """Sell a window. The booking itself is not needed here: its key is checked at the commit that never comes."""
    return slots.claim(session, row(session, area, hour).id, area, uuid.uuid4(), LEAD).booking_id


def forget_bookings(session: Session) -> None:
    session.execute(text("UPDATE time_slots SET booking_id = NULL"))


def test_new_windows_are_open_and_a_second_look_changes_nothing(session: Session) -> None:
    area = add_area(session, "85201")
    zone = said(session, window(8, 2), window(10, 1))
    assert apply(session, zone) == 2
    assert [slot.slot_time.hour for slot in slots.open_slots(session, area, None, LEAD, clock.now())] == [
        8,
        10,
    ]
    assert apply(session, said(session, window(8, 2), window(10, 1))) == 0


def test_zip_codes_of_a_zone_share_one_counter(session: Session) -> None:
    first, second = add_area(session, "85201"), add_area(session, "85202")
    apply(session, said(session, window(8, 1), zips=("85201", "85202")))
    claim(session, first, 8)
    assert slots.open_slots(session, second, None, LEAD, clock.now()) == []
    forget_bookings(session)


def test_capacity_is_what_is_open_there_plus_what_we_booked_before_they_were_asked(process: Process) -> None:
    process.transact(lambda session: add_area(session, "85201"))
    process.transact(lambda session: apply(session, said(session, window(8, 3))))
    key = window(8).key
    from_us = (
        "INSERT INTO bookings (customer_id, service_area_id, issue_type, door_count, homeowner_status, preferred_time, window_end,"
        " address_line1, upstream_slot_key, upstream_since)"
        " SELECT c.id, a.id, 'other', 1, 'owner', now(), now() + interval '2 hours', '1 Main St', :key, clock_timestamp()"
        " + make_interval(secs => :later) FROM customers c, service_areas a"
    )
    do(
        process,
        "INSERT INTO customers (first_name, last_name, email, phone) VALUES ('P', 'J', 'p@example.com', '+16025550123')",
    )
    do(process, from_us, key=key, later=-60)
    do(process, from_us, key=key, later=60)  # booked there after the question: it may not be in the answer
    process.transact(lambda session: apply(session, said(session, window(8, 2))))
    assert process.transact(lambda session: capacity(session, key)) == 3


def test_an_older_snapshot_changes_nothing(session: Session) -> None:
    area = add_area(session, "85201")
    newer = said(session, window(8, 1))
    older = replace(
        said(session, window(8, 5), window(10, 5)), asked_at=newer.asked_at - timedelta(minutes=1)
    )
    apply(session, newer)
    due = AreaDay(area, day_ahead())
    assert (
        slot_sync.apply(session, older, due) == 1
    )  # the window that only the older one knows, and nothing else
    assert capacity(session, window(8).key) == 1


def test_an_older_snapshot_does_not_bring_a_withdrawn_window_back(session: Session) -> None:
    area = add_area(session, "85201")
    first = said(session, window(8, 1))
    apply(session, first)
    apply(session, said(session))
    assert not row(session, area, 8).available
    slot_sync.apply(session, first, AreaDay(area, day_ahead()))
    assert not row(session, area, 8).available


def test_a_window_they_stopped_offering_is_withdrawn_and_comes_back_with_them(session: Session) -> None:
    area = add_area(session, "85201")
    apply(session, said(session, window(8), window(10)))
    assert apply(session, said(session, window(10))) == 1
    assert (row(session, area, 8).available, row(session, area, 8).closed_reason) == (False, "withdrawn")
    assert apply(session, said(session, window(8), window(10))) == 1
    assert (row(session, area, 8).available, row(session, area, 8).closed_reason) == (True, None)


def test_a_booked_window_keeps_its_booking_its_counter_and_its_end(session: Session) -> None:
    area = add_area(session, "85201")
    apply(session, said(session, window(8), window(10)))
    booking_id = claim(session, area, 8)
    apply(session, said(session, window(8, hours=4), window(10)))
    apply(session, said(session, window(10)))
    kept = row(session, area, 8)
    assert (kept.booking_id, kept.external_slot_id, kept.closed_reason) == (booking_id, window(8).key, None)
    assert not kept.available
    forget_bookings(session)


def test_what_staff_closed_stays_closed_and_what_they_opened_stays_theirs(session: Session) -> None:
    area = add_area(session, "85201")
    apply(session, said(session, window(8)))
    named = Window("85201", day_ahead(), datetime.min.time().replace(hour=8))
    opening.close_window(session, named, unit=1011)
    opening.open_window(
        session, replace(named, start=named.start.replace(hour=18)), unit=1011, now=clock.now()
    )
    apply(session, said(session, window(8, 3), window(18, 3)))
    apply(session, said(session, window(8, 3, hours=4), window(18, 3)))
    assert not row(session, area, 8).available
    apply(session, said(session))
    assert (row(session, area, 8).available, row(session, area, 8).closed_reason) == (False, "staff")
    assert row(session, area, 18).available
    assert row(session, area, 18).external_slot_id.startswith(opening.OURS)


def test_a_longer_window_replaces_a_free_one(session: Session) -> None:
    area = add_area(session, "85201")
    apply(session, said(session, window(8, hours=2)))
    apply(session, said(session, window(8, hours=4)))
    changed = row(session, area, 8)
    assert (changed.external_slot_id, changed.ends_at) == (window(8, hours=4).key, window(8, hours=4).ends_at)


def test_days_are_the_areas_own(session: Session) -> None:
    area = add_area(session, "85201")
    late = window(22, hours=2)  # five in the morning of the next day in UTC
    apply(session, said(session, late))
    assert row(session, area, 22).slot_date == day_ahead()


def test_an_hour_that_comes_twice_is_offered_once(session: Session) -> None:
    zone_name = "America/Denver"
    add_area(session, "85201", timezone=zone_name)
    fall_back = next(
        date(year, 11, day) for year in (2030,) for day in range(1, 8) if date(year, 11, day).weekday() == 6
    )
    first = window(1, hours=1, day=fall_back, zone=zone_name)
    second = replace(
        first,
        key=first.key + "b",
        starts_at=first.starts_at + timedelta(hours=1),
        ends_at=first.ends_at + timedelta(hours=1),
    )
    now = slot_sync.database_time(session)
    zone = UpstreamZone(("85201",), PREFIX, now, now, first.starts_at + timedelta(days=1), (first, second))
    assert apply(session, zone) == 1


def test_windows_outside_the_span_that_was_asked_about_are_left_alone(session: Session) -> None:
    area = add_area(session, "85201")
    apply(session, said(session, window(8)))
    asked = said(session)
    due = AreaDay(area, day_ahead())
    assert slot_sync.apply(session, replace(asked, ends_at=window(8).starts_at), due) == 0
    assert slot_sync.apply(session, replace(asked, starts_at=window(8).ends_at), due) == 0


def test_the_whole_way_from_the_provider(process: Process, sim: Simulator) -> None:
    process.transact(
        lambda session: [add_area(session, zip_code) for zip_code in ("85201", "85202", "99999")]
    )
    figures = job.sync(process.transact, process.adapters.slot_source, 3)
    assert figures.changed > 10
    assert (figures.unzoned, figures.stale) == (1, ())
    assert one(process, "SELECT count(DISTINCT service_area_id) AS n FROM time_slots").n == 2
    assert job.sync(process.transact, process.adapters.slot_source, 3).changed == 0


def test_one_zone_that_cannot_be_asked_leaves_the_others_fresh(process: Process, sim: Simulator) -> None:
    process.transact(lambda session: [add_area(session, zip_code) for zip_code in ("85004", "85201")])
    sim.fault("servicetitan", "error", path="/slots", status=503)
    figures = job.sync(process.transact, process.adapters.slot_source, 3)
    assert len(figures.stale) == 1
    assert rows(process, "SELECT DISTINCT service_area_id FROM time_slots")


def test_when_no_zone_can_be_asked_the_job_says_so(process: Process, sim: Simulator) -> None:
    process.transact(lambda session: add_area(session, "85201"))
    sim.fault("servicetitan", "error", path="/slots", status=503, times=0)
    with pytest.raises(ProviderError):
        job.sync(process.transact, process.adapters.slot_source, 3)
