"""A visit: one walk through the wizard, kept in a row because the browser may refuse every cookie."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Json, document, set_now, time_ordered_id


class WizardSession(Base):
    """Answers so far, where the visitor came from, and the booking once there is one."""

    __tablename__ = "wizard_sessions"
    __table_args__ = (
        Index("idx_wizard_sessions_expires", "expires_at"),
        Index("idx_wizard_sessions_booking", "booking_id", postgresql_where=text("booking_id IS NOT NULL")),
        CheckConstraint("locale IN ('en', 'es')", name="wizard_sessions_locale"),
    )

    id: Mapped[uuid.UUID] = time_ordered_id()
    partner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("partners.id"))
    embed_mode: Mapped[str | None] = mapped_column(String(20))
    parent_origin: Mapped[str | None] = mapped_column(String(300))
    locale: Mapped[str] = mapped_column(String(5), server_default=text("'en'"))
    variant: Mapped[Json] = document()
    answers: Mapped[Json] = document()
    first_touch: Mapped[Json] = document()
    last_touch: Mapped[Json] = document()
    gpc: Mapped[bool] = mapped_column(server_default=text("false"))
    is_bot: Mapped[bool] = mapped_column(server_default=text("false"))
    device_class: Mapped[str | None] = mapped_column(String(20))
    client_addr_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    last_step: Mapped[str | None] = mapped_column(String(20))
    submission_id: Mapped[uuid.UUID] = mapped_column(server_default=text("gen_random_uuid()"))
    booking_id: Mapped[uuid.UUID | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime] = set_now()
    updated_at: Mapped[datetime] = set_now()
    expires_at: Mapped[datetime] = mapped_column(server_default=text("now() + interval '24 hours'"))
