"""Report: visits and bookings by day."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.staff.reports.base import Ask, Chart, ChartKind, Column, Kind, Report, Row, share

QUERY = text(
    "SELECT days.day, coalesce(f.visits, 0), coalesce(f.booked, 0) FROM unnest(CAST(:days AS date[])) AS days (day)"
    " LEFT JOIN (SELECT day, sum(viewed) FILTER (WHERE step = 'zip')::bigint AS visits,"
    " sum(viewed) FILTER (WHERE step = 'done')::bigint AS booked FROM funnel_daily"
    " WHERE day BETWEEN :first AND :last GROUP BY day) f ON f.day = days.day ORDER BY days.day"
)


def rows(session: Session, ask: Ask) -> list[Row]:
    """Return a row for every day, quiet ones too."""
    found = session.execute(
        QUERY, {"days": ask.span.all_days, "first": ask.span.first, "last": ask.span.last}
    )
    return [(day, visits, booked, share(booked, visits)) for day, visits, booked in found]


REPORT = Report(
    name="overview",
    title="Visits and bookings",
    purpose="How many people began the wizard each day, and how many of them booked. A visit counts on the day it began.",
    columns=(
        Column("Day", Kind.DAY),
        Column("Visits", total=True),
        Column("Booked", total=True),
        Column("Conversion", Kind.SHARE),
    ),
    rows=rows,
    chart=Chart(ChartKind.LINE, "Visits and bookings by day", 0, (2, 1)),
    empty="Nobody has visited the wizard in these days.",
)
