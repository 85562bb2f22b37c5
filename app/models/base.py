"""What every table shares: the metadata, and the few column shapes that repeat."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, MetaData, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry

Json = dict[
    str, Any
]  # Any: JSON documents are checked where they are read, by the module that owns their shape


class Base(DeclarativeBase):
    """Common ancestor of all tables; Flask-SQLAlchemy shares its metadata."""

    registry = registry(
        metadata=MetaData(),
        type_annotation_map={uuid.UUID: Uuid, datetime: DateTime(timezone=True), Json: JSONB, str: Text},
    )


def time_ordered_id() -> Mapped[uuid.UUID]:
    """Return a primary key that the database makes: UUID version 7."""
    return mapped_column(primary_key=True, server_default=text("uuid_v7()"))


def set_now() -> Mapped[datetime]:
    """Return a moment that the database fills with the transaction's start."""
    return mapped_column(server_default=text("now()"))


def document() -> Mapped[Json]:
    """Return a JSON document that starts empty."""
    return mapped_column(server_default=text("'{}'"))
