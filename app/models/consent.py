"""The legal record of who agreed to which text, where and how; rows are only ever added."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, set_now, time_ordered_id


class Consent(Base):
    """One opt-in or opt-out of one phone number or e-mail address. `provider_ref` names the text message that said so."""

    __tablename__ = "consents"
    __table_args__ = (
        Index("idx_consents_phone", "phone_hash", text("created_at DESC")),
        Index("idx_consents_booking", "booking_id", postgresql_where=text("booking_id IS NOT NULL")),
        Index(
            "idx_consents_email",
            "email_hash",
            text("created_at DESC"),
            postgresql_where=text("email_hash IS NOT NULL"),
        ),
        CheckConstraint("num_nonnulls(phone_hash, email_hash) = 1", name="consents_recipient"),
        CheckConstraint("channel IN ('email', 'sms')", name="consents_channel"),
        CheckConstraint("action IN ('opt_in', 'opt_out')", name="consents_action"),
        CheckConstraint(
            "method IN ('web', 'keyword', 'freeform', 'staff', 'webhook')", name="consents_method"
        ),
    )

    id: Mapped[uuid.UUID] = time_ordered_id()
    customer_id: Mapped[uuid.UUID | None]
    booking_id: Mapped[uuid.UUID | None]
    phone_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    email_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    channel: Mapped[str] = mapped_column(String(20))
    purpose: Mapped[str] = mapped_column(String(30))
    action: Mapped[str] = mapped_column(String(20))
    text_version: Mapped[str | None] = mapped_column(String(20))
    text_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    locale: Mapped[str | None] = mapped_column(String(5))
    page: Mapped[str | None] = mapped_column(String(200))
    partner: Mapped[str | None] = mapped_column(String(40))
    ip_truncated: Mapped[str | None] = mapped_column(INET)
    user_agent_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    method: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str | None] = mapped_column(String(100))
    provider_ref: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = set_now()
