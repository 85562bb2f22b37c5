"""People of the office who log in."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, set_now, time_ordered_id


class Role(StrEnum):
    """What staff may do, weakest first."""

    VIEWER = "viewer"
    DISPATCHER = "dispatcher"
    ADMIN = "admin"


class Staff(Base):
    """One login. Raising `session_epoch` ends all of its sessions."""

    __tablename__ = "staff"
    __table_args__ = (
        UniqueConstraint("email", name="staff_email"),
        CheckConstraint("email = lower(btrim(email))", name="staff_email_normal"),
        CheckConstraint("role IN ('viewer', 'dispatcher', 'admin')", name="staff_role"),
    )

    id: Mapped[uuid.UUID] = time_ordered_id()
    email: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str] = mapped_column(String(200))
    totp_secret: Mapped[str | None] = mapped_column(String(64))
    session_epoch: Mapped[int] = mapped_column(server_default=text("1"))
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    last_seen_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = set_now()
