"""One job is one worker's at a time, and a worker that lost it writes nothing."""

import threading
import uuid
from dataclasses import replace

import pytest

from app.jobs import lease, runner, sweep
from app.jobs.process import Process
from app.jobs.work import FencedError
from app.outbox import JobType
from app.providers.ports import Outcome, ProviderError
from tests.jobs.booked import book, booking, do, during, job_of, one, rows, run_type
from tests.providers.simulated import JOBS, Simulator

CREATE = JobType.CREATE_JOB


def expire_leases(process: Process) -> None:
    do(
        process,
        "UPDATE queue_jobs SET lease_until = clock_timestamp() - interval '1 second' WHERE status = 'processing'",
    )


def test_a_duplicate_doorbell_runs_the_job_once(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    job_id = job_of(process, booking_id, CREATE).id
    threads = [threading.Thread(target=runner.run, args=(process, job_id)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runner.run(process, job_id)
    assert [call["method"] for call in sim.calls(JOBS)] == ["GET", "POST"]
    assert job_of(process, booking_id, CREATE).attempts == 1


def test_a_job_nobody_knows_is_ignored(process: Process) -> None:
    runner.run(process, uuid.uuid4())


def test_a_worker_that_lost_its_lease_writes_nothing(process: Process) -> None:
    booking_id = book(process)
    stale = runner.claim(process, job_of(process, booking_id, CREATE).id)
    expire_leases(process)
    sweep.sweep(process)
    fresh = runner.claim(process, job_of(process, booking_id, CREATE).id)
    assert fresh.lease.token != stale.lease.token
    runner.finish(process, stale, runner.call(process, stale))
    held = job_of(process, booking_id, CREATE)
    assert (held.status, held.lease_token) == ("processing", fresh.lease.token)
    assert held.provider_ref == {}
    assert booking(process, booking_id).status == "pending"


def test_a_late_result_is_fenced_even_when_the_call_went_well(process: Process) -> None:
    booking_id = book(process)
    claimed = runner.claim(process, job_of(process, booking_id, CREATE).id)
    ended = runner.call(process, claimed)
    assert isinstance(ended, runner.Success)
    expire_leases(process)
    sweep.sweep(process)
    runner.finish(process, claimed, ended)
    assert job_of(process, booking_id, CREATE).status == "pending"
    assert booking(process, booking_id).servicetitan_job_id is None


def test_progress_stops_a_worker_that_lost_its_lease_before_its_next_side_effect(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process)
    service = process.adapters.field_service

    def lose() -> None:
        expire_leases(process)
        sweep.sweep(process)

    service.find_customer = during(service, "find_customer", lose)
    runner.run(process, job_of(process, booking_id, CREATE).id)
    assert sim.effects("servicetitan", "job") == []
    assert job_of(process, booking_id, CREATE).provider_ref == {}


def test_keeping_with_a_wrong_token_is_refused(process: Process) -> None:
    booking_id = book(process)
    claimed = runner.claim(process, job_of(process, booking_id, CREATE).id)
    wrong = replace(claimed.lease, token=uuid.uuid4())
    with pytest.raises(FencedError):
        process.transact(lambda session: lease.keep(session, wrong, {"customer_id": "1"}))


def test_three_rescues_without_progress_are_poison(process: Process) -> None:
    booking_id = book(process)
    for _ in range(3):
        assert runner.claim(process, job_of(process, booking_id, CREATE).id) is not None
        expire_leases(process)
        sweep.sweep(process)
    buried = job_of(process, booking_id, CREATE)
    assert (buried.status, buried.outcome) == ("failed", "poison")
    assert booking(process, booking_id).needs_attention is not None


def crash_after(process: Process, booking_id: object, known: dict[str, object]) -> None:
    """Claim, store something, and be gone."""
    claimed = runner.claim(process, job_of(process, booking_id, CREATE).id)
    process.transact(lambda session: lease.keep(session, claimed.lease, known))
    expire_leases(process)
    sweep.sweep(process)


def test_progress_forgives_earlier_rescues(process: Process) -> None:
    booking_id = book(process)
    for number in range(4):
        crash_after(process, booking_id, {f"step_{number}": "1"})
    assert job_of(process, booking_id, CREATE).status == "pending"


def test_getting_as_far_as_the_last_time_is_no_progress(process: Process) -> None:
    booking_id = book(process)
    for number in range(3):
        crash_after(process, booking_id, {"customer_id": str(number)})
    buried = job_of(process, booking_id, CREATE)
    assert (buried.status, buried.outcome) == ("failed", "poison")


def test_a_worker_that_dies_at_the_last_attempt_is_the_end(process: Process) -> None:
    booking_id = book(process)
    do(process, "UPDATE queue_jobs SET attempts = max_attempts - 1 WHERE job_type = :type", type=CREATE)
    crash_after(process, booking_id, {"customer_id": "1"})
    buried = job_of(process, booking_id, CREATE)
    assert (buried.status, buried.outcome, buried.attempts) == ("failed", "poison", buried.max_attempts)


def test_progress_starts_the_lease_anew(process: Process) -> None:
    booking_id = book(process)
    claimed = runner.claim(process, job_of(process, booking_id, CREATE).id)
    expire_leases(process)
    process.transact(lambda session: lease.keep(session, claimed.lease, {}))
    assert sweep.sweep(process) == 0


def test_a_job_past_its_deadline_is_given_up_by_claim_and_by_sweeper(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process)
    do(process, "UPDATE queue_jobs SET deadline_at = now() - interval '1 second'")
    claimed = run_type(process, booking_id, CREATE)
    assert (claimed.status, claimed.outcome) == ("failed", "deadline")
    sweep.sweep(process)
    assert {row.outcome for row in rows(process, "SELECT outcome FROM queue_jobs")} == {"deadline"}
    assert {row.status for row in rows(process, "SELECT status FROM notifications")} == {"failed"}
    assert sim.calls(JOBS) == []


def test_attempts_run_out(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    do(process, "UPDATE queue_jobs SET attempts = max_attempts - 1")
    sim.fault("servicetitan", "error", "GET", JOBS, status=503)
    assert run_type(process, booking_id, CREATE).outcome == "exhausted"


def test_a_bug_in_a_handler_uses_an_attempt_and_tells_no_personal_data(
    process: Process, capsys: pytest.CaptureFixture[str]
) -> None:
    booking_id = book(process)

    def broken(*_: object) -> None:
        raise ValueError("pat@example.com")

    process.adapters.field_service.find_job = broken
    tried = run_type(process, booking_id, CREATE)
    assert (tried.status, tried.attempts) == ("pending", 1)
    assert "pat@example.com" not in tried.error_msg
    assert "pat@example.com" not in capsys.readouterr().out
    assert rows(process, "SELECT provider FROM provider_health") == []


def test_facts_that_cannot_be_read_end_in_the_dead_letter_box(process: Process) -> None:
    booking_id = book(process)
    do(
        process,
        "UPDATE queue_jobs SET payload = '{}', max_attempts = 2 WHERE job_type = :type",
        type=JobType.SEND_EMAIL,
    )
    assert run_type(process, booking_id, JobType.SEND_EMAIL).attempts == 1
    assert run_type(process, booking_id, JobType.SEND_EMAIL).outcome == "exhausted"
    message = one(process, "SELECT status, error_msg FROM notifications WHERE type = 'email'")
    assert message.status == "failed"
    assert message.error_msg.startswith("exhausted: ")


def test_no_transaction_is_open_while_a_provider_is_called(process: Process) -> None:
    booking_id = book(process)
    seen: list[int] = []
    sql = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()"
    sql += " AND application_name = 'a1-worker' AND state LIKE 'idle in%'"
    service = process.adapters.field_service
    service.create_job = during(service, "create_job", lambda: seen.append(one(process, sql).n))
    run_type(process, booking_id, CREATE)
    assert seen == [0]


def test_an_error_of_the_provider_is_stored_without_its_words(process: Process) -> None:
    booking_id = book(process)

    def refuse(*_: object) -> None:
        raise ProviderError(Outcome.TRANSIENT, "jobs.find: 503", status=503)

    process.adapters.field_service.find_job = refuse
    assert run_type(process, booking_id, CREATE).error_msg == "transient: jobs.find: 503"
