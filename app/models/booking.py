"""The saved row of a visit we promised: partitioned by month through its own time-ordered id."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, Json, document, set_now, time_ordered_id
from app.models.customer import Customer
from app.models.service_area import ServiceArea


class BookingStatus(StrEnum):
    """Where a booking stands; the allowed edges are in booking/status.py."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Booking(Base):
    """One promised visit. `contact_*` is what was typed; the customer row may say otherwise."""

    __tablename__ = "bookings"
    __table_args__ = (
        Index("idx_bookings_customer", "customer_id", text("created_at DESC")),
        Index("idx_bookings_status", "status", text("created_at DESC")),
        Index("idx_bookings_created", "created_at"),
        Index("idx_bookings_preferred_time", "preferred_time"),
        Index("idx_bookings_reference", "reference"),
        Index("idx_bookings_contact_email", "contact_email"),
        Index("idx_bookings_contact_phone", "contact_phone"),
        Index(
            "idx_bookings_servicetitan",
            "servicetitan_job_id",
            postgresql_where=text("servicetitan_job_id IS NOT NULL"),
        ),
        Index(
            "idx_bookings_upstream",
            "upstream_slot_key",
            postgresql_where=text("upstream_slot_key IS NOT NULL"),
        ),
        Index(
            "idx_bookings_attention",
            "preferred_time",
            postgresql_where=text("needs_attention IS NOT NULL"),
        ),
        CheckConstraint("door_count BETWEEN 1 AND 50", name="bookings_door_count"),
        CheckConstraint("door_age BETWEEN 0 AND 150", name="bookings_door_age"),
        CheckConstraint("homeowner_status IN ('owner', 'renter')", name="bookings_homeowner_status"),
        CheckConstraint("owner_permission IN ('yes', 'no', 'unknown')", name="bookings_owner_permission"),
        CheckConstraint(
            "status IN ('pending', 'confirmed', 'completed', 'cancelled')", name="bookings_status"
        ),
        CheckConstraint("window_end > preferred_time", name="bookings_window_order"),
        {"postgresql_partition_by": "RANGE (id)"},
    )

    id: Mapped[uuid.UUID] = time_ordered_id()
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.id"))
    service_area_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service_areas.id"))
    issue_type: Mapped[str] = mapped_column(String(100))
    issue_note: Mapped[str | None] = mapped_column(String(200))
    door_count: Mapped[int]
    homeowner_status: Mapped[str] = mapped_column(String(20))
    owner_permission: Mapped[str | None] = mapped_column(String(10))
    door_age: Mapped[int | None]
    preferred_time: Mapped[datetime]
    window_end: Mapped[datetime]
    time_slot_id: Mapped[uuid.UUID | None]
    address_line1: Mapped[str] = mapped_column(String(255))
    address_line2: Mapped[str | None] = mapped_column(String(255))
    access_notes: Mapped[str | None] = mapped_column(String(300))
    status: Mapped[str] = mapped_column(String(20), server_default=text("'pending'"))
    servicetitan_job_id: Mapped[str | None] = mapped_column(String(100))
    booking_source: Mapped[str | None] = mapped_column(String(50))
    reference: Mapped[str] = mapped_column(
        String(8), server_default=text("booking_reference(nextval('booking_reference_seq'))")
    )
    contact_first_name: Mapped[str] = mapped_column(String(100), server_default=text("''"))
    contact_last_name: Mapped[str] = mapped_column(String(100), server_default=text("''"))
    contact_email: Mapped[str] = mapped_column(String(255), server_default=text("''"))
    contact_phone: Mapped[str] = mapped_column(String(20), server_default=text("''"))
    contact_sms_opt_in: Mapped[bool] = mapped_column(server_default=text("false"))
    attribution: Mapped[Json] = document()
    partner_id: Mapped[uuid.UUID | None]
    locale: Mapped[str] = mapped_column(String(5), server_default=text("'en'"))
    fee_cents: Mapped[int | None]
    fee_text_version: Mapped[str | None] = mapped_column(String(20))
    needs_attention: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    session_id: Mapped[uuid.UUID | None]
    upstream_slot_key: Mapped[str | None] = mapped_column(String(100))
    upstream_since: Mapped[datetime | None]
    servicetitan_appointment_id: Mapped[str | None] = mapped_column(String(100))
    upstream_status: Mapped[str | None] = mapped_column(String(20))
    upstream_seen_at: Mapped[datetime | None]
    visit_confirmed_at: Mapped[datetime | None]
    created_at: Mapped[datetime | None] = mapped_column(Computed("uuid_v7_time(id)", persisted=True))
    updated_at: Mapped[datetime] = set_now()
    erased_at: Mapped[datetime | None]

    area: Mapped[ServiceArea] = relationship()
    customer: Mapped[Customer] = relationship()
