"""One message to one person on one channel, and what became of it."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, set_now, time_ordered_id

SKIPPED = "skipped: "  # begins the reason of a message that was not needed any more


class Channel(StrEnum):
    """How a message travels."""

    EMAIL = "email"
    SMS = "sms"


class NotificationStatus(StrEnum):
    """`sent` means the provider accepted it; what the handset says comes later, in `delivery_status`."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"


class Notification(Base):
    """A message's row; the text is made when it is sent and stored nowhere."""

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("dedupe_key", name="notifications_dedupe_key"),
        Index("idx_notifications_booking", "booking_id"),
        Index("idx_notifications_status", "status", "created_at"),
        Index("idx_notifications_created", "created_at"),
        Index(
            "idx_notifications_recipient",
            "recipient_hash",
            text("created_at DESC"),
            postgresql_where=text("recipient_hash IS NOT NULL"),
        ),
        CheckConstraint("type IN ('email', 'sms')", name="notifications_type"),
        CheckConstraint("status IN ('pending', 'sent', 'failed')", name="notifications_status"),
    )

    id: Mapped[uuid.UUID] = time_ordered_id()
    booking_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bookings.id"))
    type: Mapped[str] = mapped_column(String(20))
    provider: Mapped[str] = mapped_column(String(50))
    status: Mapped[str] = mapped_column(String(20), server_default=text("'pending'"))
    external_id: Mapped[str | None] = mapped_column(String(100))
    sent_at: Mapped[datetime | None]
    error_msg: Mapped[str | None]
    template: Mapped[str] = mapped_column(String(50))
    locale: Mapped[str] = mapped_column(String(5), server_default=text("'en'"))
    recipient_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    due_at: Mapped[datetime] = set_now()
    dedupe_key: Mapped[str] = mapped_column(String(200))
    delivery_status: Mapped[str | None] = mapped_column(String(20))
    delivered_at: Mapped[datetime | None]
    resend_of: Mapped[uuid.UUID | None]
    created_at: Mapped[datetime] = set_now()

    @property
    def skip_reason(self) -> str | None:
        """Return why it was left out on purpose, where nothing went wrong."""
        message = self.error_msg or ""
        return message.removeprefix(SKIPPED) if message.startswith(SKIPPED) else None
