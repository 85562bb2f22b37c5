"""One ZIP code we serve, with its time zone."""

import uuid
from datetime import datetime

from sqlalchemy import Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, set_now, time_ordered_id


class ServiceArea(Base):
    """A ZIP code that can be booked while it is active."""

    __tablename__ = "service_areas"
    __table_args__ = (
        UniqueConstraint("zip_code", name="idx_service_areas_zip"),
        Index("idx_service_areas_active", "active"),
    )

    id: Mapped[uuid.UUID] = time_ordered_id()
    zip_code: Mapped[str] = mapped_column(String(10))
    city: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(2))
    timezone: Mapped[str] = mapped_column(String(50))
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime] = set_now()
