"""Who moved a booking from one status to the next, when and why."""

import uuid
from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.analytics_event import TransactionId
from app.models.base import Base, set_now, time_ordered_id


class BookingStatusHistory(Base):
    """One edge, or a move; `tx` is the transaction that wrote it, by which reports find what is new. The actor is visitor, staff:<id>, system or a provider's name."""

    __tablename__ = "booking_status_history"
    __table_args__ = (
        Index("idx_booking_status_history_booking", "booking_id", "at"),
        Index("idx_booking_status_history_tx", "tx"),
    )

    id: Mapped[uuid.UUID] = time_ordered_id()
    booking_id: Mapped[uuid.UUID]
    from_status: Mapped[str | None] = mapped_column(String(20))
    to_status: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str | None] = mapped_column(String(300))
    at: Mapped[datetime] = set_now()
    tx: Mapped[str | None] = mapped_column(TransactionId(), server_default=text("pg_current_xact_id()"))
