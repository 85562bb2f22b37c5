"""Months and weeks made ahead of time: without a partition for its moment no booking and no event can be stored."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app.maintenance.patience import TooBusy, patiently

QUICKLY = text("SET LOCAL lock_timeout = '2s'")

STRETCH = (
    "CAST(:at AS timestamptz) - interval '1 month', CAST(:at AS timestamptz) + interval '14 months',"
    " CAST(:at AS timestamptz) + interval '12 weeks'"
)
MISSING = text(
    f"SELECT parent, starts FROM partition_plan({STRETCH}) WHERE NOT attached"  # noqa: S608 - our own words
    " ORDER BY ends <= CAST(:at AS timestamptz), starts, parent"
)
ENSURE = text(f"SELECT ensure_partitions({STRETCH})")
MAKE = text("SELECT make_partition(:parent, :starts)")
NOW = text("SELECT now()")
HORIZON = text(
    "SELECT parent, extract(epoch FROM covered_until - CAST(:at AS timestamptz)) / 86400 AS days"
    " FROM partition_horizon(CAST(:at AS timestamptz)) ORDER BY parent DESC"
)


@dataclass(frozen=True)
class Upkeep:
    """What one round of upkeep came to: how many were made, how often it stepped back, and what could not be made."""

    made: int
    waits: int
    faults: tuple[str, ...] = ()

    @property
    def figures(self) -> dict[str, object]:
        """Return what the run log keeps."""
        return {"made": self.made} | ({"faults": list(self.faults)} if self.faults else {})


def ensure(session: Session) -> int:
    """Make what is missing from last month to 14 months and 12 weeks ahead, all at once; answer how many were made.

    For a moment in which nothing else can go on anyway: it waits at most 2 s for a lock, the caller tries again.
    """
    session.execute(QUICKLY)
    made: int = session.execute(ENSURE, {"at": session.execute(NOW).scalar_one()}).scalar_one()
    return made


def upkeep(sessions: sessionmaker[Session], at: datetime | None = None) -> Upkeep:
    """Make what is missing around `at`, the most urgent first, each in a short transaction of its own.

    Bookings go on meanwhile. What cannot be made is told, and keeps none of the others from being made.
    """
    with sessions.begin() as session:
        missing = read_missing(session, at)
    made, waits, faults = 0, list[None](), list[str]()
    for parent, starts in missing:
        try:
            made += make_one(sessions, parent, starts, waits)
        except (DBAPIError, TooBusy) as error:
            faults.append(f"{parent} {starts:%Y-%m-%d}: {str(getattr(error, 'orig', error)).splitlines()[0]}")
    return Upkeep(made, len(waits), tuple(faults))


def make_one(sessions: sessionmaker[Session], parent: str, starts: datetime, waits: list[None]) -> bool:
    """Make one and note each wait; answer false when somebody else made it. Raise TooBusy."""
    return patiently(
        sessions, lambda session: make(session, parent, starts), waited=lambda: waits.append(None)
    )


def read_missing(session: Session, at: datetime | None) -> list[tuple[str, datetime]]:
    """Return what has no partition yet: the present and what is next first, the past last."""
    at = at or session.execute(NOW).scalar_one()
    return [(row.parent, row.starts) for row in session.execute(MISSING, {"at": at})]


def make(session: Session, parent: str, starts: datetime) -> bool:
    """Make and attach one month or week; answer false when somebody else did."""
    made: bool = session.execute(MAKE, {"parent": parent, "starts": starts}).scalar_one()
    return made


def horizon(session: Session, at: datetime | None = None) -> dict[str, float]:
    """Return for how many days after `at` each table has a place for rows, without a gap."""
    at = at or session.execute(NOW).scalar_one()
    return {row.parent: float(row.days) for row in session.execute(HORIZON, {"at": at})}
