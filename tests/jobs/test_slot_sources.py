"""Every slot source through the real sync: the whole product runs on opening hours, and changing sources sells nothing twice."""

from contextlib import suppress
from dataclasses import replace
from datetime import date, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.orm import Session

from app import clock
from app.booking import opening, slot_sync
from app.booking.opening import Opened, Window
from app.jobs import slot_sync as job
from app.jobs.process import Process
from app.maintenance import task_runs
from app.providers.ports import ProviderError, SlotSource
from app.staff import operations
from tests.factories import PHOENIX, add_area
from tests.jobs.booked import Wish, book, do, one, rows, run_all
from tests.providers.simulated import Simulator

OPEN = (
    "SELECT s.*, a.zip_code, c.capacity, c.taken FROM time_slots s JOIN service_areas a ON a.id = s.service_area_id"
    " JOIN slot_capacity c USING (external_slot_id) WHERE s.available ORDER BY a.zip_code, s.starts_at"
)


def source_of(process: Process, sim: Simulator, name: str, **changes: object) -> SlotSource:
    return sim.adapters(slot_provider=name, **changes).slot_source


def areas(process: Process, *zip_codes: str) -> None:
    process.transact(lambda session: [add_area(session, zip_code) for zip_code in zip_codes])


def day_ahead(days: int = 2) -> date:
    return (clock.now().astimezone(ZoneInfo(PHOENIX)) + timedelta(days=days)).date()


def test_opening_hours_fill_the_calendar_and_nobody_is_asked(process: Process, sim: Simulator) -> None:
    areas(process, "85004", "85201")
    local = source_of(process, sim, "local", slot_hours="mon-sun 08:00-10:00 10:00-12:00", slot_crews=3)
    figures = job.sync(process.transact, local, 3)
    assert (figures.unzoned, figures.stale) == (0, ())
    found = rows(process, OPEN)
    assert {row.zip_code for row in found} == {"85004", "85201"}
    assert {row.slot_time for row in found} == {time(8), time(10)}
    assert {row.capacity for row in found} == {3}
    assert job.sync(process.transact, local, 3).changed == 0
    assert sim.calls("") == []


def test_a_booking_on_opening_hours_becomes_a_job_without_asking_for_room(
    process: Process, sim: Simulator
) -> None:
    areas(process, "85201")
    process = replace(process, adapters=sim.adapters(slot_provider="local", job_lease_seconds=3))
    job.sync(process.transact, process.adapters.slot_source, 4)
    book(process, Wish(key="loc1:1012:everywhere-america-phoenix:20261201T130000Z:20261201T150000Z", hour=6))
    run_all(process)
    booked = one(process, "SELECT status, servicetitan_job_id FROM bookings")
    assert (booked.status, bool(booked.servicetitan_job_id)) == ("confirmed", True)
    assert sim.calls("/slots") == []
    assert sim.calls("/capacity") == []
    (made,) = sim.effects("servicetitan", "job")
    assert isinstance(made["data"], dict)
    assert made["data"]["business_unit_id"] == 1012


def test_bookings_do_not_make_room_where_the_figures_are_the_whole_room(
    process: Process, sim: Simulator
) -> None:
    areas(process, "85201", "85202")
    local = source_of(process, sim, "local")
    job.sync(process.transact, local, 4)
    key = rows(process, OPEN)[-1].external_slot_id
    booking_id = book(process, Wish(hour=6))
    there = "UPDATE bookings SET upstream_slot_key = :key, upstream_since = clock_timestamp() WHERE id = :id"
    do(process, there, key=key, id=booking_id)
    job.sync(process.transact, local, 4)
    assert one(process, f"SELECT capacity FROM slot_capacity WHERE external_slot_id = '{key}'").capacity == 2


def test_hours_that_were_taken_back_and_given_again_are_open_again(process: Process, sim: Simulator) -> None:
    areas(process, "85201")
    long, short = (
        source_of(process, sim, "local", slot_hours=hours)
        for hours in ("mon-sun 08:00-10:00 10:00-12:00", "mon-sun 08:00-10:00")
    )
    job.sync(process.transact, long, 4)
    before = len(rows(process, OPEN))
    job.sync(process.transact, short, 4)
    assert {row.slot_time for row in rows(process, OPEN)} == {time(8)}
    job.sync(process.transact, long, 4)
    assert len(rows(process, OPEN)) == before


def test_a_day_that_staff_closed_stays_closed_and_opens_as_it_was(process: Process, sim: Simulator) -> None:
    areas(process, "85201")
    local, day = source_of(process, sim, "local"), next(d for d in map(day_ahead, (1, 2)) if d.weekday() != 6)
    job.sync(process.transact, local, 4)
    before = rows(process, OPEN)
    process.transact(lambda session: opening.close_day(session, "85201", day))
    job.sync(process.transact, local, 4)
    assert day not in {row.slot_date for row in rows(process, OPEN)}

    def open_all(session: Session) -> list[Opened]:
        return [
            opening.open_window(session, Window("85201", day, row.slot_time), unit=1011, now=clock.now())
            for row in before
            if row.slot_date == day
        ]

    assert set(process.transact(open_all)) == {Opened.AGAIN}
    assert [(row.external_slot_id, row.capacity) for row in rows(process, OPEN)] == [
        (row.external_slot_id, row.capacity) for row in before
    ]


