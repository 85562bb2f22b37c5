"""Whether the machinery behind the bookings runs: tasks, queues, windows, providers, partitions."""

from datetime import datetime, timedelta

from flask import Response
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.booking import slot_sync
from app.extensions import db
from app.maintenance import partitions
from app.staff.backup_check import check_backups
from app.staff.formats import ago
from app.staff.integrity import check_integrity
from app.staff.operations_check import Check
from app.staff.pages import page, staff
from app.staff.provider_cards import read_providers

TASKS = text(
    "SELECT DISTINCT ON (name) name, started_at, finished_at, ok, figures FROM task_runs ORDER BY name, started_at DESC"
)
QUEUES = text(
    "SELECT queue_name, count(*) FILTER (WHERE status = 'pending' AND scheduled_at <= now()) AS due,"
    " count(*) FILTER (WHERE status = 'pending' AND scheduled_at > now()) AS later,"
    " count(*) FILTER (WHERE status = 'processing') AS running, count(*) FILTER (WHERE status = 'failed') AS failed,"
    " min(scheduled_at) FILTER (WHERE status = 'pending' AND scheduled_at <= now()) AS oldest_due"
    " FROM queue_jobs WHERE status IN ('pending', 'processing', 'failed') GROUP BY queue_name ORDER BY queue_name"
)
SYNC = text(
    "SELECT (SELECT max(finished_at) FROM task_runs WHERE name = 'slots' AND ok) AS at,"
    " (SELECT count(*) FROM time_slots WHERE available AND starts_at > now()) AS open"
)
BEAT = text("SELECT beat_at FROM heartbeat")
STALE = timedelta(minutes=30)
QUIET = timedelta(seconds=60)
LEAST_DAYS = 30  # the same as the alert PartitionsRunOut


@staff.get("/operations")
def operations() -> Response:
    """Show the state of everything that runs without people."""
    session = db.session()
    return page(
        "operations",
        checks=[
            check_dispatcher(session),
            check_windows(session),
            check_partitions(session),
            check_integrity(session),
            check_backups(session),
        ],
        queues=list(session.execute(QUEUES)),
        providers=read_providers(session),
        tasks=list(session.execute(TASKS)),
    )


def check_dispatcher(session: Session) -> Check:
    """Say whether deliveries are being handed out."""
    beat: datetime | None = session.execute(BEAT).scalar_one_or_none()
    if beat is None:
        return Check("Dispatcher", None, "has not been seen yet")
    quiet = clock.now() - beat
    return Check("Dispatcher", quiet < QUIET, f"last sign of life {int(quiet.total_seconds())} s ago")


def check_windows(session: Session) -> Check:
    """Say how old our knowledge of the open windows is."""
    fetched_at, windows = session.execute(SYNC).one()
    known = f"open windows: {windows:,}"
    if fetched_at is None:
        return Check(
            "Arrival windows", None if windows else False, f"{known}; no run has fetched all areas yet"
        )
    says, old = f"{known}; fetched {ago(fetched_at)}", slot_sync.old_crews(session, STALE)
    if old:
        says += "; older, still as last known: " + ", ".join(
            f"{crew.key_prefix} ({ago(crew.fetched_at)})" for crew in old
        )
    return Check("Arrival windows", clock.now() - fetched_at < STALE and not old, says)


def check_partitions(session: Session) -> Check:
    """Say for how many days ahead bookings and events can be stored, up to the first gap."""
    far = partitions.horizon(session)
    days = f"{far['bookings']:.0f} days of bookings and {far['analytics_events']:.0f} days of events ahead"
    return Check("Partitions", min(far.values()) >= LEAST_DAYS, f"room for {days}")
