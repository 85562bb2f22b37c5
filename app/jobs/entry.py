"""The door RQ knocks at: a job's id comes in, and the process that the worker opened before does the work."""

import uuid

from app.jobs import killpoint, runner
from app.jobs.killpoint import Point
from app.jobs.process import Process

_open: list[Process] = []


def use(process: Process) -> None:
    """Keep what jobs of this worker process need."""
    _open[:] = [process]


def run(job_id: str) -> None:
    """Run one job; whatever it comes to is written in its row."""
    killpoint.reach(Point.BEFORE_CLAIM, job_id)
    runner.run(_open[0], uuid.UUID(job_id))
    killpoint.reach(Point.AFTER_FINISH, job_id)
