"""What the office changes in ServiceTitan happens here too, once, and never against a newer wish of the homeowner."""

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from app.booking import changes
from app.booking.changes import Mover
from app.jobs import feed_tokens, periodic
from app.jobs.feed_tokens import Step
from app.jobs.process import Process
from app.outbox import JobType
from app.providers.ports import JobStatus
from tests.factories import SlotRow, add_slot
from tests.jobs.booked import (
    LEAD,
    Wish,
    book,
    booking,
    cancel,
    do,
    one,
    rows,
    run_all,
    run_type,
)
from tests.jobs.upstream_office import (
    Killed,
    afterwards,
    by_hand,
    everything,
    job_there,
    move_there,
    poll,
    run_new,
    set_flag,
)
from tests.providers.simulated import JOBS, Simulator

CREATE, MOVE, CANCEL = JobType.CREATE_JOB, JobType.MOVE_JOB, JobType.CANCEL_JOB
OF_TYPE = "SELECT * FROM queue_jobs WHERE booking_id = :id AND job_type = :type"
TWO_HOURS = timedelta(hours=2)


@pytest.fixture
def made(process: Process, sim: Simulator) -> uuid.UUID:
    """A confirmed booking whose job the feeds have told of."""
    booking_id = book(process)
    run_all(process)
    poll(process)
    return booking_id


def slot_at(process: Process, *, day: int, hour: int = 8) -> SlotRow:
    """Offer another window of the same area."""
    area = one(process, "SELECT id FROM service_areas").id
    return process.transact(lambda session: add_slot(session, area, day=day, hour=hour))


def messages(process: Process, kind: str) -> list[str]:
    """Return the channels a message is queued for."""
    found = rows(process, "SELECT type FROM notifications WHERE template = :kind ORDER BY type", kind=kind)
    return [row.type for row in found]


def forget_place(process: Process) -> None:
    """Let the feeds tell everything again."""
    do(process, "UPDATE provider_feeds SET continue_from = NULL WHERE feed <> 'servicetitan.left_over'")


def move_here(process: Process, booking_id: uuid.UUID, slot: SlotRow) -> None:
    """Move as the homeowner does."""
    mover = Mover("visitor", LEAD, process.settings.privacy_hash_key)
    process.transact(lambda session: changes.move(session, booking_id, slot.id, mover))


def window_there(process: Process, booking_id: uuid.UUID) -> datetime:
    """Return where the visit begins there."""
    visit = process.adapters.field_service.get_visit(job_there(process, booking_id))
    assert visit is not None
    return visit.starts_at


