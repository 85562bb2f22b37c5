"""One row the dispatcher keeps fresh: read on a replica it tells how stale that replica is."""

from datetime import datetime

from sqlalchemy import CheckConstraint, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class Heartbeat(Base):
    """The last sign of life of the dispatcher."""

    __tablename__ = "heartbeat"
    __table_args__ = (CheckConstraint("id = 1", name="heartbeat_one_row"),)

    id: Mapped[int] = mapped_column(
        SmallInteger, primary_key=True, autoincrement=False, server_default=text("1")
    )
    beat_at: Mapped[datetime]
