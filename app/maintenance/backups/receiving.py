"""How WAL comes in: pg_receivewal on a slot of its own, so that the server keeps what we have not had yet."""

import subprocess
import time

from sqlalchemy import Connection, text

from app.log import log
from app.maintenance.backups import programs, sums, wal
from app.maintenance.backups.sealed import SUFFIX
from app.maintenance.backups.store import BackupError, Store, alone

SLOT = "a1_backup"
LONGEST_WAIT = 180.0

FIND = text("SELECT active, wal_status FROM pg_replication_slots WHERE slot_name = :slot")
CREATE = text("SELECT pg_create_physical_replication_slot(:slot, true)")
DROP = text("SELECT pg_drop_replication_slot(:slot)")
SWITCH = text("SELECT pg_switch_wal()::text")


def ensure_slot(connection: Connection) -> bool:
    """Make the slot if there is none, or if the server had to give up its WAL; answer whether somebody receives from it."""
    found = connection.execute(FIND, {"slot": SLOT}).one_or_none()
    if found is not None and found.wal_status == "lost":
        log.error("wal_slot_lost", slot=SLOT)
        connection.execute(DROP, {"slot": SLOT})
        found = None
    if found is None:
        connection.execute(CREATE, {"slot": SLOT})
        return False
    return bool(found.active)


def start(store: Store, *, until: str | None = None) -> subprocess.Popen[str]:
    """Receive for ever, or up to a place; each commit is on our disk before the server is told so."""
    with (
        sums.connect(store.database_url)
        .execution_options(isolation_level="AUTOCOMMIT")
        .connect() as connection
    ):
        ensure_slot(connection)
    options = [f"--directory={store.spool}", f"--slot={SLOT}", "--synchronous", "--no-loop", "--no-password"]
    return subprocess.Popen(
        [programs.find(store, "pg_receivewal"), *options, *([f"--endpos={until}"] if until else [])],
        env=programs.environment(store.database_url),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def complete(store: Store, segment: wal.Segment, size: int) -> None:
    """End the segment that is being written and wait until it is sealed away, received by ourselves if nobody else does."""
    with (
        sums.connect(store.database_url)
        .execution_options(isolation_level="AUTOCOMMIT")
        .connect() as connection
    ):
        active = ensure_slot(connection)
        connection.execute(SWITCH)
    sealed, end = store.wal / f"{segment.name(size)}{SUFFIX}", time.monotonic() + LONGEST_WAIT
    if not active:
        receive_once(store, wal.position((segment.number + 1) * size - 1))
    while not sealed.exists():
        if time.monotonic() > end:
            raise BackupError(
                f"the WAL of this backup has not come in after {LONGEST_WAIT:.0f} s: is it being received?"
            )
        time.sleep(0.1)


def receive_once(store: Store, lsn: str) -> None:
    """Receive up to a place and seal what came."""
    with alone(store, "wal"):
        process = start(store, until=lsn)
        try:
            _, said = process.communicate(timeout=LONGEST_WAIT)
        except subprocess.TimeoutExpired as error:
            raise BackupError(f"the WAL has not come in after {LONGEST_WAIT:.0f} s") from error
        finally:
            process.kill()
        if process.returncode != 0:
            raise BackupError(f"pg_receivewal: {programs.last_words(said)}")
        wal.put_away(store)
