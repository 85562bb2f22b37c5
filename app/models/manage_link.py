"""The unguessable link to one booking: only its hash is stored, and a nonce that lets a worker write it again."""

import uuid
from datetime import datetime

from sqlalchemy import Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, set_now


class ManageLink(Base):
    """Valid until 48 hours after the booking's current window, or until revoked."""

    __tablename__ = "manage_links"
    __table_args__ = (Index("idx_manage_links_booking", "booking_id"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    nonce: Mapped[bytes] = mapped_column(LargeBinary)
    booking_id: Mapped[uuid.UUID]
    revoked_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = set_now()
