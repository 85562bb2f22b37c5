"""How far each of a provider's export feeds has been read."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class ProviderFeed(Base):
    """One feed; `continue_from` is the provider's own token."""

    __tablename__ = "provider_feeds"

    feed: Mapped[str] = mapped_column(String(50), primary_key=True)
    continue_from: Mapped[str | None]
    polled_at: Mapped[datetime | None]
