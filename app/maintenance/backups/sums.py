"""What is in the tables: rows counted and ids summed, at one moment that a restore can come back to."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, NullPool, create_engine, text

from app.maintenance.backups.manifest import TableSum
from app.maintenance.backups.store import BackupError

LONGEST_WAIT = 300.0
BETWEEN_LOOKS = 0.004

KEYS = text(
    "SELECT c.relname, (SELECT array_agg(quote_ident(a.attname) ORDER BY k.place) FROM pg_index i,"
    " unnest(i.indkey) WITH ORDINALITY AS k (attnum, place), pg_attribute a"
    " WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = k.attnum)"
    " FROM pg_class c WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace"
    " ORDER BY c.relname"
)
SNAPSHOT = text("SELECT pg_current_snapshot()::text")
# A transaction that writes holds the lock on its own number until everybody sees its end; a snapshot does not show the newest.
SOMEBODY_WRITES = text(
    "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock')"
)
MARK = text("SELECT pg_create_restore_point(:name)::text, clock_timestamp()")


@dataclass(frozen=True)
class Point:
    """A named place in the WAL, and a connection that goes on seeing what was committed there."""

    name: str
    lsn: str
    at: datetime
    connection: Connection


def connect(url: str) -> Engine:
    """Return an engine that keeps no connection."""
    return create_engine(
        url, poolclass=NullPool, connect_args={"connect_timeout": 5, "application_name": "a1-backup"}
    )


@contextmanager
def at_rest(engine: Engine, name: str, *, within: float = LONGEST_WAIT) -> Iterator[Point]:
    """Name a moment at which no transaction was writing, without holding anybody up: wait for one between two commits.

    Whoever had committed by the mark has either ended, and then the snapshots before and after it would differ, or still
    holds its lock. So what the connection sees is exactly what a restore up to the mark brings back.
    """
    end, tries = time.monotonic() + within, 0
    with (
        engine.connect().execution_options(isolation_level="REPEATABLE READ") as reader,
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as marker,
    ):
        while time.monotonic() < end:
            seen: str = reader.execute(SNAPSHOT).scalar_one()
            if not marker.execute(SOMEBODY_WRITES).scalar_one():
                tries += 1
                lsn, at = marker.execute(MARK, {"name": f"{name}_{tries}"}).one()
                quiet = not marker.execute(SOMEBODY_WRITES).scalar_one()
                if quiet and marker.execute(SNAPSHOT).scalar_one() == seen:
                    yield Point(f"{name}_{tries}", lsn, at, reader)
                    return
            reader.rollback()
            time.sleep(BETWEEN_LOOKS)
    raise BackupError(
        f"for {within:.0f} s some transaction was writing at every moment: see pg_stat_activity"
    )


def read(connection: Connection) -> dict[str, TableSum]:
    """Count the rows of every table and sum up their ids, whatever order they lie in."""
    return {table: read_table(connection, table, keys) for table, keys in connection.execute(KEYS).all()}


def read_table(connection: Connection, table: str, keys: list[str] | None) -> TableSum:
    """Count one table; one without a primary key has no sum."""
    ids = f"coalesce(bit_xor(hash_record_extended(ROW({', '.join(keys)}), 0)), 0)" if keys else "0"
    query = f'SELECT count(*), {ids}::text FROM "{table}"'  # noqa: S608 - names from the catalogue, quoted
    rows, summed = connection.execute(text(query)).one()
    return TableSum(rows, summed)


def differences(wanted: dict[str, TableSum], found: dict[str, TableSum]) -> list[str]:
    """Say which tables do not hold what they should."""
    said = []
    for table in sorted(wanted.keys() | found.keys()):
        one, other = wanted.get(table), found.get(table)
        if one is None or other is None:
            said.append(f"{table} is {'not in the copy' if other is None else 'not in the manifest'}")
        elif one != other:
            said.append(
                f"{table}: {one.rows} rows written down, {other.rows} found"
                if one.rows != other.rows
                else f"{table}: other ids"
            )
    return said
