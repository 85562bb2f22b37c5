"""A full backup: copied by pg_basebackup, sealed on its way, read back and verified before it counts."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, text

from app import clock
from app.maintenance.backups import copies, programs, receiving, restore, sums, wal
from app.maintenance.backups import manifest as manifests
from app.maintenance.backups.manifest import BASE, Manifest, TableSum
from app.maintenance.backups.sealed import Seal, seal
from app.maintenance.backups.store import BackupError, Store, alone

ABOUT = text(
    "SELECT current_database(), current_setting('server_version'), pg_size_bytes(current_setting('wal_segment_size')),"
    " (SELECT version_num FROM alembic_version), (SELECT count(*) FROM erasure_log)"
)
NOW = text("SELECT clock_timestamp()")
COPY = (
    "--pgdata=-",
    "--format=tar",
    "--wal-method=none",
    "--checkpoint=fast",
    "--no-password",
    "--label=a1-backup",
)


@dataclass(frozen=True)
class Done:
    """A finished backup, and what was deleted because of it."""

    manifest: Manifest
    seconds: float
    forgotten: tuple[str, ...]


@dataclass(frozen=True)
class Ranges:
    """From where to where a copy needs WAL to be consistent."""

    timeline: int
    start_lsn: str
    end_lsn: str


@dataclass(frozen=True)
class Counted:
    """What was found in the database at one named point."""

    consistent_at: datetime
    point: str
    point_at: datetime
    point_lsn: str
    tables: dict[str, TableSum]
    database: str
    server_version: str
    segment_bytes: int
    migration: str
    erasures: int


def run(store: Store, scratch: Path | None = None) -> Done:
    """Take a full backup, verify it, and delete those that are too old. Raise BackupError; nothing half stays."""
    copies.clear(store)
    began = clock.now()
    name = f"{began:%Y%m%dT%H%M%SZ}"
    with alone(store, "backup"), part_of(store, name) as part:
        engine = sums.connect(store.database_url)
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            receiving.ensure_slot(connection)
        sealed = copy(store, part / BASE)
        counted = count(engine, name)
        with unpacked(store, part / BASE, sealed, scratch) as copied:
            ranges = read_ranges(copied)
            last = (wal.place(counted.point_lsn) - 1) // counted.segment_bytes
            receiving.complete(store, wal.Segment(last, ranges.timeline), counted.segment_bytes)
            verify(store, copied, ranges, counted.segment_bytes)
        known = vars(sealed) | vars(ranges) | vars(counted)
        manifests.write(part, Manifest(name=name, started_at=began, **known))
        part.rename(store.base / name)
    finished = manifests.read(store.base / name)
    return Done(finished, (clock.now() - began).total_seconds(), forget_old(store, clock.now()))


def count(engine: Engine, name: str) -> Counted:
    """Count everything at a moment that a restore can come back to."""
    consistent_at = ask_time(engine)
    with sums.at_rest(engine, f"a1_{name}") as point:
        tables = sums.read(point.connection)
        about = point.connection.execute(ABOUT).one()
    return Counted(
        consistent_at=consistent_at,
        point=point.name,
        point_at=point.at,
        point_lsn=point.lsn,
        tables=tables,
        database=about[0],
        server_version=about[1].split()[0],
        segment_bytes=int(about[2]),
        migration=about[3],
        erasures=about[4],
    )


@contextmanager
def part_of(store: Store, name: str) -> Iterator[Path]:
    """Make the folder of a backup under a name that nobody takes for a finished one; leave nothing of a failed one."""
    for left in store.base.glob("*.part"):
        shutil.rmtree(left)
    part = store.base / f"{name}.part"
    part.mkdir(mode=0o700)
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def copy(store: Store, target: Path) -> Seal:
    """Copy the cluster into a sealed file: nothing is in clear on our disk, and nothing waits in memory."""
    with tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(
            [programs.find(store, "pg_basebackup"), *COPY],
            env=programs.environment(store.database_url),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process:
            try:
                sealed = seal(process.stdout, target, store.key)  # type: ignore[arg-type]  # it is a pipe, as asked for
                code = process.wait()
            finally:
                process.kill()
        if code != 0:
            errors.seek(0)
            raise BackupError(f"pg_basebackup: {programs.last_words(errors.read())}")
    return sealed


def ask_time(engine: Engine) -> datetime:
    """Return the database's time: recovery compares with it, not with ours."""
    with engine.connect() as connection:
        now: datetime = connection.execute(NOW).scalar_one()
        return now


@contextmanager
def unpacked(store: Store, base: Path, sealed: Seal, scratch: Path | None) -> Iterator[Path]:
    """Unpack what was just written, from the disk, and remove it afterwards."""
    with copies.folder(store, "a1-verify-", scratch) as folder:
        restore.unpack(store, base, folder / copies.DATA, sha256=sealed.sha256)
        yield folder / copies.DATA


def read_ranges(copied: Path) -> Ranges:
    """Read which WAL the copy needs, from PostgreSQL's own manifest."""
    found = json.loads((copied / "backup_manifest").read_text())["WAL-Ranges"]
    return Ranges(found[0]["Timeline"], found[0]["Start-LSN"], found[-1]["End-LSN"])


def verify(store: Store, copied: Path, ranges: Ranges, size: int) -> None:
    """Have pg_verifybackup compare every file with PostgreSQL's manifest, and read the WAL that it needs."""
    chain = copied.parent / "wal"
    first = wal.Segment(wal.place(ranges.start_lsn) // size, ranges.timeline)
    fault = wal.lay_out(store, first, chain, size)
    if fault is not None:
        raise fault
    programs.run(store, "pg_verifybackup", "--exit-on-error", f"--wal-directory={chain}", str(copied))


def forget_old(store: Store, now: datetime) -> tuple[str, ...]:
    """Delete backups that are too old, and the WAL that only they needed. The newest stays, however old it is."""
    found = manifests.every(store)
    oldest_allowed = now - timedelta(days=store.keep_days)
    old = [manifest for manifest in found[:-1] if manifest.started_at < oldest_allowed]
    for manifest in old:
        shutil.rmtree(store.base / manifest.name)
    first = found[len(old)]
    wal.forget_before(store, wal.place(first.start_lsn) // first.segment_bytes, first.segment_bytes)
    return tuple(manifest.name for manifest in old)
