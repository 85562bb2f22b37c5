"""Report: visits and bookings by campaign."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.staff.reports.base import Ask, Chart, ChartKind, Column, Kind, Report, Row, share
from app.staff.reports.spread import bounds, spread

COUNTS = spread("report_counts", "item, outcome, n", "topic = 'campaign'")
QUERY = text(
    "SELECT CAST(item AS jsonb) AS touch, sum(n) FILTER (WHERE outcome = 'visits')::bigint AS visits,"  # noqa: S608 - our own words
    " sum(n) FILTER (WHERE outcome = 'booked')::bigint AS booked"
    f" FROM (SELECT item, outcome, sum(n) AS n FROM {COUNTS} days GROUP BY item, outcome) sums"
    " GROUP BY item ORDER BY visits DESC NULLS LAST, item LIMIT 500"
)


def rows(session: Session, ask: Ask) -> list[Row]:
    """Return a row for every campaign, the busiest first."""
    return [
        (*(word or "(none)" for word in touch), visits or 0, booked or 0, share(booked or 0, visits or 0))
        for touch, visits, booked in session.execute(QUERY, bounds(ask.span))
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
