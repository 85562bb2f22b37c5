"""One line for each thing staff or an operator did, in the same transaction as the deed itself."""

import uuid
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking.consent import truncate_ip

ADD = text(
    "INSERT INTO audit_log (actor, action, object, reason, request_id, ip_truncated)"
    " VALUES (:actor, :action, :object, :reason, :request_id, CAST(:ip AS inet))"
)


@dataclass(frozen=True)
class Doer:
    """Who acts: staff with the request it came by, or an operator at the shell."""

    actor: str
    request_id: str | None = None
    ip: str | None = None


OPERATOR = Doer("cli")


def staff_actor(staff_id: uuid.UUID) -> str:
    """Return the name under which a person's deeds are kept."""
    return f"staff:{staff_id}"


def record(session: Session, doer: Doer, action: str, subject: str, *, reason: str | None = None) -> None:
    """Add a line. `subject` is kind and id, like `booking:1A2B3C4D`; neither it nor the reason names a person."""
    session.execute(
        ADD,
        {
            "actor": doer.actor,
            "action": action,
            "object": subject[:100],
            "reason": reason[:300] if reason else None,
            "request_id": doer.request_id,
            "ip": truncate_ip(doer.ip),
        },
    )
