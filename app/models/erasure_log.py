"""Whom we erased, by keyed hash, so that a restored backup can be cleaned again."""

import uuid
from datetime import datetime

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, set_now, time_ordered_id


class ErasureLog(Base):
    """One erasure."""

    __tablename__ = "erasure_log"

    id: Mapped[uuid.UUID] = time_ordered_id()
    email_hash: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = set_now()
    actor: Mapped[str] = mapped_column(String(100))
