"""Months of bookings that live in a file now: which file, and how to know that it is the right one."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, set_now


class BookingArchive(Base):
    """One month; `digest` is what the rows came to when they were written, `dropped_at` when they left the database."""

    __tablename__ = "booking_archives"
    __table_args__ = (
        CheckConstraint("extract(day FROM month) = 1", name="booking_archives_month"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="booking_archives_sha256"),
    )

    month: Mapped[date] = mapped_column(primary_key=True)
    file: Mapped[str] = mapped_column(String(200))
    rows: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(60))
    archived_at: Mapped[datetime] = set_now()
    dropped_at: Mapped[datetime | None]
