"""How things stand: the last backup, the WAL, the last restore test, and what a crash right now would cost."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.maintenance.backups import keeper, sums, wal
from app.maintenance.backups import manifest as manifests
from app.maintenance.backups.manifest import Manifest
from app.maintenance.backups.receiving import SLOT
from app.maintenance.backups.store import Store

OLDEST_BACKUP, OLDEST_TEST, OLDEST_WAL = timedelta(hours=26), timedelta(days=35), timedelta(seconds=60)
SERVER = text(
    "SELECT s.active, s.wal_status, coalesce(pg_wal_lsn_diff(pg_current_wal_flush_lsn(), r.flush_lsn), -1)::bigint AS behind"
    " FROM pg_replication_slots s LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid WHERE s.slot_name = :slot"
)


@dataclass(frozen=True)
class State:
    """What is known without opening a backup; ages in seconds, nothing where there is none."""

    backup: str | None
    backup_age: float | None
    received_age: float | None
    server: str
    missing: tuple[str, ...]
    test_age: float | None

    def faults(self) -> list[str]:
        """Say what somebody has to see to."""
        found = []
        if self.backup_age is None or self.backup_age > OLDEST_BACKUP.total_seconds():
            found.append("no full backup of the last 26 hours")
        if self.received_age is None or self.received_age > OLDEST_WAL.total_seconds():
            found.append("no WAL has come in for more than a minute: is `backup keep` running?")
        if self.missing:
            found.append(f"missing: {', '.join(self.missing[:5])}")
        if self.test_age is None or self.test_age > OLDEST_TEST.total_seconds():
            found.append("no restore test of the last 35 days went well")
        return found


def read(store: Store, now: datetime) -> State:
    """Look at the files, and at the server if it answers."""
    backups = manifests.every(store)
    newest = backups[-1] if backups else None
    return State(
        backup=newest.name if newest else None,
        backup_age=(now - newest.started_at).total_seconds() if newest else None,
        received_age=age(store, keeper.RECEIVED, now),
        server=ask_server(store),
        missing=tuple(holes(store, backups[0])) if backups else (),
        test_age=age(store, keeper.TESTED, now),
    )


def age(store: Store, name: str, now: datetime) -> float | None:
    """Return how long ago something went well."""
    known = keeper.read_note(store, name)
    return None if known is None else (now - datetime.fromisoformat(str(known["at"]))).total_seconds()


def holes(store: Store, oldest: Manifest) -> list[str]:
    """Name the segments that are missing since the oldest backup."""
    size = oldest.segment_bytes
    chain = wal.kept(store, size)
    first = wal.Segment(wal.place(oldest.start_lsn) // size, oldest.timeline)
    return wal.missing(chain, first, max((segment.number for segment in chain), default=first.number), size)


def ask_server(store: Store) -> str:
    """Say how far behind the server the receiver is."""
    try:
        with sums.connect(store.database_url).connect() as connection:
            row = connection.execute(SERVER, {"slot": SLOT}).one_or_none()
    except SQLAlchemyError as error:
        return f"does not answer ({type(error).__name__})"
    if row is None:
        return "knows no receiver yet"
    if not row.active:
        return f"nobody receives (its WAL is {row.wal_status})"
    return f"{row.behind:,} bytes behind"
