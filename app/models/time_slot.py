"""One bookable window of one ZIP code; it sells once."""

import uuid
from datetime import date, datetime, time

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, set_now, time_ordered_id


class TimeSlot(Base):
    """`slot_date` and `slot_time` are local to the area, `starts_at` and `ends_at` are instants."""

    __tablename__ = "time_slots"
    __table_args__ = (
        UniqueConstraint("service_area_id", "slot_date", "slot_time", name="idx_time_slots_area_date"),
        Index(
            "idx_time_slots_available",
            "service_area_id",
            "slot_date",
            "slot_time",
            postgresql_where=text("available"),
        ),
        Index("idx_time_slots_date", "slot_date"),
        Index(
            "time_slots_booking_key",
            "booking_id",
            unique=True,
            postgresql_where=text("booking_id IS NOT NULL"),
        ),
        Index(
            "idx_time_slots_external",
            "external_slot_id",
            postgresql_where=text("external_slot_id IS NOT NULL"),
        ),
        Index("idx_time_slots_held_by", "held_by", postgresql_where=text("held_by IS NOT NULL")),
        Index("idx_time_slots_held_addr", "held_addr", postgresql_where=text("held_addr IS NOT NULL")),
        CheckConstraint("booking_id IS NULL OR NOT available", name="time_slots_booked_not_available"),
        CheckConstraint("(held_by IS NULL) = (held_until IS NULL)", name="time_slots_hold_pair"),
        CheckConstraint("closed_reason IN ('staff', 'withdrawn')", name="time_slots_closed_reason"),
        CheckConstraint("ends_at > starts_at", name="time_slots_window_order"),
    )

    id: Mapped[uuid.UUID] = time_ordered_id()
    service_area_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service_areas.id"))
    slot_date: Mapped[date]
    slot_time: Mapped[time]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    available: Mapped[bool] = mapped_column(server_default=text("true"))
    booking_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("bookings.id", deferrable=True, initially="DEFERRED")
    )
    external_slot_id: Mapped[str | None] = mapped_column(String(100))
    snapshot_at: Mapped[datetime | None]
    held_by: Mapped[uuid.UUID | None]
    held_until: Mapped[datetime | None]
    held_addr: Mapped[bytes | None] = mapped_column(LargeBinary)
    closed_reason: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[datetime] = set_now()
    updated_at: Mapped[datetime] = set_now()
