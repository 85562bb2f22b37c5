"""Jobs that break whoever runs them end in the dead letter box, and all others go on."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.jobs import dispatch, dispatcher, runner, sweep
from app.jobs.doorbell import Doorbell
from app.jobs.process import Process
from app.outbox import JobType
from app.providers.ports import CustomerRef
from tests.jobs.booked import Wish, book, booking, do, job_of, one, rows, run_type
from tests.jobs.worker_processes import ROOT, environment, wait_until
from tests.providers.simulated import Simulator

CREATE, EMAIL, SMS = JobType.CREATE_JOB, JobType.SEND_EMAIL, JobType.SEND_SMS
ABORTING_WORKER = """
import os
from app.config import load_settings
from app.jobs import entry, queue_worker
from app.jobs.process import open_process
process = open_process(load_settings(os.environ))
service = process.adapters.field_service
find = service.find_customer
service.find_customer = lambda customer: os.abort() if customer.email.startswith("poison") else find(customer)
entry.use(process)
raise SystemExit(queue_worker.work(process.settings.redis_url, "critical"))
"""


def recurse(*_: object) -> Any:
    return recurse()


def allocate(*_: object) -> Any:
    return bytearray(1 << 62)


def unserialisable(*_: object) -> CustomerRef:
    return CustomerRef(object(), None)  # type: ignore[arg-type]


@pytest.mark.parametrize("break_down", [recurse, allocate, unserialisable])
def test_a_call_that_breaks_down_uses_its_attempts_up_and_the_next_job_runs(
    process: Process, break_down: Callable[..., Any]
) -> None:
    poison, good = (book(process, Wish(hour=hour, email=f"p{hour}@example.com")) for hour in (8, 10))
    do(process, "UPDATE queue_jobs SET max_attempts = 2 WHERE booking_id = :id", id=poison)
    service = process.adapters.field_service
    real, service.find_customer = service.find_customer, break_down
    assert run_type(process, poison, CREATE).attempts == 1
    assert run_type(process, poison, CREATE).outcome == "exhausted"
    assert booking(process, poison).needs_attention
    service.find_customer = real
    assert run_type(process, good, CREATE).outcome == "ok"


def test_a_result_that_cannot_be_written_does_not_hold_the_job_until_its_lease_ends(process: Process) -> None:
    booking_id = book(process)
    service = process.adapters.field_service
    real = service.create_job
    service.create_job = lambda *arguments: replace(real(*arguments), job_id=object())
    with capture_logs() as lines:
        tried = run_type(process, booking_id, CREATE)
    assert (tried.status, tried.attempts, tried.lease_token) == ("pending", 1, None)
    assert "job_crashed" in {line["event"] for line in lines}
    service.create_job = real
    assert run_type(process, booking_id, CREATE).outcome == "ok"


def test_a_payload_that_not_even_giving_up_can_read_is_buried_all_the_same(process: Process) -> None:
    book(process)
    do(
        process,
        "UPDATE queue_jobs SET payload = to_jsonb(CAST('?' AS text)), deadline_at = now() - interval '1 second' WHERE job_type = :sms",
        sms=SMS,
    )
    assert sweep.sweep(process) == 1
    buried = one(process, "SELECT status, outcome FROM queue_jobs WHERE job_type = :sms", sms=SMS)
    assert tuple(buried) == ("failed", "deadline")


def test_a_job_of_a_newer_version_is_left_to_it(process: Process, doorbell: Doorbell) -> None:
    booking_id = book(process)
    do(
        process,
        "UPDATE queue_jobs SET job_type = 'newer.kind', deadline_at = now() WHERE job_type = :type",
        type=CREATE,
    )
    do(
        process,
        "UPDATE queue_jobs SET dispatched_at = now() - interval '1 hour', dispatch_count = 1 WHERE job_type = 'newer.kind'",
    )
    job = one(
        process, "SELECT id FROM queue_jobs WHERE booking_id = :id AND job_type = 'newer.kind'", id=booking_id
    )
    runner.run(process, job.id)
    assert sweep.sweep(process) == 0
    assert dispatcher.one_round(process, doorbell, dispatcher.Pace(), is_slow_round=True) == dispatcher.POLL
    left = one(process, "SELECT status, attempts FROM queue_jobs WHERE id = :id", id=job.id)
    assert tuple(left) == ("pending", 0)


def test_a_job_that_kills_its_worker_is_dead_after_three_and_the_others_are_done(
    process: Process, doorbell: Doorbell, sim: Simulator, tmp_path: Path
) -> None:
    poison = book(process, Wish(email="poison@example.com"))
    good = [book(process, Wish(hour=9 + n % 8, day=3 + n // 8, email=f"p{n}@example.com")) for n in range(16)]
    workers: list[subprocess.Popen[bytes]] = []
    deaths: list[int] = []

    def start() -> None:
        with (tmp_path / "log").open("ab") as output:
            workers.append(
                subprocess.Popen(
                    [sys.executable, "-c", ABORTING_WORKER],
                    cwd=ROOT, env=environment(process.settings) | {"PYTHONPATH": str(ROOT)}, stdout=output, stderr=output,
                )
            )  # fmt: skip

    def all_is_settled() -> bool:
        if workers[-1].poll() is not None:
            deaths.append(workers[-1].returncode)
            start()
        sweep.sweep(process)
        dispatch.dispatch(process, doorbell)
        open_jobs = "SELECT count(*) AS n FROM queue_jobs WHERE job_type = :type AND status IN ('pending', 'processing')"
        return one(process, open_jobs, type=CREATE).n == 0

    start()
    try:
        wait_until(all_is_settled, within=300, every=0.1)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    dead = job_of(process, poison, CREATE)
    assert (dead.status, dead.outcome, dead.attempts) == ("failed", "poison", 3)
    assert deaths == [-6, -6, -6]
    assert booking(process, poison).needs_attention
    assert {booking(process, each).status for each in good} == {"confirmed"}
    assert len(sim.effects("servicetitan", "job")) == len(good)


def test_hours_of_outage_bury_nothing_and_use_up_nothing_but_the_probes(
    process: Process, sim: Simulator
) -> None:
    """Six hours, of which the clock of each row makes minutes: jobs wait, one asks now and then, all are done afterwards."""
    bookings = [book(process, Wish(hour=8 + n, email=f"p{n}@example.com")) for n in range(6)]
    sim.fault("servicetitan", "error", status=503, times=0)
    probes = 0
    for _ in range(6 * 12):
        pass_minutes(process, 5)
        probes += run_what_is_rung(process)
    spent = one(process, "SELECT sum(attempts) AS n FROM queue_jobs WHERE job_type = :type", type=CREATE).n
    assert (
        rows(process, "SELECT id FROM queue_jobs WHERE job_type = :type AND status = 'failed'", type=CREATE)
        == []
    )
    assert spent <= probes <= 6 * 12 + 6
    sim.world.reset()
    for _ in range(40):
        pass_minutes(process, 60)
        run_what_is_rung(process)
    assert {booking(process, each).status for each in bookings} == {"confirmed"}


def pass_minutes(process: Process, minutes: int) -> None:
    """Move everything the past by so many minutes."""
    by = {"by": minutes}
    do(process, "UPDATE queue_jobs SET scheduled_at = scheduled_at - make_interval(mins => :by), deadline_at = deadline_at - make_interval(mins => :by)", **by)  # fmt: skip
    do(process, "UPDATE provider_health SET next_probe_at = next_probe_at - make_interval(mins => :by)", **by)


def run_what_is_rung(process: Process) -> int:
    """Do what a dispatcher and a worker of the critical queue would do."""
    rings = process.transact(lambda session: dispatch.mark(session, {"critical": 2}, process.lease_seconds))
    for ring in rings:
        runner.run(process, ring.job_id)
    return len(rings)
