"""Months and weeks made ahead of time: without a partition for its moment no booking and no event can be stored."""

from sqlalchemy import text
from sqlalchemy.orm import Session

QUICKLY = text("SET LOCAL lock_timeout = '2s'")
ENSURE = text(
    "SELECT ensure_partitions(now() - interval '1 month', now() + interval '14 months', now() + interval '12 weeks')"
)


def ensure(session: Session) -> int:
    """Make what is missing from last month to 14 months and 12 weeks ahead; answer how many were made.

    Waits at most 2 s for a lock, so that bookings never queue up behind it: the caller tries the transaction again.
    """
    session.execute(QUICKLY)
    made: int = session.execute(ENSURE).scalar_one()
    return made
