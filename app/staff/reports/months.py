"""Report: one line a month over all years, from the materialized view that is kept ready for it."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.staff.reports.base import MONTH, Ask, Chart, ChartKind, Column, Fresh, Kind, Report, Row, share

QUERY = text(
    "SELECT to_char(month, 'YYYY-MM'), visits, booked, completed, cancelled, leads, given_up FROM report_months"
    " WHERE month BETWEEN date_trunc('month', CAST(:first AS date)) AND :last ORDER BY month"
)


def rows(session: Session, ask: Ask) -> list[Row]:
    """Return a row for every month that has figures; always the whole month."""
    return [
        (month, visits, booked, share(booked, visits), completed, cancelled, leads, given_up)
        for month, visits, booked, completed, cancelled, leads, given_up in session.execute(
            QUERY, {"first": ask.span.first, "last": ask.span.last}
        )
    ]


REPORT = Report(
    name="months",
    title="Month by month",
    purpose="Whole months side by side, over all years: visits, bookings and what became of them.",
    columns=(
        MONTH, Column("Visits", total=True), Column("Booked", total=True), Column("Booked of visits", Kind.SHARE),
        Column("Completed", total=True), Column("Cancelled", total=True), Column("Leads", total=True), Column("Deliveries given up", total=True),
    ),
    rows=rows,
    chart=Chart(ChartKind.LINE, "Bookings and visits by month", 0, (2, 1)),
    empty="There are no figures of these months yet.",
    fresh=Fresh.MONTHS,
)  # fmt: skip
