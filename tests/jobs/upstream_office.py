"""The office at ServiceTitan, working by hand in the simulator, and our rounds that notice."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
from sqlalchemy import Row

from app import outbox
from app.jobs import runner
from app.jobs.process import Process
from app.outbox import JobType, NewJob
from tests.jobs.booked import booking, hurry, one, rows
from tests.providers.simulated import Simulator


class Killed(BaseException):
    """The worker died here: nothing of ours gets to handle it."""


def by_hand(sim: Simulator, path: str, **body: object) -> dict[str, Any]:
    """Do what a dispatcher does there."""
    return office(sim, "post", path, **body)


def office(sim: Simulator, method: str, path: str, **body: object) -> dict[str, Any]:
    """Ask the simulator's office for something."""
    answer = httpx.request(method, f"{sim.url}/__sim__/st/{path}", json=body)
    answer.raise_for_status()
    return dict(answer.json()) if answer.content else {}


def set_flag(sim: Simulator, name: str, value: object) -> None:
    """Change one of the simulator's assumptions."""
    httpx.post(f"{sim.url}/__sim__/flags", json={name: value}).raise_for_status()


def job_there(process: Process, booking_id: uuid.UUID) -> str:
    """Return the booking's job id."""
    return str(booking(process, booking_id).servicetitan_job_id)


def move_there(
    sim: Simulator, process: Process, booking_id: uuid.UUID, start: datetime, end: datetime
) -> None:
    """Let the office drag the visit to another time."""
    path = f"jobs/{job_there(process, booking_id)}/reschedule"
    by_hand(sim, path, start=start.isoformat(), end=end.isoformat())


def run_new(process: Process, job_type: JobType, **payload: object) -> Row[Any]:
    """Ask for a job that belongs to no booking, run it, and return its row."""
    key = f"{job_type}:{uuid.uuid4()}"
    process.transact(lambda session: outbox.add(session, NewJob(job_type, None, key, payload)))
    found = one(process, "SELECT id FROM queue_jobs WHERE dedupe_key = :key", key=key)
    hurry(process)
    runner.run(process, found.id)
    return one(process, "SELECT * FROM queue_jobs WHERE id = :id", id=found.id)


def poll(process: Process) -> Row[Any]:
    """Read the feeds now."""
    return run_new(process, JobType.POLL_FEEDS)


def everything(process: Process) -> list[list[Row[Any]]]:
    """Return all that a change there could change here."""
    tables = ("bookings", "time_slots", "slot_capacity", "notifications", "booking_status_history")
    found = [rows(process, f"SELECT * FROM {table} ORDER BY 1") for table in tables]
    ours = "SELECT id, status FROM queue_jobs WHERE booking_id IS NOT NULL ORDER BY id"
    return [*found, rows(process, ours)]


def afterwards(target: object, name: str, act: Callable[[], None]) -> Callable[..., Any]:
    """Return the method of an adapter after whose answer `act` happens once, before we get to use it."""
    real, done = getattr(target, name), []

    def wrapped(*arguments: Any, **options: Any) -> Any:
        answer = real(*arguments, **options)
        if not done:
            done.append(True)
            act()
        return answer

    return wrapped
