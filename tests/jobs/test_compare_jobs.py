"""Once a night nothing that is wrong between the bookings and their jobs stays unseen."""

import uuid
from datetime import timedelta

import pytest

from app.booking import changes, comparison
from app.booking.changes import Mover
from app.jobs import job_order, periodic
from app.jobs.process import Process
from app.models.queue_job import JobOutcome
from app.outbox import JobType
from app.providers.ports import JobStatus
from tests.factories import add_slot
from tests.jobs.booked import LEAD, Wish, book, booking, cancel, do, job_of, one, rows, run_all, run_type
from tests.jobs.upstream_office import Killed, afterwards, by_hand, everything, job_there, move_there, run_new
from tests.providers.simulated import JOBS, Simulator

CREATE, CANCEL = JobType.CREATE_JOB, JobType.CANCEL_JOB
NOW = "INSERT INTO task_runs (name) VALUES ('comparison') RETURNING id"


@pytest.fixture
def made(process: Process) -> uuid.UUID:
    """A confirmed booking."""
    booking_id = book(process)
    run_all(process)
    return booking_id


def compare(process: Process) -> dict[str, int]:
    """Compare now and return the figures."""
    run = one(process, NOW).id
    assert run_new(process, JobType.COMPARE_JOBS, task_run_id=str(run)).outcome == "ok"
    found = one(process, "SELECT ok, figures FROM task_runs WHERE id = :id", id=run)
    assert found.ok
    return dict(found.figures)


def attention(process: Process, booking_id: uuid.UUID) -> str | None:
    """Return what the office reads."""
    words: str | None = booking(process, booking_id).needs_attention
    return words


def test_what_agrees_is_left_alone(process: Process, made: uuid.UUID) -> None:
    cancelled, waiting = book(process, Wish(day=3)), None
    run_all(process)
    cancel(process, cancelled)
    run_all(process)
    waiting = book(process, Wish(day=4))
    before = everything(process)
    assert compare(process) == {"compared": 3}
    assert everything(process) == before
    assert job_of(process, waiting, CREATE).status == "pending"


@pytest.mark.parametrize("outcome", [JobOutcome.EXHAUSTED, JobOutcome.DEADLINE, JobOutcome.UNCERTAIN])
def test_a_job_that_is_missing_is_made(process: Process, sim: Simulator, outcome: JobOutcome) -> None:
    booking_id = book(process)
    do(
        process,
        "UPDATE queue_jobs SET status = 'failed', outcome = :o WHERE job_type = :t",
        o=outcome,
        t=CREATE,
    )
    assert compare(process) == {"compared": 1, "missing_there": 1}
    assert "has no job" in (attention(process, booking_id) or "")
    run_all(process)
    assert (booking(process, booking_id).status, attention(process, booking_id)) == ("confirmed", None)
    assert len(sim.effects("servicetitan", "job")) == 1


def test_a_job_that_vanished_is_made_again(process: Process, sim: Simulator, made: uuid.UUID) -> None:
    sim.world.office.jobs.clear()
    assert compare(process)["missing_there"] == 1
    run_all(process)
    row = booking(process, made)
    assert (row.status, row.needs_attention) == ("confirmed", None)
    assert process.adapters.field_service.find_job(made).job_id == row.servicetitan_job_id


