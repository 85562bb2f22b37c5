"""A month of bookings whose time is over: into a file, its traces out of other tables, then out of the database."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from psycopg import Connection, sql
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from app.maintenance import archive
from app.maintenance.patience import patiently
from app.maintenance.rules import delete_slots

DUE = text("SELECT month FROM booking_months() WHERE ends <= now() - CAST(:keep AS interval) ORDER BY month")
DIGEST = text("SELECT rows, digest FROM bookings_month_digest(:month)")
DROP = text("SELECT drop_bookings_month(:month, CAST(:keep AS interval))")
RANGE = "{column} >= uuid_v7_floor(CAST(:month AS date)::timestamp AT TIME ZONE 'UTC') AND {column} < uuid_v7_floor((CAST(:month AS date) + interval '1 month') AT TIME ZONE 'UTC')"
IN_MONTH = RANGE.format(column="t.booking_id")
OPEN_WORK = text(
    f"SELECT (SELECT count(*) FROM queue_jobs t WHERE {IN_MONTH} AND t.status IN ('pending', 'processing')),"  # noqa: S608
    f" (SELECT count(*) FROM bookings b WHERE {RANGE.format(column='b.id')} AND b.window_end > now() - CAST(:keep AS interval))"
)
KNOWN = text("SELECT rows, sha256, digest FROM booking_archives WHERE month = :month")
REMEMBER = text(
    "INSERT INTO booking_archives (month, file, rows, sha256, digest) VALUES (:month, :file, :rows, :sha256, :digest)"
    " ON CONFLICT (month) DO UPDATE SET file = excluded.file, rows = excluded.rows, sha256 = excluded.sha256,"
    " digest = excluded.digest, archived_at = now()"
)
SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
AT_LEISURE = text(
    "SELECT set_config('statement_timeout', '15min', true), set_config('idle_in_transaction_session_timeout', '15min', true)"
)
COPY = sql.SQL(
    "COPY (SELECT b.id, b.reference, b.created_at, b.status, a.zip_code, a.city, a.state, p.key AS partner, b.issue_type,"
    " b.door_count, b.homeowner_status, b.owner_permission, b.door_age, b.preferred_time, b.window_end, b.booking_source,"
    " b.locale, b.fee_cents, b.fee_text_version, b.servicetitan_job_id, b.visit_confirmed_at, b.updated_at"
    " FROM bookings b JOIN service_areas a ON a.id = b.service_area_id LEFT JOIN partners p ON p.id = b.partner_id"
    " WHERE b.id >= uuid_v7_floor({month}::timestamp AT TIME ZONE 'UTC')"
    " AND b.id < uuid_v7_floor(({month}::date + interval '1 month') AT TIME ZONE 'UTC') ORDER BY b.id)"
    " TO STDOUT (FORMAT csv, HEADER)"
)


class NotYet(Exception):
    """A month has to stay for now; the message says what has to happen first."""


@dataclass(frozen=True)
class Leaving:
    """A month on its way out, and what its way needs."""

    month: date
    keep: str
    folder: Path
    batch: int

    @property
    def values(self) -> dict[str, object]:
        """Return what the statements' placeholders stand for."""
        return {"month": self.month, "keep": self.keep, "batch": self.batch}


def due(session: Session, keep: str) -> list[date]:
    """Return the months that are wholly older than that, the oldest first."""
    return list(session.execute(DUE, {"keep": keep}).scalars())


def count(session: Session, month: date) -> int:
    """Return how many bookings a month has."""
    return int(session.execute(DIGEST, {"month": month}).one().rows)


def let_go(sessions: sessionmaker[Session], leaving: Leaving) -> int:
    """Archive a month, clear what points to it and drop it; answer its bookings. Each part may be begun again.

    Raise NotYet, ArchiveFault or TooBusy; then the month is still there, and so is every booking of it.
    """
    with sessions.begin() as session:
        jobs, visits = session.execute(OPEN_WORK, leaving.values).one()
    if jobs:
        raise NotYet(f"{jobs} deliveries of its bookings are not finished")
    if visits:
        raise NotYet(f"{visits} of its visits are not old enough")
    ensure_archived(sessions, leaving)
    for clear in TRACES:
        while patiently(sessions, lambda session, clear=clear: clear(session, leaving)):  # type: ignore[misc]
            pass
    return patiently(sessions, lambda session: drop(session, leaving))


