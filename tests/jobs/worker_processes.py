"""Real dispatcher and worker processes with the test's settings, and the waiting that goes with them."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

from app.config import Settings

ROOT = Path(__file__).parents[2]


def environment(settings: Settings) -> dict[str, str]:
    """Write settings the way an environment holds them."""
    names = {spec.name.upper(): as_text(getattr(settings, spec.name)) for spec in fields(Settings)}
    return {**os.environ, **{name: value for name, value in names.items() if value}, "PYTHONUNBUFFERED": "1"}


def as_text(value: object) -> str:
    """Write one setting."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Mapping):
        return ",".join(f"{key}={number}" for key, number in value.items())
    return ",".join(value) if isinstance(value, tuple) else str(value)


@contextmanager
def running(settings: Settings, log: Path, *role: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `worker.py` in a role; it is gone afterwards, one way or another."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "worker.py", *role],
            cwd=ROOT,
            env=environment(settings),
            stdout=output,
            stderr=output,
        )
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def wait_until(happened: Callable[[], object], within: float = 180.0, every: float = 0.02) -> None:
    """Wait for something; fail when it does not happen in time."""
    end = time.monotonic() + within
    while not happened():
        if time.monotonic() > end:
            raise AssertionError(f"did not happen within {within:.0f} s")
        time.sleep(every)
