"""The rollups that reports read, and the watermark up to which they are exact."""

from datetime import date, datetime

from sqlalchemy import BigInteger, String, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.analytics_event import TransactionId
from app.models.base import Base


class ReportState(Base):
    """How far a rollup has read: up to which transaction, in which cluster, and in days of which time zone.

    Visits that began before `raw_from` cannot be counted again. Rows older than `restored_at` came by a dump.
    """

    __tablename__ = "report_state"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    last_xid: Mapped[str] = mapped_column(TransactionId())
    refreshed_at: Mapped[datetime]
    raw_from: Mapped[datetime] = mapped_column(server_default=text("'-infinity'"))
    zone: Mapped[str | None] = mapped_column(String(50))
    cluster: Mapped[int | None] = mapped_column(BigInteger)
    last_snapshot: Mapped[str | None]
    restored_at: Mapped[datetime] = mapped_column(server_default=text("'-infinity'"))


class ReportDueDay(Base):
    """A day that has news and is not counted yet."""

    __tablename__ = "report_due_days"

    source: Mapped[str] = mapped_column(String(20), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)


class ReportView(Base):
    """When a materialized view was filled last."""

    __tablename__ = "report_views"

    view: Mapped[str] = mapped_column(String(50), primary_key=True)
    refreshed_at: Mapped[datetime]


class EventCounts:
    """What is counted of events by type, step and campaign."""

    event_type: Mapped[str] = mapped_column(String(50), primary_key=True)
    step: Mapped[str] = mapped_column(String(50), primary_key=True, server_default=text("''"))
    utm_source: Mapped[str] = mapped_column(String(100), primary_key=True, server_default=text("''"))
    utm_medium: Mapped[str] = mapped_column(String(100), primary_key=True, server_default=text("''"))
    utm_campaign: Mapped[str] = mapped_column(String(100), primary_key=True, server_default=text("''"))
    events: Mapped[int] = mapped_column(BigInteger)
    sessions: Mapped[int] = mapped_column(BigInteger)


class ReportEventsDaily(EventCounts, Base):
    """Events by the day their visit began."""

    __tablename__ = "report_events_daily"

    day: Mapped[date] = mapped_column(primary_key=True)


class ReportEventsMonthly(EventCounts, Base):
    """Events by the month in which their visit began."""

    __tablename__ = "report_events_monthly"

    month: Mapped[date] = mapped_column(primary_key=True)


class FunnelCounts:
    """Distinct visits by step; `ms_histogram` counts completions by time on step."""

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


class FunnelDaily(FunnelCounts, Base):
    """Visits by the day they began."""

    __tablename__ = "funnel_daily"

    day: Mapped[date] = mapped_column(primary_key=True)


class FunnelMonthly(FunnelCounts, Base):
    """Visits by the month in which they began."""

    __tablename__ = "funnel_monthly"

    month: Mapped[date] = mapped_column(primary_key=True)


class Counts:
    """How many things of a topic, by item and what became of them; the outcome `all` is the whole."""

    topic: Mapped[str] = mapped_column(String(20), primary_key=True)
    item: Mapped[str] = mapped_column(primary_key=True, server_default=text("''"))
    outcome: Mapped[str] = mapped_column(String(20), primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)


class ReportCountsDaily(Counts, Base):
    """Bookings, deliveries, messages and leads by the day they were made."""

    __tablename__ = "report_counts_daily"

    day: Mapped[date] = mapped_column(primary_key=True)


class ReportCountsMonthly(Counts, Base):
    """The same by month."""

    __tablename__ = "report_counts_monthly"

    month: Mapped[date] = mapped_column(primary_key=True)
