"""Report: visits and bookings by campaign."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.staff.reports.base import Ask, Chart, ChartKind, Column, Kind, Report, Row, share

QUERY = text(
    "SELECT utm_source, utm_medium, utm_campaign,"
    " coalesce(sum(sessions) FILTER (WHERE event_type = 'step_viewed' AND step = 'zip'), 0)::bigint AS visits,"
    " coalesce(sum(sessions) FILTER (WHERE event_type = 'booking_submitted'), 0)::bigint AS booked"
    " FROM report_events_daily WHERE day BETWEEN :first AND :last"
    " GROUP BY utm_source, utm_medium, utm_campaign ORDER BY visits DESC, utm_source, utm_medium, utm_campaign LIMIT 500"
)


def rows(session: Session, ask: Ask) -> list[Row]:
    """Return a row for every campaign, the busiest first."""
    found = session.execute(QUERY, {"first": ask.span.first, "last": ask.span.last})
    return [
        (source or "(none)", medium or "(none)", campaign or "(none)", visits, booked, share(booked, visits))
        for source, medium, campaign, visits, booked in found
    ]


REPORT = Report(
    name="campaigns",
    title="Campaigns",
    purpose="Visits and bookings by UTM source, medium and campaign of the last touch that was not direct.",
    columns=(
        Column("Source", Kind.TEXT), Column("Medium", Kind.TEXT), Column("Campaign", Kind.TEXT),
        Column("Visits", total=True), Column("Booked", total=True), Column("Conversion", Kind.SHARE),
    ),
    rows=rows,
    chart=Chart(ChartKind.BAR, "Visits by campaign", 2, (3,)),
    empty="No campaign has brought a visit in these days.",
)  # fmt: skip