def test_a_cancel_by_the_office_frees_the_window_and_tells_the_homeowner(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    by_hand(sim, f"jobs/{job_there(process, made)}/cancel")
    assert poll(process).outcome == "ok"
    row = booking(process, made)
    assert (row.status, row.version, row.upstream_status) == ("cancelled", 2, "cancelled")
    assert row.upstream_slot_key is None
    slot = one(process, "SELECT available, booking_id FROM time_slots")
    assert (slot.available, slot.booking_id) == (True, None)
    assert one(process, "SELECT taken FROM slot_capacity").taken == 0
    assert messages(process, "cancelled") == ["email", "sms"]
    assert rows(process, OF_TYPE, id=made, type=CANCEL) == []
    last = rows(process, "SELECT to_status, actor FROM booking_status_history ORDER BY at, id")[-1]
    assert tuple(last) == ("cancelled", "servicetitan")


def test_the_same_news_twice_changes_nothing(process: Process, sim: Simulator, made: uuid.UUID) -> None:
    other = slot_at(process, day=3)
    move_there(sim, process, made, other.starts_at, other.starts_at + TWO_HOURS)
    poll(process)
    before = everything(process)
    forget_place(process)
    poll(process)
    assert everything(process) == before
    by_hand(sim, f"jobs/{job_there(process, made)}/cancel")
    poll(process)
    before = everything(process)
    set_flag(sim, "st_export_duplicates", value=True)
    forget_place(process)
    poll(process)
    poll(process)
    assert everything(process) == before


def test_a_visit_the_office_moved_takes_its_new_window(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    other = slot_at(process, day=3, hour=10)
    move_there(sim, process, made, other.starts_at, other.starts_at + TWO_HOURS)
    poll(process)
    row = booking(process, made)
    assert (row.preferred_time, row.window_end) == (other.starts_at, other.starts_at + TWO_HOURS)
    assert (row.status, row.version, row.time_slot_id) == ("confirmed", 2, other.id)
    assert row.upstream_slot_key == other.key
    held = rows(process, "SELECT id, available FROM time_slots WHERE booking_id = :id", id=made)
    assert [tuple(slot) for slot in held] == [(other.id, False)]
    taken = rows(process, "SELECT external_slot_id, taken FROM slot_capacity")
    assert {row.external_slot_id: row.taken for row in taken}[other.key] == 1
    assert sum(row.taken for row in taken) == 1
    assert messages(process, "moved") == ["email", "sms"]
    assert rows(process, OF_TYPE, id=made, type=MOVE) == []


def test_a_visit_moved_to_a_window_we_do_not_know_stands_without_one(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    start = booking(process, made).preferred_time + timedelta(days=1, minutes=30)
    move_there(sim, process, made, start, start + TWO_HOURS)
    poll(process)
    row = booking(process, made)
    assert (row.preferred_time, row.time_slot_id, row.upstream_slot_key) == (start, None, None)
    assert one(process, "SELECT available FROM time_slots").available
    assert one(process, "SELECT taken FROM slot_capacity").taken == 0


@pytest.mark.parametrize("who", ["booked", "held"])
def test_a_window_that_is_somebody_elses_stays_theirs(
    process: Process, sim: Simulator, made: uuid.UUID, who: str
) -> None:
    if who == "booked":
        book(process, Wish(day=3))
        run_all(process)
    else:
        slot_at(process, day=3)
        held = "held_by = gen_random_uuid(), held_until = now() + interval '5 minutes'"
        do(process, f"UPDATE time_slots SET {held} WHERE booking_id IS NULL")
    theirs = one(process, "SELECT * FROM time_slots WHERE booking_id IS DISTINCT FROM :id", id=made)
    move_there(sim, process, made, theirs.starts_at, theirs.ends_at)
    poll(process)
    assert booking(process, made).preferred_time == theirs.starts_at
    assert one(process, "SELECT * FROM time_slots WHERE id = :id", id=theirs.id) == theirs


def test_a_finished_job_completes_the_booking(process: Process, sim: Simulator, made: uuid.UUID) -> None:
    by_hand(sim, f"jobs/{job_there(process, made)}/advance", to="InProgress")
    poll(process)
    assert (booking(process, made).status, booking(process, made).upstream_status) == (
        "confirmed",
        "in_progress",
    )
    by_hand(sim, f"jobs/{job_there(process, made)}/advance", to="Completed")
    poll(process)
    assert booking(process, made).status == "completed"
    last = rows(process, "SELECT to_status, actor FROM booking_status_history ORDER BY at, id")[-1]
    assert tuple(last) == ("completed", "servicetitan")


def test_a_visit_confirmed_at_the_office_is_confirmed_here(process: Process, made: uuid.UUID) -> None:
    assert booking(process, made).visit_confirmed_at is None
    process.adapters.field_service.confirm_visit(booking(process, made).servicetitan_appointment_id)
    poll(process)
    assert booking(process, made).visit_confirmed_at is not None


def test_our_own_changes_coming_back_change_nothing_and_ask_for_nothing(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    before = everything(process)
    forget_place(process)
    asked = len(sim.calls(f"/jobs/{job_there(process, made)}"))
    poll(process)
    assert everything(process) == before
    move_here(process, made, slot_at(process, day=3))
    run_all(process)
    before = everything(process)
    poll(process)
    assert everything(process) == before
    cancel(process, made)
    run_all(process)
    before = everything(process)
    poll(process)
    assert everything(process) == before
    assert len(sim.calls(f"/jobs/{job_there(process, made)}")) == asked


def test_a_move_of_ours_that_waits_is_not_overwritten(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    ours = slot_at(process, day=4)
    theirs = booking(process, made).preferred_time + timedelta(days=1)
    move_there(sim, process, made, theirs, theirs + TWO_HOURS)
    move_here(process, made, ours)
    poll(process)
    assert booking(process, made).preferred_time == ours.starts_at
    run_all(process)
    assert window_there(process, made) == ours.starts_at
    poll(process)
    assert booking(process, made).preferred_time == ours.starts_at
    assert messages(process, "moved") == ["email", "sms"]
    assert feed_left(process) == "{}"


def test_a_move_of_ours_that_ends_while_we_look_is_not_overwritten(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    ours, service = slot_at(process, day=4), process.adapters.field_service

    def move_meanwhile() -> None:
        move_here(process, made, ours)
        assert run_type(process, made, MOVE).outcome == "ok"

    theirs = booking(process, made).preferred_time + timedelta(days=1)
    move_there(sim, process, made, theirs, theirs + TWO_HOURS)
    service.get_visit = afterwards(service, "get_visit", move_meanwhile)
    poll(process)
    assert booking(process, made).preferred_time == ours.starts_at
    poll(process)
    assert booking(process, made).preferred_time == ours.starts_at == window_there(process, made)


def test_a_move_of_ours_that_was_given_up_is_for_a_person_to_settle(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    ours = slot_at(process, day=4)
    move_here(process, made, ours)
    sim.fault("servicetitan", "error", "PATCH", "/reschedule", status=400)
    assert run_type(process, made, MOVE).status == "failed"
    start = booking(process, made).preferred_time + timedelta(days=1)
    move_there(sim, process, made, start, start + TWO_HOURS)
    poll(process)
    row = booking(process, made)
    assert row.preferred_time == ours.starts_at
    assert "did not get through" in row.needs_attention


def test_an_appointment_that_was_added_is_not_taken_for_a_move(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    do(process, "UPDATE bookings SET servicetitan_appointment_id = '1'")
    start = booking(process, made).preferred_time + timedelta(days=1)
    move_there(sim, process, made, start, start + TWO_HOURS)
    poll(process)
    assert booking(process, made).preferred_time == start - timedelta(days=1)
    assert "another appointment" in booking(process, made).needs_attention


def test_a_worker_killed_in_mid_page_leaves_the_page_to_the_next(process: Process, sim: Simulator) -> None:
    booked = [book(process, Wish(day=day)) for day in (2, 3, 4)]
    run_all(process)
    poll(process)
    place = rows(process, "SELECT feed, continue_from FROM provider_feeds ORDER BY feed")
    for booking_id in booked:
        by_hand(sim, f"jobs/{job_there(process, booking_id)}/cancel")
    service, real = process.adapters.field_service, process.adapters.field_service.get_job
    looked: list[str] = []

    def die_at_the_second(job_id: str) -> object:
        looked.append(job_id)
        if len(looked) == 2:
            raise Killed
        return real(job_id)

    service.get_job = die_at_the_second
    with pytest.raises(Killed):
        poll(process)
    statuses = [booking(process, booking_id).status for booking_id in booked]
    assert statuses.count("cancelled") == 1
    assert rows(process, "SELECT feed, continue_from FROM provider_feeds ORDER BY feed") == place
    poll(process)
    assert {booking(process, booking_id).status for booking_id in booked} == {"cancelled"}
    assert len(messages(process, "cancelled")) == 6
    assert len(looked) == 4


def test_one_job_that_cannot_be_read_does_not_stop_the_others(process: Process, sim: Simulator) -> None:
    booked = [book(process, Wish(day=day)) for day in (2, 3)]
    run_all(process)
    poll(process)
    for booking_id in booked:
        by_hand(sim, f"jobs/{job_there(process, booking_id)}/cancel")
    sim.fault("servicetitan", "error", "GET", f"/jobs/{job_there(process, booked[0])}", status=404)
    assert poll(process).outcome == "ok"
    assert [booking(process, booking_id).status for booking_id in booked] == ["confirmed", "cancelled"]
    assert str(booked[0]) in feed_left(process)
    poll(process)
    assert booking(process, booked[0]).status == "cancelled"
    assert feed_left(process) == "{}"


def test_while_servicetitan_is_down_the_place_is_kept(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    place = rows(process, "SELECT feed, continue_from FROM provider_feeds ORDER BY feed")
    by_hand(sim, f"jobs/{job_there(process, made)}/cancel")
    sim.fault("servicetitan", "error", "GET", f"/jobs/{job_there(process, made)}", status=503, times=5)
    assert poll(process).status == "pending"
    assert rows(process, "SELECT feed, continue_from FROM provider_feeds ORDER BY feed") == place


def test_who_reads_slower_does_not_turn_the_feed_back(process: Process) -> None:
    first, second = Step("servicetitan.jobs", None, "a"), Step("servicetitan.jobs", "a", "b")
    assert process.transact(lambda session: feed_tokens.store(session, first))
    assert process.transact(lambda session: feed_tokens.store(session, second))
    assert not process.transact(lambda session: feed_tokens.store(session, second))
    late = Step("servicetitan.jobs", "a", "c")
    assert not process.transact(lambda session: feed_tokens.store(session, late))
    assert process.transact(lambda session: feed_tokens.read(session, "servicetitan.jobs")) == "b"


def test_a_feed_is_read_page_by_page_to_its_end(process: Process, sim: Simulator) -> None:
    booked = [book(process, Wish(day=day)) for day in (2, 3, 4)]
    run_all(process)
    for booking_id in booked:
        by_hand(sim, f"jobs/{job_there(process, booking_id)}/cancel")
    set_flag(sim, "st_export_page", 1)
    poll(process)
    assert {booking(process, booking_id).status for booking_id in booked} == {"cancelled"}


def test_changes_arrive_before_the_export_lag_is_over(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    set_flag(sim, "st_export_lag_seconds", 900)
    by_hand(sim, f"jobs/{job_there(process, made)}/cancel")
    poll(process)
    assert booking(process, made).status == "cancelled"


def test_a_job_whose_create_was_given_up_is_adopted(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", "drop_after_commit", "POST", JOBS)
    run_type(process, booking_id, CREATE)
    do(
        process,
        "UPDATE queue_jobs SET status = 'failed', outcome = 'exhausted' WHERE job_type = :t",
        t=CREATE,
    )
    poll(process)
    row = booking(process, booking_id)
    assert (row.status, row.upstream_slot_key is not None) == ("confirmed", True)
    assert row.servicetitan_job_id == sim.effects("servicetitan", "job")[0]["id"]


def test_a_job_of_somebody_else_is_not_ours(process: Process, sim: Simulator, made: uuid.UUID) -> None:
    do(process, "UPDATE bookings SET servicetitan_job_id = '999999'")
    by_hand(sim, f"jobs/{sim.effects('servicetitan', 'job')[0]['id']}/cancel")
    before = everything(process)
    poll(process)
    assert everything(process) == before


def test_a_living_job_of_a_cancelled_booking_is_cancelled(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    run_all(process)
    cancel(process, booking_id)
    sim.fault("servicetitan", "error", "PUT", "/cancel", status=404)
    assert run_type(process, booking_id, CANCEL).status == "failed"
    by_hand(sim, f"jobs/{job_there(process, booking_id)}/advance", to="Dispatched")
    poll(process)
    run_all(process)
    found = process.adapters.field_service.find_job(booking_id)
    assert found is not None
    assert found.status is JobStatus.CANCELLED


def test_a_cancellation_the_office_took_back_is_not_cancelled_again(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    cancel(process, made)
    run_all(process)
    poll(process)
    sim.world.office.jobs[int(job_there(process, made))].status = "Scheduled"
    do(process, "UPDATE bookings SET upstream_status = 'cancelled'")
    forget_place(process)
    poll(process)
    run_all(process)
    assert len(rows(process, OF_TYPE, id=made, type=CANCEL)) == 1
    assert "took the cancellation back" in booking(process, made).needs_attention


def test_the_figures_of_a_round_are_kept(process: Process, sim: Simulator, made: uuid.UUID) -> None:
    run = one(process, "INSERT INTO task_runs (name) VALUES ('feeds') RETURNING id").id
    by_hand(sim, f"jobs/{job_there(process, made)}/cancel")
    run_new(process, JobType.POLL_FEEDS, task_run_id=str(run))
    kept = one(process, "SELECT ok, figures FROM task_runs WHERE id = :id", id=run)
    assert (kept.ok, kept.figures["cancelled"]) == (True, 1)


def test_the_feeds_are_read_by_themselves(process: Process) -> None:
    feeds = next(task for task in periodic.PERIODIC if task.name == "feeds")
    assert periodic.run_if_due(process, feeds)
    assert not periodic.run_if_due(process, feeds)
    job = one(process, "SELECT payload FROM queue_jobs WHERE job_type = :type", type=JobType.POLL_FEEDS)
    run_all(process)
    run = one(process, "SELECT name, ok FROM task_runs WHERE id = :id", id=job.payload["task_run_id"])
    assert tuple(run) == ("feeds", True)


def test_the_comparison_is_made_at_night(process: Process) -> None:
    comparison = next(task for task in periodic.PERIODIC if task.name == "comparison")
    zones = [f"Etc/GMT{sign}{hour}" for sign in "+-" for hour in range(12)]
    night = next(zone for zone in zones if periodic.is_night(zone))
    day = next(zone for zone in zones if not periodic.is_night(zone))
    assert not periodic.run_if_due(in_zone(process, day), comparison)
    assert periodic.run_if_due(in_zone(process, night), comparison)
    assert not periodic.run_if_due(in_zone(process, night), comparison)


def in_zone(process: Process, zone: str) -> Process:
    """Return a worker of an office in another zone."""
    return replace(process, settings=replace(process.settings, report_timezone=zone))


def feed_left(process: Process) -> str:
    """Return what is to be looked at again."""
    sql = text("SELECT continue_from FROM provider_feeds WHERE feed = 'servicetitan.left_over'")
    return str(process.transact(lambda session: session.execute(sql).scalar_one_or_none()))
