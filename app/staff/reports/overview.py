"""Report: visits and bookings by day."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.staff.reports.base import DAY, Ask, Chart, ChartKind, Column, Kind, Report, Row, share
from app.staff.reports.spread import label, parameters, spread

VISITS = spread(
    "report_counts", "item, n", "topic = 'step' AND item IN ('zip', 'done') AND outcome = 'viewed'"
)
QUERY = text(
    "SELECT m.mark, coalesce(f.visits, 0), coalesce(f.booked, 0) FROM unnest(CAST(:marks AS date[])) AS m (mark)"  # noqa: S608 - our own words
    " LEFT JOIN (SELECT date_trunc(:grain, day)::date AS mark, sum(n) FILTER (WHERE item = 'zip')::bigint AS visits,"
    f" sum(n) FILTER (WHERE item = 'done')::bigint AS booked FROM {VISITS} days GROUP BY 1) f"
    " ON f.mark = m.mark ORDER BY m.mark"
)


def rows(session: Session, ask: Ask) -> list[Row]:
    """Return a row for every day or month, quiet ones too."""
    return [
        (label(ask.span, mark), visits, booked, share(booked, visits))
        for mark, visits, booked in session.execute(QUERY, parameters(ask.span))
    ]


REPORT = Report(
    name="overview",
    title="Visits and bookings",
    purpose="How many people began the wizard each day, and how many of them booked. A visit counts on the day it began.",
    columns=(
        DAY,
        Column("Visits", total=True),
        Column("Booked", total=True),
        Column("Conversion", Kind.SHARE),
    ),
    rows=rows,
    chart=Chart(ChartKind.LINE, "Visits and bookings by day", 0, (2, 1)),
    empty="Nobody has visited the wizard in these days.",
)
