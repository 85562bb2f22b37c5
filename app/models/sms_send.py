"""Which texts left when, by keyed hashes: what the caps against SMS pumping count."""

import uuid
from datetime import datetime

from sqlalchemy import Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, set_now


class SmsSend(Base):
    """One text handed over. `prefix_hash` is of the number without its last four digits."""

    __tablename__ = "sms_sends"
    __table_args__ = (
        Index("idx_sms_sends_phone", "phone_hash", "sent_at"),
        Index("idx_sms_sends_prefix", "prefix_hash", "sent_at"),
        Index(
            "idx_sms_sends_address",
            "address_hash",
            "sent_at",
            postgresql_where=text("address_hash IS NOT NULL"),
        ),
        Index("idx_sms_sends_sent", "sent_at"),
    )

    notification_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    phone_hash: Mapped[bytes] = mapped_column(LargeBinary)
    prefix_hash: Mapped[bytes] = mapped_column(LargeBinary)
    address_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    sent_at: Mapped[datetime] = set_now()
