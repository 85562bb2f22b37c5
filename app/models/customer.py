"""A person we have a row for; an anonymous form never changes it."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, set_now, time_ordered_id


class Customer(Base):
    """One person by e-mail address (lower case); phone in E.164."""

    __tablename__ = "customers"
    __table_args__ = (
        UniqueConstraint("email", name="idx_customers_email"),
        Index("idx_customers_phone", "phone"),
        CheckConstraint(
            "email = lower(btrim(email)) AND position('@' IN email) > 1", name="customers_email_normal"
        ),
        CheckConstraint(r"phone ~ '^\+[1-9][0-9]{6,14}$'", name="customers_phone_e164"),
        CheckConstraint("NOT sms_opt_in OR sms_opt_in_date IS NOT NULL", name="customers_opt_in_dated"),
    )

    id: Mapped[uuid.UUID] = time_ordered_id()
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    email: Mapped[str] = mapped_column(String(255))
    phone: Mapped[str] = mapped_column(String(20))
    sms_opt_in: Mapped[bool] = mapped_column(server_default=text("false"))
    sms_opt_in_date: Mapped[datetime | None]
    created_at: Mapped[datetime] = set_now()
    updated_at: Mapped[datetime] = set_now()
    erased_at: Mapped[datetime | None]