def test_a_create_that_was_refused_waits_for_a_person(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", "error", "POST", JOBS, status=400)
    run_type(process, booking_id, CREATE)
    before = everything(process)
    assert compare(process) == {"compared": 1}
    assert everything(process) == before


def test_a_booking_without_any_delivery_gets_one(process: Process) -> None:
    booking_id = book(process)
    do(process, "DELETE FROM queue_jobs WHERE job_type = :type", type=CREATE)
    compare(process)
    run_all(process)
    assert booking(process, booking_id).status == "confirmed"


def test_a_visit_that_is_over_gets_no_new_job(process: Process, sim: Simulator, made: uuid.UUID) -> None:
    sim.world.office.jobs.clear()
    past = "preferred_time = now() - interval '5 hours', window_end = now() - interval '3 hours'"
    do(process, f"UPDATE bookings SET {past}")
    assert compare(process)["missing_there"] == 1
    assert "has no job" in (attention(process, made) or "")
    assert len(rows(process, "SELECT 1 FROM queue_jobs WHERE job_type = :type", type=CREATE)) == 1
    assert booking(process, made).servicetitan_job_id is not None


def test_a_job_cancelled_there_is_put_before_the_office(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    by_hand(sim, f"jobs/{job_there(process, made)}/cancel")
    assert compare(process)["cancelled_there"] == 1
    assert booking(process, made).status == "confirmed"
    assert "cancelled in ServiceTitan" in (attention(process, made) or "")
    before = everything(process)
    compare(process)
    assert everything(process) == before


def test_a_job_alive_there_of_a_cancelled_booking_is_cancelled(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    cancel(process, made)
    sim.fault("servicetitan", "error", "PUT", "/cancel", status=404)
    assert run_type(process, made, CANCEL).status == "failed"
    assert compare(process)["cancel_asked"] == 1
    run_all(process)
    assert process.adapters.field_service.find_job(made).status is JobStatus.CANCELLED


def test_two_jobs_of_one_booking_are_put_before_the_office(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    ref = job_of(process, made, CREATE).provider_ref
    row = process.transact(lambda session: job_order.read(session, made))
    order = job_order.order_of(row, "https://book.example")
    twin = process.adapters.field_service.create_job(order, ref["customer_id"], ref["location_id"])
    assert compare(process)["two_jobs"] == 1
    assert "two jobs" in (attention(process, made) or "")
    by_hand(sim, f"jobs/{twin.job_id}/cancel")
    assert "two_jobs" not in compare(process)
    assert attention(process, made) is None


def test_another_window_there_is_put_before_the_office(
    process: Process, sim: Simulator, made: uuid.UUID
) -> None:
    start = booking(process, made).preferred_time
    move_there(sim, process, made, start + timedelta(days=1), start + timedelta(days=1, hours=2))
    assert compare(process)["other_window"] == 1
    assert "another time" in (attention(process, made) or "")
    assert booking(process, made).preferred_time == start
    move_there(sim, process, made, start, start + timedelta(hours=2))
    compare(process)
    assert attention(process, made) is None


def test_a_move_of_ours_that_ends_while_we_compare_is_no_disagreement(
    process: Process, made: uuid.UUID
) -> None:
    area, service = one(process, "SELECT id FROM service_areas").id, process.adapters.field_service
    slot = process.transact(lambda session: add_slot(session, area, day=4))
    mover = Mover("visitor", LEAD, process.settings.privacy_hash_key)

    def move_meanwhile() -> None:
        process.transact(lambda session: changes.move(session, made, slot.id, mover))
        assert run_type(process, made, JobType.MOVE_JOB).outcome == "ok"

    service.find_jobs = afterwards(service, "find_jobs", move_meanwhile)
    assert compare(process) == {"compared": 1}
    assert attention(process, made) is None


def test_a_job_that_is_done_there_is_done_here(process: Process, sim: Simulator, made: uuid.UUID) -> None:
    by_hand(sim, f"jobs/{job_there(process, made)}/advance", to="Completed")
    assert compare(process)["completed"] == 1
    assert booking(process, made).status == "completed"


def test_what_others_say_of_a_booking_is_not_taken_back(process: Process, made: uuid.UUID) -> None:
    do(process, "UPDATE bookings SET needs_attention = 'call them'")
    compare(process)
    assert attention(process, made) == "call them"


def test_batch_by_batch_and_on_after_a_worker_died(
    process: Process, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "SIZE", 2)
    booked = [book(process, Wish(day=day)) for day in (2, 3, 4)]
    run_all(process)
    for booking_id in booked:
        by_hand(sim, f"jobs/{job_there(process, booking_id)}/cancel")
    service, real, asked = process.adapters.field_service, process.adapters.field_service.find_jobs, []

    def die_at_the_second(ids: list[uuid.UUID]) -> object:
        asked.append(len(ids))
        if len(asked) == 2:
            raise Killed
        return real(ids)

    service.find_jobs = die_at_the_second
    with pytest.raises(Killed):
        run_new(process, JobType.COMPARE_JOBS)
    do(
        process,
        "UPDATE queue_jobs SET status = 'pending', lease_token = NULL, lease_until = NULL WHERE status = 'processing'",
    )
    kept = one(process, "SELECT id, provider_ref FROM queue_jobs WHERE job_type = :t", t=JobType.COMPARE_JOBS)
    assert kept.provider_ref["tally"] == {"compared": 2, "cancelled_there": 2}
    run_all(process)
    assert asked == [2, 1, 1]
    assert all("cancelled in ServiceTitan" in (attention(process, one_of) or "") for one_of in booked)


def test_the_office_sleeps_between_one_and_five() -> None:
    hours = [f"Etc/GMT{sign}{hour}" for sign in "+-" for hour in range(12)]
    assert 3 <= sum(periodic.is_night(zone) for zone in hours) <= 5
