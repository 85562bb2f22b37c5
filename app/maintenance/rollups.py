"""The small tables that reports read, brought up to what was committed since."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

ONE_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
LONG = text("SET LOCAL statement_timeout = '60s'")
REFRESH = text("SELECT report_refresh(:zone, :slice)")
REFRESH_COUNTS = text("SELECT report_refresh_counts(:zone, :slice)")
REFRESH_VIEWS = text("SELECT report_refresh_views(:age)")
REBUILD = text("SELECT report_rebuild(:zone)")
UNFINISHED = text("SELECT count(*) FROM report_due_days WHERE (source = 'events') = :events")
SLICE = timedelta(seconds=20)
VIEWS_EVERY = timedelta(minutes=10)

Transact = Callable[[Callable[[Session], int]], int]


def bring_up_to_date(
    transact: Transact, zone: str, *, views_age: timedelta = VIEWS_EVERY
) -> dict[str, object]:
    """Refresh everything that reports read, in as many transactions as it takes; answer what was done.

    `days` are days of events recomputed, `counts` days of bookings, deliveries, messages and leads, -1 where another
    refresh is at work.
    """
    days = until_done(transact, lambda session: refresh(session, zone, SLICE), events=True)
    counts = until_done(transact, lambda session: refresh_counts(session, zone, SLICE), events=False)
    return {
        "days": days,
        "counts": counts,
        "views": transact(lambda session: refresh_views(session, views_age)),
    }


def until_done(transact: Transact, work: Callable[[Session], int], *, events: bool) -> int:
    """Run slices until one finds another refresh at work or leaves no day over."""
    whole = 0
    while True:
        days = transact(work)
        if days < 0:
            return whole or days
        whole += days
        if not transact(lambda session: unfinished(session, events=events)):
            return whole


def refresh(session: Session, zone: str, slice_: timedelta | None = None) -> int:
    """Recompute the days of events that have news; answer how many, or -1 when another refresh is at work.

    Must be the first thing in a transaction of its own: the watermark and the sums have to come from one snapshot.
    With a slice it stops after about that long, and the next call goes on.
    """
    return in_one_snapshot(session).execute(REFRESH, {"zone": zone, "slice": slice_}).scalar_one()  # type: ignore[no-any-return]


def refresh_counts(session: Session, zone: str, slice_: timedelta | None = None) -> int:
    """Count the days again on which a booking, delivery, message or lead may have changed; answers like `refresh`."""
    return in_one_snapshot(session).execute(REFRESH_COUNTS, {"zone": zone, "slice": slice_}).scalar_one()  # type: ignore[no-any-return]


def refresh_views(session: Session, age: timedelta) -> int:
    """Fill the materialized views anew that are older than this, beside their readers; answer how many."""
    session.execute(LONG)
    filled: int = session.execute(REFRESH_VIEWS, {"age": age}).scalar_one()
    return filled


def rebuild(session: Session, zone: str) -> int:
    """Make every day due that can still be counted, in days of this time zone; answer how many there are."""
    session.execute(LONG)
    session.execute(REBUILD, {"zone": zone})
    return unfinished(session, events=True) + unfinished(session, events=False)


def unfinished(session: Session, *, events: bool) -> int:
    """Return how many days are due, of events or of everything else."""
    due: int = session.execute(UNFINISHED, {"events": events}).scalar_one()
    return due


def in_one_snapshot(session: Session) -> Session:
    """Begin a transaction whose statements all see the same rows."""
    session.execute(ONE_SNAPSHOT)
    session.execute(LONG)
    return session
