"""The process that looks after backups: WAL received and sealed all the time, a full one each day, a restore test each month."""

import json
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app import clock
from app.log import log
from app.maintenance.backups import manifest as manifests
from app.maintenance.backups import programs, receiving, wal
from app.maintenance.backups.store import BackupError, Store, alone

LOOK_EVERY = 1.0
SEAL_EVERY = 10.0
CHORES_EVERY = 30.0
AGAIN_AFTER = 5.0
CHORE_AGAIN = timedelta(hours=1)
DAY, LATE = timedelta(hours=20), timedelta(hours=25)
MONTH = timedelta(days=30)
RECEIVED, TESTED = "received.json", "restore-test.json"


@dataclass(frozen=True)
class Chores:
    """How a chore is started, as processes of their own, and whether the office sleeps."""

    backup: Callable[[], subprocess.Popen[bytes]]
    test: Callable[[], subprocess.Popen[bytes]]
    is_night: Callable[[], bool]


def keep(store: Store, stop: threading.Event, chores: Chores | None = None) -> None:
    """Receive and seal until told to stop; what fails is written down and tried again."""
    chore = Chore(store, chores) if chores else None
    with alone(store, "wal"):
        while not stop.is_set():
            try:
                receive(store, stop, chore)
            except Exception as error:  # noqa: BLE001 - the next round tries again
                log.error("wal_not_received", reason=str(error)[:300], error=type(error).__name__)
            stop.wait(AGAIN_AFTER)
    if chore:
        chore.end()


def receive(store: Store, stop: threading.Event, chore: "Chore | None") -> None:
    """Run pg_receivewal and seal what it brings, until it ends or we have to."""
    process = receiving.start(store)
    sealed_until = next_seal = 0.0
    try:
        while not stop.wait(LOOK_EVERY):
            code = process.poll()
            wal.put_away(store)
            if code is not None:
                said = process.stderr.read() if process.stderr else ""
                raise BackupError(f"pg_receivewal: {programs.last_words(said)}")
            if time.monotonic() >= next_seal:
                sealed_until = wal.put_away_partial(store, sealed_until)
                next_seal = time.monotonic() + SEAL_EVERY
                note(store, RECEIVED, at=clock.now().isoformat())
            if chore:
                chore.look()
    finally:
        process.terminate()
        process.communicate()
        wal.put_away(store)
        wal.put_away_partial(store, sealed_until)


class Chore:
    """Starts what is due, one thing at a time, and never the same twice within an hour."""

    def __init__(self, store: Store, chores: Chores) -> None:
        self._store, self._chores = store, chores
        self._running: subprocess.Popen[bytes] | None = None
        self._started: dict[str, datetime] = {}
        self._next = 0.0

    def look(self) -> None:
        """Start a chore whose time has come."""
        if time.monotonic() < self._next or (self._running and self._running.poll() is None):
            return
        self._next = time.monotonic() + CHORES_EVERY
        if is_backup_due(self._store, clock.now(), is_night=self._chores.is_night()):
            self._start("backup", self._chores.backup)
        elif is_test_due(self._store, clock.now()):
            self._start("restore_test", self._chores.test)

    def end(self) -> None:
        """End a chore that is at work: it leaves nothing half."""
        if self._running and self._running.poll() is None:
            self._running.terminate()
            self._running.wait()

    def _start(self, name: str, begin: Callable[[], subprocess.Popen[bytes]]) -> None:
        last = self._started.get(name)
        if last is None or clock.now() - last > CHORE_AGAIN:
            self._started[name] = clock.now()
            self._running = begin()


def is_backup_due(store: Store, now: datetime, *, is_night: bool) -> bool:
    """Say whether a full backup should be taken: each night, and at any hour when one was missed."""
    found = manifests.every(store)
    return not found or now - found[-1].started_at > (DAY if is_night else LATE)


def is_test_due(store: Store, now: datetime) -> bool:
    """Say whether the last good restore test is a month ago."""
    tested = read_note(store, TESTED)
    if not manifests.every(store):
        return False
    return tested is None or now - datetime.fromisoformat(str(tested["at"])) > MONTH


def note(store: Store, name: str, **known: object) -> None:
    """Write down when something went well, beside the backups: the database may be what is lost."""
    part = store.folder / f"{name}.part"
    part.write_text(json.dumps(known, default=str))
    part.replace(store.folder / name)


def read_note(store: Store, name: str) -> dict[str, object] | None:
    """Read when something went well last."""
    try:
        found: dict[str, object] = json.loads((store.folder / name).read_text())
    except FileNotFoundError:
        return None
    return found
