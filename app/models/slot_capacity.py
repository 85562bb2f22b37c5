"""How many bookings one crew's window takes, whichever of its ZIP codes they come from."""

from datetime import datetime

from sqlalchemy import CheckConstraint, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class SlotCapacity(Base):
    """`capacity` is the provider's truth, `taken` is ours; taken above capacity is a flag for staff, never an error."""

    __tablename__ = "slot_capacity"
    __table_args__ = (CheckConstraint("capacity >= 0 AND taken >= 0", name="slot_capacity_not_negative"),)

    external_slot_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    capacity: Mapped[int]
    taken: Mapped[int] = mapped_column(server_default=text("0"))
    snapshot_at: Mapped[datetime | None]
