"""The small tables that reports read, brought up to the events that were committed since."""

from sqlalchemy import text
from sqlalchemy.orm import Session

ONE_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
LONG = text("SET LOCAL statement_timeout = '60s'")
REFRESH = text("SELECT report_refresh(:zone)")


def refresh(session: Session, zone: str) -> int:
    """Recompute the days that have news; answer how many, or -1 when another refresh is at work.

    Must be the first thing in a transaction of its own: the watermark and the sums have to come from one snapshot.
    """
    session.execute(ONE_SNAPSHOT)
    session.execute(LONG)
    days: int = session.execute(REFRESH, {"zone": zone}).scalar_one()
    return days