def test_a_window_opened_by_hand_stays_when_the_source_changes(process: Process, sim: Simulator) -> None:
    areas(process, "85201")
    by_hand = Window("85201", day_ahead(), time(6), time(7), 4)
    process.transact(lambda session: opening.open_window(session, by_hand, unit=1011, now=clock.now()))
    for name in ("servicetitan_adcap", "local", "servicetitan_adcap"):
        job.sync(process.transact, source_of(process, sim, name), 4)
        (mine,) = [row for row in rows(process, OPEN) if row.slot_time == time(6)]
        assert (mine.capacity, mine.external_slot_id.split(":")[2]) == (4, "85201")


def test_what_only_the_former_source_offered_is_withdrawn(process: Process, sim: Simulator) -> None:
    areas(process, "85201")
    job.sync(process.transact, source_of(process, sim, "servicetitan_adcap"), 4)
    assert time(16) in {row.slot_time for row in rows(process, OPEN)}
    counters = rows(process, "SELECT * FROM slot_capacity WHERE external_slot_id LIKE 'ac1:%' ORDER BY 1")
    local = source_of(process, sim, "local", slot_hours="mon-sun 08:00-10:00")
    job.sync(process.transact, local, 4)
    found = rows(process, OPEN)
    assert {row.slot_time for row in found} == {time(8)}
    assert {row.external_slot_id.split(":")[0] for row in found} == {"loc1"}
    assert (
        rows(process, "SELECT * FROM slot_capacity WHERE external_slot_id LIKE 'ac1:%' ORDER BY 1")
        == counters
    )
    assert job.sync(process.transact, local, 4).changed == 0


def test_a_provider_that_is_down_never_empties_the_calendar(process: Process, sim: Simulator) -> None:
    areas(process, "85004", "85201")
    job.sync(process.transact, process.adapters.slot_source, 3)
    before = rows(process, OPEN)
    for path in ("/slots", "/zones"):
        for mode, status in (("error", 503), ("error", 401), ("garbage", 200), ("drop_before", 0)):
            sim.world.faults.faults.clear()
            sim.fault("servicetitan", mode, path=path, status=status, times=0)
            with suppress(ProviderError):
                job.sync(process.transact, process.adapters.slot_source, 3)
            assert rows(process, OPEN) == before, (path, mode)


@pytest.mark.parametrize("status", ["403", "404"])
def test_a_tenant_without_adjustable_capacity_is_served_by_the_classic_one(
    process: Process, sim: Simulator, status: str
) -> None:
    areas(process, "85004", "85201", "85701")
    sim.world.flags.set("st_adcap", status)
    first, second = (job.sync(process.transact, process.adapters.slot_source, 3) for _ in range(2))
    assert (first.stale, second.stale, second.changed) == ((), (), 0)
    prefixes = {row.external_slot_id.rsplit(":", 2)[0] for row in rows(process, OPEN)}
    assert prefixes == {"cap1:1011:0", "cap1:1012:0"}
    assert len(sim.calls("/capacity")) == 3 + 2  # zone by zone in the run that found out, then unit by unit
    book(process, Wish(key=next(row.external_slot_id for row in rows(process, OPEN)), hour=6))
    sim.world.flags.set("st_adcap", "on")
    fresh = source_of(process, sim, "servicetitan_adcap")
    job.sync(process.transact, fresh, 3)
    assert {row.external_slot_id.split(":")[0] for row in rows(process, OPEN)} == {"ac1"}


def test_zones_of_one_unit_sell_from_one_counter(process: Process, sim: Simulator) -> None:
    areas(process, "85004", "85201")
    source = source_of(process, sim, "servicetitan_capacity")
    job.sync(process.transact, source, 3)
    found = rows(process, OPEN)
    assert len({row.external_slot_id for row in found}) * 2 == len(found)
    eight = next(row for row in found if row.slot_time == time(10))
    assert eight.capacity == source.find_window(eight.external_slot_id).open == 15


def test_staff_see_which_crews_nobody_has_heard_of_for_a_while(process: Process, sim: Simulator) -> None:
    areas(process, "85004", "85201")
    job.sync(process.transact, process.adapters.slot_source, 3)
    by_hand = Window("85201", day_ahead(), time(6), time(7), 4)
    process.transact(lambda session: opening.open_window(session, by_hand, unit=1011, now=clock.now()))
    look = partial(slot_sync.old_crews, age=timedelta(minutes=30))
    assert process.transact(look) == []
    do(process, "UPDATE slot_capacity SET snapshot_at = snapshot_at - interval '1 hour'")
    assert [crew.key_prefix for crew in process.transact(look)] == ["ac1:1011:41", "ac1:1011:44"]
    sim.fault("servicetitan", "error", path="/slots", status=503)
    job.sync(process.transact, process.adapters.slot_source, 3)
    (old,) = process.transact(look)
    assert old.key_prefix == "ac1:1011:41"

    def finish_a_run(session: Session) -> None:
        task_runs.end(session, str(task_runs.start(session, "slots")), ok=True, figures={})

    process.transact(finish_a_run)
    check = process.transact(operations.check_windows)
    assert not check.ok
    assert "still as last known: ac1:1011:41 (1 h ago)" in check.says
