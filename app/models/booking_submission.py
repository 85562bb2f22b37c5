"""The key that makes a second press of the button answer with the first booking."""

import uuid
from datetime import datetime

from sqlalchemy import LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, set_now


class BookingSubmission(Base):
    """One accepted submit. Not partitioned and without foreign keys: it outlives the visit it came from."""

    __tablename__ = "booking_submissions"
    __table_args__ = (UniqueConstraint("session_id", name="booking_submissions_visit"),)

    submission_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    session_id: Mapped[uuid.UUID]
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    booking_id: Mapped[uuid.UUID]
    created_at: Mapped[datetime] = set_now()
