"""A company that embeds the wizard in its own pages; `direct` is ourselves and frames nobody."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, SmallInteger, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, set_now, time_ordered_id

ONE_ORIGIN = "https?://[a-z0-9.-]+(:[0-9]{1,5})?"


class Partner(Base):
    """Public key, exact origins that may frame us, and what the pages look like there."""

    __tablename__ = "partners"
    __table_args__ = (
        UniqueConstraint("key", name="partners_key"),
        CheckConstraint("key = 'direct' OR key ~ '^pk_[A-Za-z0-9]{16}$'", name="partners_key_shape"),
        CheckConstraint("hue BETWEEN 0 AND 359", name="partners_hue_range"),
        CheckConstraint("locale IN ('en', 'es')", name="partners_locale_known"),
        CheckConstraint(
            f"cardinality(origins) = 0 OR array_to_string(origins, ' ') ~ '^{ONE_ORIGIN}( {ONE_ORIGIN})*$'",
            name="partners_origins_exact",
        ),
    )

    id: Mapped[uuid.UUID] = time_ordered_id()
    key: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(100))
    origins: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    hue: Mapped[int | None] = mapped_column(SmallInteger)
    phone: Mapped[str | None] = mapped_column(String(20))
    locale: Mapped[str | None] = mapped_column(String(5))
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime] = set_now()
