"""A cancelled booking leaves no truck on its way."""

from app.jobs import runner
from app.jobs.process import Process
from app.outbox import JobType
from tests.jobs.booked import book, booking, cancel, do, hand_out, job_of, run_all, run_type
from tests.providers.simulated import JOBS, Simulator

CREATE, CANCEL = JobType.CREATE_JOB, JobType.CANCEL_JOB


def test_a_cancel_of_a_create_that_never_started_calls_nobody(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    cancel(process, booking_id)
    run_all(process)
    assert job_of(process, booking_id, CREATE).outcome == "cancelled"
    assert job_of(process, booking_id, CANCEL).status == "completed"
    assert sim.calls(JOBS) == []


def test_a_cancel_waits_for_its_create_at_the_dispatcher(process: Process) -> None:
    booking_id = book(process)
    cancel(process, booking_id)
    rung = {ring.job_id for ring in hand_out(process)}
    assert job_of(process, booking_id, CREATE).id in rung
    assert job_of(process, booking_id, CANCEL).id not in rung


def test_a_cancel_waits_for_its_create_at_the_claim_too(process: Process) -> None:
    booking_id = book(process)
    cancel(process, booking_id)
    runner.run(process, job_of(process, booking_id, CANCEL).id)
    waiting = job_of(process, booking_id, CANCEL)
    assert (waiting.status, waiting.attempts, waiting.dispatched_at) == ("pending", 0, None)


def test_a_create_in_the_dead_letter_box_does_not_block_the_cancel(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", "error", "POST", JOBS, status=400)
    assert run_type(process, booking_id, CREATE).status == "failed"
    cancel(process, booking_id)
    run_all(process)
    assert job_of(process, booking_id, CANCEL).outcome == "ok"


def test_a_job_whose_id_never_reached_us_is_found_and_cancelled(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", "drop_after_commit", "POST", JOBS)
    run_type(process, booking_id, CREATE)
    do(
        process,
        "UPDATE queue_jobs SET status = 'failed', outcome = 'exhausted' WHERE job_type = :type",
        type=CREATE,
    )
    cancel(process, booking_id)
    run_all(process)
    assert job_of(process, booking_id, CANCEL).outcome == "ok"
    assert [effect["count"] for effect in sim.effects("servicetitan", "cancel")] == [1]


def test_a_job_that_may_still_be_coming_is_looked_for_twice(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", "drop_before", "POST", JOBS)
    run_type(process, booking_id, CREATE)
    do(
        process,
        "UPDATE queue_jobs SET status = 'failed', outcome = 'exhausted' WHERE job_type = :type",
        type=CREATE,
    )
    cancel(process, booking_id)
    assert run_type(process, booking_id, CANCEL).status == "pending"
    assert run_type(process, booking_id, CANCEL).outcome == "ok"


def test_cancelling_twice_is_one_effect(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    run_type(process, booking_id, CREATE)
    cancel(process, booking_id)
    sim.fault("servicetitan", "drop_after_commit", "PUT", "/cancel")
    assert run_type(process, booking_id, CANCEL).status == "pending"
    assert run_type(process, booking_id, CANCEL).outcome == "ok"
    assert [effect["count"] for effect in sim.effects("servicetitan", "cancel")] == [1]
    assert booking(process, booking_id).upstream_slot_key is None


def test_a_cancel_that_fails_for_good_is_told_before_the_truck_rolls(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process)
    run_type(process, booking_id, CREATE)
    cancel(process, booking_id)
    sim.fault("servicetitan", "error", "PUT", "/cancel", status=404)
    assert run_type(process, booking_id, CANCEL).outcome == "permanent"
    assert "NOT cancelled" in booking(process, booking_id).needs_attention
