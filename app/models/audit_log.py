"""What staff and operators did; the database refuses to change or delete a row."""

import uuid
from datetime import datetime

from sqlalchemy import Index, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, set_now, time_ordered_id


class AuditLog(Base):
    """One action on one object."""

    __tablename__ = "audit_log"
    __table_args__ = (
        Index("idx_audit_log_at", text("at DESC")),
        Index("idx_audit_log_object", "object", text("at DESC")),
    )

    id: Mapped[uuid.UUID] = time_ordered_id()
    at: Mapped[datetime] = set_now()
    actor: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(50))
    object: Mapped[str] = mapped_column(String(100))
    before_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    after_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    reason: Mapped[str | None] = mapped_column(String(300))
    request_id: Mapped[str | None] = mapped_column(String(64))
    ip_truncated: Mapped[str | None] = mapped_column(INET)
