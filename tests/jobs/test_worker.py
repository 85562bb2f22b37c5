"""The processes themselves: what kill -9, a lost Redis and a frozen worker leave behind."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from app.jobs import dispatch, sweep
from app.jobs.doorbell import Doorbell
from app.jobs.process import Process
from app.outbox import JobType
from sandbox import ports
from sandbox.account import server_account
from sandbox.home import erase, server_home
from sandbox.supervisor import Supervisor
from sandbox.valkey import open_doorbell
from tests.jobs.booked import Wish, book, booking, do, job_of, one, rows
from tests.jobs.worker_processes import running, wait_until
from tests.providers.simulated import JOBS, Simulator

CREATE = JobType.CREATE_JOB


def is_listening(url: str, queue: str = "critical") -> bool:
    with Redis.from_url(url) as redis:
        return bool(redis.scard(f"rq:workers:{queue}"))


def status(process: Process, booking_id: object) -> str:
    return job_of(process, booking_id, CREATE).status


def deliver(process: Process, doorbell: Doorbell, booking_id: object) -> None:
    """Play the dispatcher until the job is done."""

    def done() -> bool:
        sweep.sweep(process)
        dispatch.dispatch(process, doorbell)
        return status(process, booking_id) == "completed"

    wait_until(done, every=0.2)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_lost_in_the_middle_of_a_call_leaves_exactly_one_job(
    process: Process, doorbell: Doorbell, sim: Simulator, tmp_path: Path, end: signal.Signals
) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", "latency", "POST", JOBS, latency_ms=2500)
    log, patient = tmp_path / "worker.log", replace(process.settings, job_lease_seconds=36)
    with running(patient, log, "worker", "critical") as first:
        wait_until(lambda: is_listening(patient.redis_url))
        dispatch.dispatch(process, doorbell)
        wait_until(lambda: sim.effects("servicetitan", "job"))
        first.send_signal(end)
        assert status(process, booking_id) == "processing"
        do(process, "UPDATE queue_jobs SET lease_until = clock_timestamp() WHERE status = 'processing'")
        with running(patient, log, "worker", "critical"):
            deliver(process, doorbell, booking_id)
            if end is signal.SIGSTOP:
                first.send_signal(signal.SIGCONT)
                wait_until(lambda: "job_fenced" in log.read_text())
    assert [effect["count"] for effect in sim.effects("servicetitan", "job")] == [1]
    assert booking(process, booking_id).status == "confirmed"
    assert job_of(process, booking_id, CREATE).outcome == "ok"


def test_a_worker_finishes_its_job_before_it_obeys(
    process: Process, doorbell: Doorbell, sim: Simulator, tmp_path: Path
) -> None:
    booking_id = book(process)
    sim.fault("servicetitan", "latency", "POST", JOBS, latency_ms=700)
    patient = replace(process.settings, job_lease_seconds=36)
    with running(patient, tmp_path / "log", "worker", "critical") as worker:
        wait_until(lambda: is_listening(process.settings.redis_url))
        dispatch.dispatch(process, doorbell)
        wait_until(lambda: sim.effects("servicetitan", "job"))
        worker.terminate()
        assert worker.wait(timeout=30) == 0
    assert status(process, booking_id) == "completed"


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[tuple[Supervisor, str]]:
    """A Redis that this test may take away."""
    home = server_home(tmp_path, server_account(tmp_path / "redis" / "data"), lasting=False)
    server = open_doorbell(home / "redis", port=ports.pick(), spare=home / "programs")
    supervisor = Supervisor(tmp_path / "redis-log")
    supervisor.start(server.program())
    yield supervisor, server.url
    supervisor.stop()
    erase(tmp_path, keep=frozenset({"log"}))


def test_bookings_made_without_redis_are_delivered_when_it_is_back(
    process: Process, sim: Simulator, tmp_path: Path, own_redis: tuple[Supervisor, str]
) -> None:
    supervisor, url = own_redis
    settings = replace(process.settings, redis_url=url)
    log = tmp_path / "log"
    with (
        running(settings, log, "dispatcher"),
        running(settings, log, "worker", "notify"),
        running(settings, log, "worker", "critical") as worker,
    ):
        wait_until(lambda: rows(process, "SELECT 1 FROM heartbeat"))
        wait_until(lambda: is_listening(url) and is_listening(url, "notify"))
        supervisor.pause("valkey")
        bookings = [book(process, Wish(hour=hour, email=f"p{hour}@example.com")) for hour in (8, 10, 12)]
        supervisor.resume("valkey")
        sql = "SELECT count(*) AS n FROM queue_jobs WHERE booking_id IS NOT NULL AND status = 'completed'"
        wait_until(lambda: one(process, sql).n == 9, every=0.2)
        worker.terminate()
        assert worker.wait(timeout=60) == 0
    assert {booking(process, booking_id).status for booking_id in bookings} == {"confirmed"}
    assert [effect["count"] for effect in sim.effects("servicetitan", "job")] == [1, 1, 1]
    assert len(sim.effects("twilio", "message")) == 3


def test_a_worker_whose_redis_is_away_ends_when_told(
    process: Process, tmp_path: Path, own_redis: tuple[Supervisor, str]
) -> None:
    supervisor, url = own_redis
    log = tmp_path / "log"
    with running(replace(process.settings, redis_url=url), log, "worker", "critical") as worker:
        wait_until(lambda: is_listening(url))
        supervisor.pause("valkey")
        wait_until(lambda: "redis_lost" in log.read_text())
        worker.terminate()
        assert worker.wait(timeout=60) == -signal.SIGTERM


def test_one_command_runs_every_role_and_starts_again_what_dies(
    process: Process, sim: Simulator, doorbell: Doorbell, tmp_path: Path
) -> None:
    booking_id = book(process)
    with running(process.settings, tmp_path / "log") as everything:
        wait_until(lambda: status(process, booking_id) == "completed", every=0.1)
        wait_until(
            lambda: {row.status for row in rows(process, "SELECT status FROM notifications")} == {"sent"}
        )
        assert one(process, "SELECT count(*) AS n FROM task_runs WHERE name = 'partitions' AND ok").n == 1
        everything.terminate()
        assert everything.wait(timeout=40) == 0


def test_a_role_without_settings_says_what_is_missing(process: Process, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running(replace(process.settings, database_url=""), log, "worker", "critical") as worker:
        assert worker.wait(timeout=60) == 2
    assert "DATABASE_URL" in log.read_text()


def test_a_rescued_job_waits_for_nobody(process: Process, doorbell: Doorbell) -> None:
    booking_id = book(process)
    dispatch.dispatch(process, doorbell)
    do(
        process,
        "UPDATE queue_jobs SET status = 'processing', lease_token = gen_random_uuid(), lease_until = now() WHERE job_type = :type",
        type=CREATE,
    )
    assert sweep.sweep(process) == 1
    assert job_of(process, booking_id, CREATE).dispatched_at is None
    assert dispatch.dispatch(process, doorbell) == 1
