"""Each run of a periodic task: when, whether it went well, and its figures."""

import uuid
from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Json, document, set_now, time_ordered_id


class TaskRun(Base):
    """One run; `ok` stays empty while it is at work or when it died."""

    __tablename__ = "task_runs"
    __table_args__ = (Index("idx_task_runs_name", "name", text("started_at DESC")),)

    id: Mapped[uuid.UUID] = time_ordered_id()
    name: Mapped[str] = mapped_column(String(50))
    started_at: Mapped[datetime] = set_now()
    finished_at: Mapped[datetime | None]
    ok: Mapped[bool | None]
    figures: Mapped[Json] = document()
