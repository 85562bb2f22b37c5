"""A run of retention in a process of its own that kills itself at a given point: a statement, a commit, a file."""

import os
import signal
import sys
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import create_engine, event

from app.maintenance import retention
from app.maintenance.retention import AlreadyRunning, Round

FILE_EVENTS = {"open", "os.rename", "os.remove"}


def run_until(url: str, connect: dict[str, object], what: Round, point: int, answer: Connection) -> None:
    """Run, and die without a word at that point; a run that gets to its end answers how many points it passed."""
    passed = 0

    def step(*_: object) -> None:
        nonlocal passed
        passed += 1
        if passed == point:
            os.kill(os.getpid(), signal.SIGKILL)

    engine = create_engine(url, connect_args=connect)
    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(engine, name, step)
    folder = str(what.archives)

    def look(name: str, arguments: tuple[object, ...]) -> None:
        if name in FILE_EVENTS and str(arguments[0]).startswith(folder):
            step()

    sys.addaudithook(look)
    while True:
        try:
            retention.run(engine, what)
            break
        except AlreadyRunning:  # the server has not yet noticed that the last one died
            time.sleep(0.05)
    engine.dispose()
    answer.send(passed)
    answer.close()


def settled(what: Round, folder: Path) -> Round:
    """Return a round that can be sent to another process."""
    return replace(what, archives=folder, tell=nothing)


def nothing(_line: str) -> None:
    """Say nothing."""
