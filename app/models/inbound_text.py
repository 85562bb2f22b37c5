"""What homeowners text back, once each, for the office to read."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, set_now, time_ordered_id


class Meaning(StrEnum):
    """What a text says to us."""

    STOP = "stop"
    START = "start"
    HELP = "help"
    CONFIRM = "confirm"
    OTHER = "other"


class InboundText(Base):
    """One text from a homeowner; `provider_sid` names it there, so that a repeated callback adds nothing."""

    __tablename__ = "inbound_texts"
    __table_args__ = (
        UniqueConstraint("provider_sid", name="inbound_texts_sid"),
        Index("idx_inbound_texts_received", text("received_at DESC")),
        Index("idx_inbound_texts_booking", "booking_id", postgresql_where=text("booking_id IS NOT NULL")),
        CheckConstraint(
            "meaning IN ('stop', 'start', 'help', 'confirm', 'other')", name="inbound_texts_meaning"
        ),
    )

    id: Mapped[uuid.UUID] = time_ordered_id()
    provider_sid: Mapped[str] = mapped_column(String(64))
    phone_hash: Mapped[bytes] = mapped_column(LargeBinary)
    booking_id: Mapped[uuid.UUID | None]
    meaning: Mapped[str] = mapped_column(String(20))
    body: Mapped[str] = mapped_column(String(1600))
    handled_by: Mapped[uuid.UUID | None]
    handled_at: Mapped[datetime | None]
    received_at: Mapped[datetime] = set_now()
