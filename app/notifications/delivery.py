"""What became of a text after the provider took it: callbacks come twice and out of order, a status never goes back."""

import uuid

from sqlalchemy import text
from sqlalchemy.orm import Session

RANKS = {
    "accepted": 0, "scheduled": 0, "queued": 1, "sending": 2, "sent": 3,
    "undelivered": 9, "failed": 9, "canceled": 9, "delivered": 10, "read": 11,
}  # fmt: skip
CURRENT = text(
    "SELECT delivery_status FROM notifications WHERE id = :id AND type = 'sms'"
    " AND (external_id IS NULL OR external_id = :external_id) FOR NO KEY UPDATE"
)
MARK = text(
    "UPDATE notifications SET delivery_status = CAST(:status AS text), error_msg = coalesce(CAST(:error AS text), error_msg),"
    " delivered_at = CASE WHEN CAST(:status AS text) = 'delivered' THEN now() ELSE delivered_at END WHERE id = :id"
)


def record(
    session: Session, notification_id: uuid.UUID, external_id: str, status: str, error: str | None
) -> bool:
    """Store a newer status of a text. Answer False when it is unknown, older, or of another message."""
    row = session.execute(CURRENT, {"id": notification_id, "external_id": external_id}).one_or_none()
    if row is None or status not in RANKS or RANKS[status] <= RANKS.get(row.delivery_status or "", -1):
        return False
    session.execute(MARK, {"id": notification_id, "status": status, "error": error})
    return True
