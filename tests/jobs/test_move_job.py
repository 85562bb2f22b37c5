"""A moved booking is moved in ServiceTitan too: to where it stands by now, once, and never behind the office's back."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app import clock
from app.booking import changes
from app.booking.changes import Moved, Mover
from app.booking.slots import Window
from app.jobs import runner
from app.jobs.process import Process
from app.outbox import JobType
from app.providers.ports import OpenWindow, Visit
from tests.factories import SlotRow, add_slot
from tests.jobs.booked import (
    LEAD,
    Wish,
    book,
    booking,
    cancel,
    do,
    during,
    hand_out,
    job_of,
    one,
    rows,
    run_all,
    run_type,
)
from tests.providers.simulated import JOBS, Simulator

CREATE, MOVE, CANCEL = JobType.CREATE_JOB, JobType.MOVE_JOB, JobType.CANCEL_JOB
RESCHEDULE = "/reschedule"
WEEK = timedelta(days=7)


def offer(process: Process, day: int = 4, hour: int = 10, key: str | None = None) -> SlotRow:
    """Open another window of the booking's area."""

    def work(session: Session) -> SlotRow:
        area = one(process, "SELECT id FROM service_areas WHERE zip_code = '85201'").id
        return add_slot(session, area, day=day, hour=hour, key=key)

    return process.transact(work)


def move(process: Process, booking_id: uuid.UUID, slot_id: uuid.UUID) -> Moved:
    """Move as the manage page does."""
    mover = Mover("visitor", LEAD, process.settings.privacy_hash_key)
    return process.transact(lambda session: changes.move(session, booking_id, slot_id, mover))


def moved_to(process: Process, booking_id: uuid.UUID, day: int = 4, hour: int = 10) -> None:
    move(process, booking_id, offer(process, day, hour).id)


def there(process: Process, booking_id: uuid.UUID) -> Visit:
    """The visit as the provider has it."""
    service = process.adapters.field_service
    job = service.find_job(booking_id)
    assert job is not None
    visit = service.get_visit(job.job_id)
    assert visit is not None
    return visit


def is_there(process: Process, booking_id: uuid.UUID) -> bool:
    """Whether booking and provider agree on the window."""
    row, visit = booking(process, booking_id), there(process, booking_id)
    return (row.preferred_time, row.window_end) == (visit.starts_at, visit.ends_at)


@pytest.fixture
def made(process: Process) -> uuid.UUID:
    """A booking whose job exists."""
    booking_id = book(process)
    run_type(process, booking_id, CREATE)
    return booking_id


