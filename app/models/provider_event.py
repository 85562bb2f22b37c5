"""Callbacks that providers sent us, so that a repeated one changes nothing."""

from datetime import datetime

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, set_now


class ProviderEvent(Base):
    """One inbound callback by the provider's own event id."""

    __tablename__ = "provider_events"

    provider: Mapped[str] = mapped_column(String(50), primary_key=True)
    event_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    payload_hash: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = set_now()
    result: Mapped[str | None] = mapped_column(String(50))
