"""Contact or demand without a booking: an area we do not cover, no open window, a wish to be called."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Json, document, set_now, time_ordered_id


class Lead(Base):
    """One lead of a kind a visit; contact columns stay empty when the visitor gave none."""

    __tablename__ = "leads"
    __table_args__ = (
        UniqueConstraint("session_id", "kind", "zip_code", name="leads_once_a_visit"),
        Index("idx_leads_status", "status", text("created_at DESC")),
        CheckConstraint(
            "kind IN ('out_of_area', 'no_slot', 'callback', 'abandoned', 'earlier_slot')", name="leads_kind"
        ),
        CheckConstraint("status IN ('open', 'contacted', 'closed')", name="leads_status"),
    )

    id: Mapped[uuid.UUID] = time_ordered_id()
    kind: Mapped[str] = mapped_column(String(20))
    session_id: Mapped[uuid.UUID | None]
    zip_code: Mapped[str | None] = mapped_column(String(10))
    issue_type: Mapped[str | None] = mapped_column(String(100))
    first_name: Mapped[str | None] = mapped_column(String(100))
    email: Mapped[str | None] = mapped_column(String(255))
    phone: Mapped[str | None] = mapped_column(String(20))
    note: Mapped[str | None] = mapped_column(String(300))
    urgency: Mapped[str | None] = mapped_column(String(20))
    attribution: Mapped[Json] = document()
    status: Mapped[str] = mapped_column(String(20), server_default=text("'open'"))
    due_at: Mapped[datetime | None]
    handled_by: Mapped[uuid.UUID | None]
    created_at: Mapped[datetime] = set_now()
    updated_at: Mapped[datetime] = set_now()
