"""The ledger of one phone number or e-mail address as somebody reads it who has to prove or to check a consent."""

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.notifications import ledger

READ = text(
    "SELECT c.created_at AS at, c.channel, c.purpose, c.action, c.method, b.reference AS booking, c.customer_id, c.text_version,"
    " encode(c.text_sha256, 'hex') AS text_sha256, c.locale, t.body AS words, c.page, c.partner,"
    " host(c.ip_truncated) || '/' || masklen(c.ip_truncated) AS ip, encode(c.user_agent_hash, 'hex') AS user_agent_sha256, c.actor,"
    " c.provider_ref AS message, i.body AS message_words"
    " FROM consents c LEFT JOIN bookings b ON b.id = c.booking_id"
    " LEFT JOIN consent_texts t ON t.version = c.text_version AND t.purpose = c.purpose AND t.locale = c.locale"
    " AND t.sha256 = c.text_sha256 LEFT JOIN inbound_texts i ON i.provider_sid = c.provider_ref"
    " WHERE c.phone_hash = :hashed OR c.email_hash = :hashed ORDER BY c.created_at, c.id"
)
FACTS = (
    "booking", "customer_id", "text_version", "text_sha256", "locale", "page", "partner", "ip", "user_agent_sha256", "actor",
    "message", "message_words",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One consent or withdrawal. `words` were shown beside the box; `message` names the text that said so."""

    at: datetime
    channel: str
    purpose: str
    action: str
    method: str
    booking: str | None
    customer_id: uuid.UUID | None
    text_version: str | None
    text_sha256: str | None
    locale: str | None
    words: str | None
    page: str | None
    partner: str | None
    ip: str | None
    user_agent_sha256: str | None
    actor: str | None
    message: str | None
    message_words: str | None

    def facts(self) -> dict[str, object]:
        """Return everything that is not the deed itself or its words."""
        return {name: getattr(self, name) for name in FACTS}


@dataclass(frozen=True)
class Proof:
    """All that is known of one phone number or e-mail address, oldest first."""

    lines: list[Line]
    is_stopped: bool

    def to_json(self) -> dict[str, Any]:  # Any: a document for other programs
        """Return plain data."""
        return {"is_stopped": self.is_stopped, "consents": [asdict(line) for line in self.lines]}


def read(session: Session, hashed: bytes) -> Proof:
    """Return the ledger of a hashed number or address."""
    rows = session.execute(READ, {"hashed": hashed})
    return Proof([Line(**row._mapping) for row in rows], ledger.is_opted_out(session, hashed))  # noqa: SLF001 - public