def drop(session: Session, leaving: Leaving) -> int:
    """Detach and drop the month; the database compares it with its archive once more."""
    session.execute(AT_LEISURE)
    dropped: int = session.execute(DROP, leaving.values).scalar_one()
    return dropped


def ensure_archived(sessions: sessionmaker[Session], leaving: Leaving) -> None:
    """Write the month's file unless a good one of its present rows is there. Raise ArchiveFault."""
    with sessions.begin() as session:
        present = session.execute(DIGEST, leaving.values).one()
        known = session.execute(KNOWN, leaving.values).one_or_none()
    path = leaving.folder / archive.file_name(leaving.month)
    if known is not None and (known.rows, known.digest) == tuple(present) and path.is_file():
        if archive.verify(path, known.sha256) == known.rows:
            return
        raise archive.ArchiveFault(f"{path.name}: has fewer rows than were written")
    export(sessions, leaving, path)


def export(sessions: sessionmaker[Session], leaving: Leaving, path: Path) -> None:
    """Write the month as it is in one snapshot, and remember what was written. Raise ArchiveFault."""
    with sessions.begin() as session:
        session.execute(SNAPSHOT)
        session.execute(AT_LEISURE)
        present = session.execute(DIGEST, leaving.values).one()
        written = archive.write(path.parent, path.name, copy_out(session, leaving.month))
    if written.rows != present.rows:
        raise archive.ArchiveFault(f"{path.name}: {written.rows} rows of {present.rows} were written")
    values = {
        "month": leaving.month,
        "file": path.name,
        "rows": written.rows,
        "sha256": written.sha256,
        "digest": present.digest,
    }
    patiently(sessions, lambda session: session.execute(REMEMBER, values))


def copy_out(session: Session, month: date) -> Iterator[bytes]:
    """Yield the month as CSV, block by block: it is never in memory as a whole."""
    connection = session.connection().connection.driver_connection
    if not isinstance(connection, Connection):
        raise TypeError("COPY needs psycopg")
    with (
        connection.cursor() as cursor,
        cursor.copy(COPY.format(month=sql.Literal(month.isoformat()))) as rows,
    ):
        for block in rows:
            yield bytes(block)


Clear = Callable[[Session, Leaving], int]


def delete_from(table: str, key: str, condition: str = IN_MONTH) -> Clear:
    """Return what deletes a batch of the rows that point into the month."""
    query = text(
        f"WITH gone AS (DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} t WHERE {condition} LIMIT :batch)"  # noqa: S608
        " RETURNING 1) SELECT count(*) FROM gone"
    )
    return lambda session, leaving: int(session.execute(query, leaving.values).scalar_one())


def unlink(table: str, key: str) -> Clear:
    """Return what makes a batch of rows forget the month's bookings, and keeps the rows."""
    query = text(
        f"WITH changed AS (UPDATE {table} SET booking_id = NULL WHERE ({key}) IN (SELECT {key} FROM {table} t"  # noqa: S608
        f" WHERE {IN_MONTH} LIMIT :batch) RETURNING 1) SELECT count(*) FROM changed"
    )
    return lambda session, leaving: int(session.execute(query, leaving.values).scalar_one())


def clear_slots(session: Session, leaving: Leaving) -> int:
    """Delete a batch of the windows that the month's bookings had."""
    return delete_slots(session, IN_MONTH, leaving.values)


# The first four have a foreign key to bookings; the others would be left with ids of nothing.
TRACES: tuple[Clear, ...] = (
    unlink("analytics_events", "id, created_at"),
    delete_from("notifications", "id"),
    delete_from("queue_jobs", "id", f"{IN_MONTH} AND t.status IN ('completed', 'failed')"),
    clear_slots,
    delete_from("booking_status_history", "id"),
    delete_from("manage_links", "token_hash"),
    delete_from("booking_submissions", "submission_id"),
    unlink("inbound_texts", "id"),
    unlink("wizard_sessions", "id"),
)
