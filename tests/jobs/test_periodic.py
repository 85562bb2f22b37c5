"""What happens by itself happens on time, once, and is written down."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from app.jobs import periodic, runner
from app.jobs.periodic import PERIODIC, Task
from app.jobs.process import Process
from app.outbox import JobType
from tests.factories import add_area
from tests.jobs.booked import do, one, rows
from tests.providers.simulated import Simulator

BY_NAME = {task.name: task for task in PERIODIC}


def make_older(process: Process, seconds: int) -> None:
    do(process, "UPDATE task_runs SET started_at = started_at - make_interval(secs => :by)", by=seconds)


@pytest.mark.parametrize("name", [task.name for task in PERIODIC if task.run is not None])
def test_each_task_runs_and_leaves_its_figures(process: Process, name: str) -> None:
    assert periodic.run_if_due(process, replace(BY_NAME[name], at_night=False))
    run = one(process, "SELECT * FROM task_runs")
    assert (run.name, run.ok) == (name, True)
    assert run.finished_at is not None
    assert run.figures


def test_a_task_waits_for_its_rhythm(process: Process) -> None:
    task = BY_NAME["rollups"]
    assert [periodic.run_if_due(process, task) for _ in range(2)] == [True, False]
    make_older(process, 31)
    assert periodic.run_if_due(process, task)


def test_production_takes_its_time(process: Process) -> None:
    assert BY_NAME["rollups"].rhythm(is_local=False) == timedelta(minutes=2)
    assert BY_NAME["partitions"].rhythm(is_local=True) == timedelta(days=1)


def test_two_dispatchers_run_a_task_once(process: Process) -> None:
    task = BY_NAME["partitions"]
    ran: list[bool] = []
    threads = [
        threading.Thread(target=lambda: ran.append(periodic.run_if_due(process, task))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows(process, "SELECT id FROM task_runs")) == 1
    assert sorted(ran) == [False, True]


def test_a_failure_is_written_down_and_comes_again_after_minutes_not_days(process: Process) -> None:
    def fail(_: Process) -> Mapping[str, object]:
        raise OSError("no space")

    task = Task("backup", timedelta(days=1), fail)
    assert periodic.run_if_due(process, task)
    assert one(process, "SELECT ok, figures FROM task_runs") == (False, {"error": "OSError"})
    make_older(process, 299)
    assert not periodic.run_if_due(process, task)
    make_older(process, 2)
    assert periodic.run_if_due(process, task)


def test_a_run_that_died_comes_again(process: Process) -> None:
    do(
        process,
        "INSERT INTO task_runs (name, started_at) VALUES ('partitions', now() - interval '6 minutes')",
    )
    assert periodic.run_if_due(process, BY_NAME["partitions"])


def test_the_sync_of_slots_is_work_for_the_queue_and_never_piles_up(process: Process) -> None:
    process.transact(lambda session: add_area(session, "85201"))
    task = BY_NAME["slots"]
    assert periodic.run_if_due(process, task)
    make_older(process, 3600)
    assert not periodic.run_if_due(process, task)
    job = one(process, "SELECT id, queue_name, job_type FROM queue_jobs")
    assert (job.queue_name, job.job_type) == ("sync", JobType.SYNC_SLOTS)
    runner.run(process, job.id)
    run = one(process, "SELECT ok, figures FROM task_runs")
    assert run.ok
    assert run.figures["changed"] > 50
    assert run.figures["stale"] == []


def test_a_provider_that_is_down_keeps_local_truth_and_is_told(process: Process, sim: Simulator) -> None:
    process.transact(lambda session: add_area(session, "85201"))
    periodic.run_if_due(process, BY_NAME["slots"])
    runner.run(process, one(process, "SELECT id FROM queue_jobs").id)
    known = one(process, "SELECT count(*) AS n FROM time_slots WHERE available").n
    sim.fault("servicetitan", "error", path="/slots", status=503, times=0)
    make_older(process, 3600)
    periodic.run_if_due(process, BY_NAME["slots"])
    last = "SELECT * FROM queue_jobs ORDER BY seq DESC LIMIT 1"
    do(process, "UPDATE queue_jobs SET attempts = 2 WHERE status = 'pending'")
    runner.run(process, one(process, last).id)
    assert one(process, last).outcome == "exhausted"
    assert one(process, "SELECT ok FROM task_runs ORDER BY started_at DESC LIMIT 1").ok is False
    assert one(process, "SELECT count(*) AS n FROM time_slots WHERE available").n == known
