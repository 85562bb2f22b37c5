"""Whom we erased, by keyed hash, so that a restored backup can be cleaned again."""

import uuid
from datetime import datetime

from sqlalchemy import Index, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, set_now, time_ordered_id


class ErasureLog(Base):
    """One erasure: the address, and the numbers that are not to be texted any more."""

    __tablename__ = "erasure_log"
    __table_args__ = (Index("idx_erasure_log_email", "email_hash"),)

    id: Mapped[uuid.UUID] = time_ordered_id()
    email_hash: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = set_now()
    actor: Mapped[str] = mapped_column(String(100))
    phone_hashes: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary), server_default=text("'{}'"))
