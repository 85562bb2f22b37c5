"""Visits that ended: a visit lives 24 hours and is kept 30 days more, for its done page."""

from sqlalchemy import text
from sqlalchemy.orm import Session

BATCH = 5000
DELETE = text(
    "WITH gone AS (DELETE FROM wizard_sessions WHERE id IN (SELECT id FROM wizard_sessions"
    " WHERE expires_at < now() - interval '30 days' LIMIT :batch FOR UPDATE SKIP LOCKED) RETURNING 1)"
    " SELECT count(*) FROM gone"
)


def delete_expired(session: Session) -> int:
    """Delete one batch of visits that ended 30 days ago; answer how many, so that the caller comes back for more."""
    deleted: int = session.execute(DELETE, {"batch": BATCH}).scalar_one()
    return deleted