def test_a_move_reaches_the_provider_and_the_booking_knows_where(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    before = booking(process, made)
    do(process, "UPDATE bookings SET needs_attention = 'ServiceTitan: old news' WHERE id = :id", id=made)
    slot = offer(process)
    assert move(process, made, slot.id).changed
    assert run_type(process, made, MOVE).outcome == "ok"
    after = booking(process, made)
    assert is_there(process, made)
    assert (after.upstream_slot_key, after.needs_attention) == (slot.key, None)
    assert after.upstream_since > before.upstream_since
    assert after.servicetitan_appointment_id == there(process, made).appointment_id
    assert len(sim.calls(RESCHEDULE)) == 1


def test_what_the_office_has_to_see_for_another_reason_stays(process: Process, made: uuid.UUID) -> None:
    do(process, "UPDATE bookings SET needs_attention = 'Not texted' WHERE id = :id", id=made)
    moved_to(process, made)
    assert run_type(process, made, MOVE).outcome == "ok"
    assert booking(process, made).needs_attention == "Not texted"


def test_a_move_waits_for_its_create_at_the_dispatcher_and_at_the_claim(process: Process) -> None:
    booking_id = book(process)
    moved_to(process, booking_id)
    rung = {ring.job_id for ring in hand_out(process)}
    assert job_of(process, booking_id, CREATE).id in rung
    assert job_of(process, booking_id, MOVE).id not in rung
    runner.run(process, job_of(process, booking_id, MOVE).id)
    waiting = job_of(process, booking_id, MOVE)
    assert (waiting.status, waiting.attempts) == ("pending", 0)


def test_a_move_before_the_create_costs_the_provider_nothing(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    moved_to(process, booking_id)
    run_all(process)
    assert job_of(process, booking_id, MOVE).outcome == "ok"
    assert is_there(process, booking_id)
    assert sim.calls(RESCHEDULE) == []


def test_a_move_while_the_job_is_being_made_follows_at_once(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    service = process.adapters.field_service
    service.create_job = during(service, "create_job", lambda: moved_to(process, booking_id))
    run_all(process)
    assert is_there(process, booking_id)
    assert len(rows(process, "SELECT 1 FROM queue_jobs WHERE job_type = :type", type=MOVE)) == 1
    assert booking(process, booking_id).needs_attention is None
    assert len(sim.calls(RESCHEDULE)) == 1


def test_two_moves_are_one_at_the_provider_and_the_second_finds_it_done(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    moved_to(process, made, 4)
    moved_to(process, made, 5)
    run_all(process)
    outcomes = rows(process, "SELECT outcome FROM queue_jobs WHERE job_type = :type", type=MOVE)
    assert [row.outcome for row in outcomes] == ["ok", "ok"]
    assert is_there(process, made)
    assert len(sim.calls(RESCHEDULE)) == 1
    assert booking(process, made).upstream_since is not None


def test_moved_again_while_the_first_move_is_at_the_provider(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    moved_to(process, made, 4)
    service = process.adapters.field_service
    real, ahead = service.move_visit, [5]

    def moved_meanwhile(*arguments: Any) -> Visit:
        if ahead:
            moved_to(process, made, ahead.pop())
        return real(*arguments)

    service.move_visit = moved_meanwhile
    run_type_of_version(process, made, 2)
    first = booking(process, made)
    assert not is_there(process, made)
    assert first.preferred_time != there(process, made).starts_at
    run_type(process, made, MOVE)
    assert is_there(process, made)
    assert len(sim.calls(RESCHEDULE)) == 2


def run_type_of_version(process: Process, booking_id: uuid.UUID, version: int) -> None:
    """Run the move that made this version."""
    key = f"{MOVE}:{booking_id}:{version}"
    runner.run(process, one(process, "SELECT id FROM queue_jobs WHERE dedupe_key = :key", key=key).id)


@pytest.mark.parametrize("mode", ["drop_after_commit", "drop_before", "garbage"])
def test_an_unclear_move_is_repeated_until_it_is_seen(
    process: Process, sim: Simulator, made: uuid.UUID, mode: str
) -> None:
    moved_to(process, made)
    sim.fault("servicetitan", mode, "PATCH", RESCHEDULE)
    assert run_type(process, made, MOVE).status == "pending"
    assert run_type(process, made, MOVE).outcome == "ok"
    assert is_there(process, made)


def test_after_an_unclear_move_to_elsewhere_it_looks_once_more(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    """The lost request may still arrive after the newer one, and would undo it."""
    moved_to(process, made, 4)
    old = booking(process, made)
    sim.fault("servicetitan", "drop_before", "PATCH", RESCHEDULE)
    run_type_of_version(process, made, 2)
    moved_to(process, made, 5)
    do(process, "UPDATE queue_jobs SET scheduled_at = now() WHERE status = 'pending'")
    run_type_of_version(process, made, 2)
    key = f"{MOVE}:{made}:2"
    waiting = one(process, "SELECT status FROM queue_jobs WHERE dedupe_key = :key", key=key)
    assert waiting.status == "pending"
    visit = there(process, made)
    process.adapters.field_service.move_visit(visit, old.preferred_time, old.window_end)  # it arrives now
    do(process, "UPDATE queue_jobs SET scheduled_at = now() WHERE status = 'pending'")
    run_all(process)
    assert is_there(process, made)


def test_a_cancelled_booking_is_not_moved(process: Process, sim: Simulator, made: uuid.UUID) -> None:
    moved_to(process, made)
    cancel(process, made)
    run_all(process)
    assert job_of(process, made, MOVE).outcome == "cancelled"
    assert job_of(process, made, CANCEL).outcome == "ok"
    assert sim.calls(RESCHEDULE) == []


def test_cancelled_while_the_move_is_at_the_provider_ends_cancelled(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    moved_to(process, made)
    service = process.adapters.field_service
    service.move_visit = during(service, "move_visit", lambda: cancel(process, made))
    run_all(process)
    assert job_of(process, made, CANCEL).outcome == "ok"
    assert len(sim.effects("servicetitan", "cancel")) == 1
    assert booking(process, made).upstream_slot_key is None


@pytest.mark.parametrize("status", ["Working", "Done"])
def test_a_visit_that_is_under_way_is_not_moved_and_the_office_hears_of_it(
    process: Process, sim: Simulator, made: uuid.UUID, status: str
) -> None:
    moved_to(process, made)
    (job,) = sim.world.office.jobs.values()
    job.appointments[0].status = status
    assert run_type(process, made, MOVE).outcome == "permanent"
    assert "NOT moved there" in booking(process, made).needs_attention
    assert sim.calls(RESCHEDULE) == []


def test_a_visit_that_gets_under_way_in_that_moment_is_a_conflict_for_the_office(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    moved_to(process, made)
    sim.fault("servicetitan", "error", "PATCH", RESCHEDULE, status=409)
    assert run_type(process, made, MOVE).outcome == "permanent"
    assert "NOT moved there" in booking(process, made).needs_attention


def test_a_job_that_the_office_cancelled_is_not_moved(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    moved_to(process, made)
    process.adapters.field_service.cancel_job(booking(process, made).servicetitan_job_id, "by the office")
    assert run_type(process, made, MOVE).outcome == "permanent"
    assert "NOT moved there" in booking(process, made).needs_attention
    assert sim.calls(RESCHEDULE) == []


def test_a_create_that_failed_for_good_leaves_the_move_to_the_office(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", "error", "POST", JOBS, status=400)
    assert run_type(process, booking_id, CREATE).status == "failed"
    moved_to(process, booking_id)
    assert run_type(process, booking_id, MOVE).outcome == "cancelled"
    assert "no job to move" in booking(process, booking_id).needs_attention


def test_a_create_that_never_began_leaves_the_move_to_the_office(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    dead = "UPDATE queue_jobs SET status = 'failed', outcome = 'deadline' WHERE job_type = :type"
    do(process, dead, type=CREATE)
    moved_to(process, booking_id)
    assert run_type(process, booking_id, MOVE).status == "completed"
    assert "no job to move" in booking(process, booking_id).needs_attention
    assert sim.calls(JOBS) == []


def test_a_job_whose_id_never_reached_us_is_found_and_moved(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", "drop_after_commit", "POST", JOBS)
    run_type(process, booking_id, CREATE)
    do(
        process,
        "UPDATE queue_jobs SET status = 'failed', outcome = 'exhausted' WHERE job_type = :t",
        t=CREATE,
    )
    moved_to(process, booking_id)
    assert run_type(process, booking_id, MOVE).outcome == "ok"
    assert is_there(process, booking_id)
    assert booking(process, booking_id).servicetitan_job_id == there(process, booking_id).job_id


def test_a_job_that_may_still_be_coming_is_looked_for_twice(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", "drop_before", "POST", JOBS)
    run_type(process, booking_id, CREATE)
    do(
        process,
        "UPDATE queue_jobs SET status = 'failed', outcome = 'exhausted' WHERE job_type = :t",
        t=CREATE,
    )
    moved_to(process, booking_id)
    assert run_type(process, booking_id, MOVE).status == "pending"
    assert run_type(process, booking_id, MOVE).status == "completed"


def real_windows(process: Process) -> list[OpenWindow]:
    """Windows that the provider itself has open."""
    source = process.adapters.slot_source
    zone = source.zones()[0]
    start = clock.now() + timedelta(days=6)
    return [window for window in source.open_windows(zone, start, start + WEEK).windows if window.open > 0]


def open_here(process: Process, window: OpenWindow, day: int, hour: int) -> SlotRow:
    """Offer a window of the provider's in the booking's area."""
    slot = offer(process, day, hour, key=window.key)
    do(
        process,
        "UPDATE time_slots SET starts_at = :starts, ends_at = :ends WHERE id = :id",
        starts=window.starts_at,
        ends=window.ends_at,
        id=slot.id,
    )
    return slot


def test_the_window_is_asked_for_once_more_and_the_new_place_is_counted(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    window = real_windows(process)[0]
    asked = len(sim.calls("/availability/slots"))
    move(process, made, open_here(process, window, 4, 10).id)
    assert run_type(process, made, MOVE).outcome == "ok"
    assert len(sim.calls("/availability/slots")) == asked + 1
    assert booking(process, made).upstream_slot_key == window.key
    assert Window(window.starts_at, window.ends_at) == Window(
        there(process, made).starts_at, there(process, made).ends_at
    )


def test_a_visit_that_is_there_already_is_asked_nothing(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    """Nor is it a failure when the technician is on the way to where the booking stands."""
    moved_to(process, made, 4)
    move(process, made, open_here(process, real_windows(process)[0], 5, 10).id)
    looked = len(sim.calls("/availability/slots"))
    run_type_of_version(process, made, 2)
    assert len(sim.calls("/availability/slots")) == looked + 1
    (job,) = sim.world.office.jobs.values()
    job.appointments[0].status = "Working"
    assert run_type(process, made, MOVE).outcome == "ok"
    assert len(sim.calls("/availability/slots")) == looked + 1
    assert booking(process, made).needs_attention is None


GONE = "ac1:1011:41:20200101T150000Z:20200101T170000Z"


def test_a_window_that_is_gone_there_is_for_the_homeowner_to_replace(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    move(process, made, offer(process, key=GONE).id)
    assert run_type(process, made, MOVE).outcome == "permanent"
    assert booking(process, made).needs_attention.startswith(changes.WINDOW_LOST)
    assert sim.calls(RESCHEDULE) == []
    told = rows(process, "SELECT type FROM notifications WHERE template = 'window_lost'")
    assert {row.type for row in told} == {"email", "sms"}
    moved_to(process, made, 5)
    assert booking(process, made).needs_attention is None
    assert run_type(process, made, MOVE).outcome == "ok"
    assert is_there(process, made)


def test_a_move_away_from_a_lost_window_lets_the_create_run_again(process: Process, sim: Simulator) -> None:
    booking_id = book(process, Wish(key=GONE))
    assert run_type(process, booking_id, CREATE).status == "failed"
    assert booking(process, booking_id).needs_attention.startswith(changes.WINDOW_LOST)
    moved_to(process, booking_id)
    assert booking(process, booking_id).needs_attention is None
    run_all(process)
    assert is_there(process, booking_id)
    assert booking(process, booking_id).status == "confirmed"
    assert [effect["count"] for effect in sim.effects("servicetitan", "job")] == [1]
    assert job_of(process, booking_id, MOVE).outcome == "ok"


def test_analytics_out_of_order_costs_no_move(process: Process, owner: object, made: uuid.UUID) -> None:
    break_events(owner, "ADD CONSTRAINT broken CHECK (false) NOT VALID")
    try:
        moved_to(process, made)
    finally:
        break_events(owner, "DROP CONSTRAINT broken")
    assert booking(process, made).version == 2
    assert rows(process, "SELECT 1 FROM analytics_events WHERE event_type = 'booking_moved'") == []


def break_events(owner: object, how: str) -> None:
    with owner.begin() as connection:  # type: ignore[attr-defined]  # an Engine
        connection.exec_driver_sql(f"ALTER TABLE analytics_events {how}")


def test_an_older_version_of_the_news_is_not_sent(process: Process, made: uuid.UUID) -> None:
    moved_to(process, made, 4)
    moved_to(process, made, 5)
    run_all(process)
    told = rows(
        process,
        "SELECT status, dedupe_key FROM notifications WHERE template = 'moved' AND type = 'email' ORDER BY dedupe_key",
    )
    assert [(row.status, row.dedupe_key[-2:]) for row in told] == [("failed", ":2"), ("sent", ":3")]
