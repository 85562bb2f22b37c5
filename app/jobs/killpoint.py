"""Places where a worker may be told to die: a test of what happens then must hit the very instant, which luck does not.

Read once when a worker starts and refused in production; where nothing is told, reaching a place does nothing.
"""

import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

import structlog

from app.config import SettingsError
from app.jobs.process import Process
from app.providers import Adapters

# What changes something at a provider; everything else only looks.
EFFECTS = frozenset({"create_job", "cancel_job", "move_visit", "send", "send_event"})


class Point(StrEnum):
    """The named places of one job, in their order."""

    IN_POP = "in_pop"
    BEFORE_CLAIM = "before_claim"
    AFTER_CLAIM = "after_claim"
    DURING_RENEWAL = "during_renewal"
    BEFORE_SEND = "before_send"
    AFTER_SEND = "after_send"
    BEFORE_FINISH = "before_finish"
    AFTER_FINISH = "after_finish"


_armed: dict[Point, Path] = {}


def arm(environ: Mapping[str, str], *, is_production: bool) -> None:
    """Take the order from the environment: A1_KILL_AT names the place, A1_KILL_NOTES a folder that remembers who died."""
    _armed.clear()
    where = environ.get("A1_KILL_AT", "")
    if not where:
        return
    if is_production:
        raise SettingsError("A1_KILL_AT is for tests and not allowed in production")
    try:
        _armed[Point(where)] = Path(environ["A1_KILL_NOTES"])
    except (ValueError, KeyError) as error:
        raise SettingsError(f"A1_KILL_AT: {error}") from None


def reach(point: Point, job_id: str | None = None) -> None:
    """Die here, once for each job so that the next worker gets on with it; a job marked as poison kills each time."""
    notes = _armed.get(point)
    if notes is None:
        return
    job = job_id or structlog.contextvars.get_contextvars().get("queue_job_id")
    if job is None:
        return
    if not (notes / f"{job}.poison").exists():
        try:
            (notes / f"{job}.{point}").touch(exist_ok=False)
        except FileExistsError:
            return
    os.kill(os.getpid(), signal.SIGKILL)


class _Watched:
    """An adapter whose every effect passes a place before and after."""

    def __init__(self, adapter: object) -> None:
        self._adapter = adapter

    def __getattr__(self, name: str) -> Any:  # Any: whatever the adapter has under that name
        real = getattr(self._adapter, name)
        if name not in EFFECTS:
            return real

        def act(*arguments: object, **options: object) -> object:
            reach(Point.BEFORE_SEND)
            answer = real(*arguments, **options)
            reach(Point.AFTER_SEND)
            return answer

        return act


def watch(process: Process) -> Process:
    """Put the places around sending into a process that was told to die; any other process stays as it is."""
    if not _armed:
        return process
    watched = {name: _Watched(adapter) for name, adapter in vars(process.adapters).items()}
    return replace(process, adapters=Adapters(**cast(Any, watched)))
