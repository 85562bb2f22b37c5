"""Whether a provider answers at the moment: one row a provider, shared by all workers."""

from datetime import datetime

from sqlalchemy import CheckConstraint, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class ProviderHealth(Base):
    """The circuit breaker's state. `recent` holds one bit for each of the last `calls` calls, the newest lowest: 1 failed."""

    __tablename__ = "provider_health"
    __table_args__ = (
        CheckConstraint("state IN ('closed', 'open', 'half_open')", name="provider_health_state"),
    )

    provider: Mapped[str] = mapped_column(String(50), primary_key=True)
    state: Mapped[str] = mapped_column(String(20), server_default=text("'closed'"))
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    opened_at: Mapped[datetime | None]
    next_probe_at: Mapped[datetime | None]
    recent: Mapped[int] = mapped_column(server_default=text("0"))
    calls: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    last_ok_at: Mapped[datetime | None]
    last_failure_at: Mapped[datetime | None]
    last_outcome: Mapped[str | None] = mapped_column(String(20))
    last_reason: Mapped[str | None] = mapped_column(String(200))
