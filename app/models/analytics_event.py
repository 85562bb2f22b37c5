"""An event of the wizard, kept raw for thirty days in weekly partitions."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from app.models.base import Base, Json, time_ordered_id


class TransactionId(UserDefinedType[str]):
    """PostgreSQL's xid8: the watermark of the rollups."""

    cache_ok = True

    def get_col_spec(self, **_options: object) -> str:
        """Return the type's name in DDL."""
        return "xid8"


ischema_names["xid8"] = TransactionId  # so that comparing models with a database knows the type


class AnalyticsEvent(Base):
    """`session_id` is the visit's id; `tx` is the transaction that wrote the row."""

    __tablename__ = "analytics_events"
    __table_args__ = (
        Index("idx_analytics_events_booking", "booking_id", postgresql_where=text("booking_id IS NOT NULL")),
        Index("idx_analytics_events_type", "event_type", "created_at"),
        Index("idx_analytics_events_session", "session_id", "created_at"),
        Index(
            "idx_analytics_events_created",
            "created_at",
            postgresql_using="brin",
            postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
        ),
        Index("idx_analytics_events_tx", "tx"),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )

    id: Mapped[uuid.UUID] = time_ordered_id()
    booking_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("bookings.id"))
    event_type: Mapped[str] = mapped_column(String(50))
    event_data: Mapped[Json | None]
    session_id: Mapped[str | None] = mapped_column(String(100))
    utm_source: Mapped[str | None] = mapped_column(String(100))
    utm_campaign: Mapped[str | None] = mapped_column(String(100))
    utm_medium: Mapped[str | None] = mapped_column(String(100))
    gclid: Mapped[str | None] = mapped_column(String(200))
    is_bot: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(primary_key=True, server_default=text("now()"))
    tx: Mapped[str] = mapped_column(TransactionId(), server_default=text("pg_current_xact_id()"))
