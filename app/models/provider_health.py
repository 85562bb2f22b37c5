"""Whether a provider answers at the moment: one row a provider, shared by all workers."""

from datetime import datetime

from sqlalchemy import CheckConstraint, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class ProviderHealth(Base):
    """The circuit breaker's state."""

    __tablename__ = "provider_health"
    __table_args__ = (
        CheckConstraint("state IN ('closed', 'open', 'half_open')", name="provider_health_state"),
    )

    provider: Mapped[str] = mapped_column(String(50), primary_key=True)
    state: Mapped[str] = mapped_column(String(20), server_default=text("'closed'"))
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    opened_at: Mapped[datetime | None]
    next_probe_at: Mapped[datetime | None]
