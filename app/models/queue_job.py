"""The queue itself: what must happen outside the database, committed with the booking that asks for it."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Json, document, set_now, time_ordered_id


class JobStatus(StrEnum):
    """The four states; `failed` is the dead letter box."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class JobOutcome(StrEnum):
    """How a finished job ended."""

    OK = "ok"
    PERMANENT = "permanent"
    EXHAUSTED = "exhausted"
    DEADLINE = "deadline"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"
    POISON = "poison"


class QueueJob(Base):
    """One piece of outside work. `seq` orders a booking's ServiceTitan jobs; `lease_token` fences a late worker."""

    __tablename__ = "queue_jobs"
    __table_args__ = (
        Index(
            "idx_queue_jobs_queue",
            "queue_name",
            text("priority DESC"),
            "scheduled_at",
            postgresql_where=text("status = 'pending'"),
        ),
        Index("idx_queue_jobs_scheduled", "scheduled_at", postgresql_where=text("status = 'pending'")),
        Index(
            "idx_queue_jobs_priority",
            "status",
            text("priority DESC"),
            postgresql_where=text("status IN ('pending', 'processing')"),
        ),
        Index(
            "idx_queue_jobs_status",
            "status",
            "completed_at",
            postgresql_where=text("status IN ('completed', 'failed')"),
        ),
        Index("idx_queue_jobs_lease", "lease_until", postgresql_where=text("status = 'processing'")),
        Index("idx_queue_jobs_booking", "booking_id", "seq", postgresql_where=text("booking_id IS NOT NULL")),
        Index(
            "queue_jobs_dedupe_key",
            "dedupe_key",
            unique=True,
            postgresql_where=text("dedupe_key IS NOT NULL"),
        ),
        CheckConstraint(
            "status IN ('pending', 'processing', 'completed', 'failed')", name="queue_jobs_status"
        ),
        CheckConstraint(
            "outcome IN ('ok', 'permanent', 'exhausted', 'deadline', 'uncertain', 'cancelled', 'poison')",
            name="queue_jobs_outcome",
        ),
        CheckConstraint("(status = 'processing') = (lease_token IS NOT NULL)", name="queue_jobs_lease_pair"),
    )

    id: Mapped[uuid.UUID] = time_ordered_id()
    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    queue_name: Mapped[str] = mapped_column(String(50))
    job_type: Mapped[str] = mapped_column(String(50))
    booking_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("bookings.id"))
    status: Mapped[str] = mapped_column(String(20), server_default=text("'pending'"))
    outcome: Mapped[str | None] = mapped_column(String(20))
    priority: Mapped[int] = mapped_column(server_default=text("0"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    max_attempts: Mapped[int] = mapped_column(server_default=text("3"))
    defer_count: Mapped[int] = mapped_column(server_default=text("0"))
    rescue_count: Mapped[int] = mapped_column(server_default=text("0"))
    payload: Mapped[Json | None]
    provider_ref: Mapped[Json] = document()
    error_msg: Mapped[str | None]
    dedupe_key: Mapped[str | None] = mapped_column(String(200))
    request_id: Mapped[str | None] = mapped_column(String(64))
    lease_token: Mapped[uuid.UUID | None]
    lease_until: Mapped[datetime | None]
    dispatched_at: Mapped[datetime | None]
    dispatch_count: Mapped[int] = mapped_column(server_default=text("0"))
    deadline_at: Mapped[datetime | None]
    scheduled_at: Mapped[datetime] = set_now()
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = set_now()
