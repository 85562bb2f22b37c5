"""Whether what we have could be brought back: the last full backup, and the last restore that was tried."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.staff.formats import ago
from app.staff.operations_check import Check

LAST = text(
    "SELECT max(finished_at) FILTER (WHERE name = 'backup') AS backup,"
    " max(finished_at) FILTER (WHERE name = 'restore_test') AS tested"
    " FROM task_runs WHERE name IN ('backup', 'restore_test') AND ok"
)
OLDEST_BACKUP, OLDEST_TEST = timedelta(hours=26), timedelta(days=35)  # the same as the alerts


def check_backups(session: Session) -> Check:
    """Say how old both are; an installation that has never had a backup needs one."""
    backup, tested = session.execute(LAST).one()
    says = f"last full backup {when(backup)}; last restore test {when(tested)}"
    return Check("Backups", is_recent(backup, OLDEST_BACKUP) and is_recent(tested, OLDEST_TEST), says)


def is_recent(at: datetime | None, oldest: timedelta) -> bool:
    """Say whether something was done, and not too long ago."""
    return at is not None and clock.now() - at < oldest


def when(at: datetime | None) -> str:
    """Return a moment in words."""
    return "never" if at is None else ago(at)
