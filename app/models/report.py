"""The rollups that reports read, and the watermark up to which they are exact."""

from datetime import date, datetime

from sqlalchemy import BigInteger, String, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.analytics_event import TransactionId
from app.models.base import Base


class ReportState(Base):
    """How far a rollup has read."""

    __tablename__ = "report_state"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    last_xid: Mapped[str] = mapped_column(TransactionId())
    refreshed_at: Mapped[datetime]


class ReportEventsDaily(Base):
    """Events by the day their visit began, by type, step and campaign."""

    __tablename__ = "report_events_daily"

    day: Mapped[date] = mapped_column(primary_key=True)
    event_type: Mapped[str] = mapped_column(String(50), primary_key=True)
    step: Mapped[str] = mapped_column(String(50), primary_key=True, server_default=text("''"))
    utm_source: Mapped[str] = mapped_column(String(100), primary_key=True, server_default=text("''"))
    utm_medium: Mapped[str] = mapped_column(String(100), primary_key=True, server_default=text("''"))
    utm_campaign: Mapped[str] = mapped_column(String(100), primary_key=True, server_default=text("''"))
    events: Mapped[int] = mapped_column(BigInteger)
    sessions: Mapped[int] = mapped_column(BigInteger)


class FunnelDaily(Base):
    """Distinct visits by step; `ms_histogram` counts completions by time on step."""

    __tablename__ = "funnel_daily"

    day: Mapped[date] = mapped_column(primary_key=True)
    partner: Mapped[str] = mapped_column(String(40), primary_key=True, server_default=text("''"))
    channel: Mapped[str] = mapped_column(String(50), primary_key=True, server_default=text("''"))
    device: Mapped[str] = mapped_column(String(20), primary_key=True, server_default=text("''"))
    locale: Mapped[str] = mapped_column(String(5), primary_key=True, server_default=text("''"))
    variant: Mapped[str] = mapped_column(String(100), primary_key=True, server_default=text("''"))
    step: Mapped[str] = mapped_column(String(50), primary_key=True)
    viewed: Mapped[int] = mapped_column(BigInteger)
    completed: Mapped[int] = mapped_column(BigInteger)
    errors: Mapped[int] = mapped_column(BigInteger)
    ms_histogram: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
