"""What happens by itself: each task with its rhythm. One dispatcher starts a task, whoever gets the lock first."""

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from app import clock, outbox
from app.jobs import reconcile, reminders
from app.jobs.process import Process, open_engine, transact
from app.log import log
from app.maintenance import partitions, retention, rollups, task_runs, visits
from app.maintenance.integrity import looking
from app.outbox import JobType, NewJob
from app.pooling import Client

Run = Callable[[Process], Mapping[str, object]]
RETRY_AFTER = timedelta(minutes=5)
LOOK_EVERY = 2.0
NIGHT = range(1, 5)

ONE_LEADER = text("SELECT pg_try_advisory_xact_lock(7402, 1)")
LAST = text(
    "SELECT clock_timestamp() - started_at AS age, ok FROM task_runs WHERE name = :name ORDER BY started_at DESC LIMIT 1"
)
IS_OPEN = text(
    "SELECT EXISTS (SELECT 1 FROM queue_jobs WHERE job_type = :job_type AND status IN ('pending', 'processing'))"
)


@dataclass(frozen=True)
class Task:
    """One task: how often it runs, and what it does here. Without `run` it is a `job` for a queue, which reports by itself."""

    name: str
    every: timedelta
    run: Run | None
    every_local: timedelta | None = None
    job: JobType = JobType.SYNC_SLOTS
    at_night: bool = False
    is_long: bool = False  # runs beside the others, which go on meanwhile

    def rhythm(self, *, is_local: bool) -> timedelta:
        """Return how often it runs; on one machine, with a person waiting, some run more often."""
        return self.every_local if is_local and self.every_local else self.every


def make_partitions(process: Process) -> Mapping[str, object]:
    """Make the months and weeks ahead."""
    return partitions.upkeep(process.sessions).figures


def refresh_reports(process: Process) -> Mapping[str, object]:
    """Bring the reports' tables up to date."""
    zone = process.settings.report_timezone
    return rollups.bring_up_to_date(process.transact, zone)


def delete_visits(process: Process) -> Mapping[str, object]:
    """Delete visits that ended a month ago, batch by batch."""
    deleted = 0
    while batch := process.transact(visits.delete_expired):
        deleted += batch
    return {"deleted": deleted}


def look_at_integrity(process: Process) -> Mapping[str, object]:
    """Ask every invariant about what was made in the last months, with a connection of its own."""
    engine = open_engine(process.settings, Client.DISPATCHER)
    try:
        ask = partial(transact, sessionmaker(engine))
        within = transact(sessionmaker(engine), partial(looking.scope, settings=process.settings))
        broken = looking.look(ask, within)
    finally:
        engine.dispose()
    for one in broken:
        log.error("invariant_broken", invariant=one.check.name, count=one.number)
    return looking.to_figures(broken)


def delete_what_is_over(process: Process) -> Mapping[str, object]:
    """Delete what is over, with connections of its own: one holds the lock, one works."""
    engine = open_engine(process.settings, Client.DISPATCHER)
    try:
        return retention.figures(retention.run(engine, retention.planned(process.settings)))
    except retention.AlreadyRunning:
        return {"left_to_another_run": True}
    finally:
        engine.dispose()


PERIODIC = (
    Task("partitions", timedelta(days=1), make_partitions),
    Task("slots", timedelta(minutes=3), None, every_local=timedelta(minutes=1)),
    Task("rollups", timedelta(minutes=2), refresh_reports, every_local=timedelta(seconds=30)),
    Task("feeds", timedelta(minutes=5), None, every_local=timedelta(minutes=1), job=JobType.POLL_FEEDS),
    Task("comparison", timedelta(hours=20), None, job=JobType.COMPARE_JOBS, at_night=True),
    Task(looking.TASK, timedelta(hours=20), look_at_integrity, at_night=True, is_long=True),
    Task("visits", timedelta(hours=6), delete_visits),
    Task("retention", timedelta(hours=20), delete_what_is_over, at_night=True, is_long=True),
    Task("second_looks", timedelta(hours=1), reconcile.reconcile),
    Task("overdue_messages", timedelta(hours=1), reconcile.close_overdue),
    Task("reminders", timedelta(minutes=1), reminders.add_reminders),
)


def run_for_ever(process: Process, stop: threading.Event) -> None:
    """Run what is due until told to stop; a failure is written down and never ends the loop."""
    beside: dict[str, threading.Thread] = {}
    while not stop.is_set():
        for task in PERIODIC:
            if stop.is_set():
                return
            if not task.is_long:
                try_to_run(process, task)
            elif task.name not in beside or not beside[task.name].is_alive():
                beside[task.name] = threading.Thread(
                    target=try_to_run, args=(process, task), name=task.name, daemon=True
                )
                beside[task.name].start()
        stop.wait(LOOK_EVERY)


def try_to_run(process: Process, task: Task) -> None:
    """Run a task if it is due; whatever keeps it from starting passes."""
    try:
        run_if_due(process, task)
    except Exception as error:  # noqa: BLE001 - the next round tries again
        log.error("task_not_started", task=task.name, reason=type(error).__name__)


def run_if_due(process: Process, task: Task) -> bool:
    """Run a task if its time has come and no other dispatcher has begun it; answer whether it ran."""
    run_id = process.transact(lambda session: begin(session, process, task))
    if run_id is None:
        return False
    if task.run is not None:
        finish(process, task.name, task.run, run_id)
    return True


def begin(session: Session, process: Process, task: Task) -> uuid.UUID | None:
    """Write down that the task begins, if it is due: that row is what keeps other dispatchers from it."""
    if not session.execute(ONE_LEADER).scalar_one() or not is_due(session, process, task):
        return None
    if task.run is not None:
        return task_runs.start(session, task.name)
    if session.execute(IS_OPEN, {"job_type": task.job}).scalar_one():
        return None
    run_id = task_runs.start(session, task.name)
    outbox.add(session, NewJob(task.job, None, f"{task.job}:{run_id}", {"task_run_id": str(run_id)}))
    return run_id


def is_due(session: Session, process: Process, task: Task) -> bool:
    """Say whether the last run is long enough ago; one that failed or never ended comes again sooner."""
    if task.at_night and not is_night(process.settings.report_timezone):
        return False
    last = session.execute(LAST, {"name": task.name}).one_or_none()
    every = task.rhythm(is_local=not process.settings.is_production)
    return last is None or last.age >= (every if last.ok else min(every, RETRY_AFTER))


def is_night(zone: str) -> bool:
    """Say whether the office sleeps: between one and five."""
    return clock.now().astimezone(ZoneInfo(zone)).hour in NIGHT


def finish(process: Process, name: str, run: Run, run_id: uuid.UUID) -> None:
    """Run the task and write down how it ended."""
    ok, figures = True, {}
    try:
        figures = dict(run(process))
        ok = not figures.get("faults")
    except Exception as error:  # noqa: BLE001 - a failed task must not take the dispatcher with it
        ok, figures = False, {"error": type(error).__name__}
        log.error("task_failed", task=name, error=type(error).__name__)
    process.transact(lambda session: task_runs.end(session, run_id, ok=ok, figures=figures))
    log.info("task_done", task=name, ok=ok, **figures)
