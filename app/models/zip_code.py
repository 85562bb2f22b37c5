"""Every ZIP code of the country, so that «does not exist», «PO box» and «not served» are three different answers."""

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class ZipCode(Base):
    """Reference data, filled once at set-up. Military codes have no time zone."""

    __tablename__ = "zip_codes"
    __table_args__ = (
        CheckConstraint("type IN ('STANDARD', 'PO BOX', 'UNIQUE', 'MILITARY')", name="zip_codes_type"),
    )

    zip_code: Mapped[str] = mapped_column(String(5), primary_key=True)
    type: Mapped[str] = mapped_column(String(10))
    city: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(2))
    timezone: Mapped[str | None] = mapped_column(String(50))
    lat: Mapped[float | None]
    long: Mapped[float | None]
