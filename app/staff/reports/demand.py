"""Report: demand we could not meet, by ZIP code."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.staff.reports.base import Ask, Chart, ChartKind, Column, Kind, Report, Row

QUERY = text(
    "SELECT l.zip_code || coalesce(' ' || z.city || ', ' || z.state, ''), count(*) AS leads,"
    " count(*) FILTER (WHERE kind = 'out_of_area'), count(*) FILTER (WHERE kind = 'no_slot'),"
    " count(*) FILTER (WHERE kind = 'callback'), count(*) FILTER (WHERE phone IS NOT NULL OR email IS NOT NULL)"
    " FROM leads l LEFT JOIN zip_codes z ON z.zip_code = l.zip_code"
    " WHERE l.created_at >= :starts_at AND l.created_at < :ends_at AND l.zip_code IS NOT NULL"
    " GROUP BY l.zip_code, z.city, z.state ORDER BY leads DESC, 1 LIMIT 500"
)


def rows(session: Session, ask: Ask) -> list[Row]:
    """Return a row for every ZIP code, the busiest first."""
    return [
        tuple(row)
        for row in session.execute(QUERY, {"starts_at": ask.span.starts_at, "ends_at": ask.span.ends_at})
    ]


REPORT = Report(
    name="demand",
    title="Unmet demand by ZIP",
    purpose="Where people wanted us and could not book: not served, no open window, or a call instead.",
    columns=(
        Column("ZIP code", Kind.TEXT), Column("Leads", total=True), Column("Not served", total=True),
        Column("No open window", total=True), Column("Call back", total=True), Column("Can be reached", total=True),
    ),
    rows=rows,
    chart=Chart(ChartKind.BAR, "Leads by ZIP code", 0, (1,)),
    empty="Nobody had to leave without a booking in these days.",
    from_rollup=False,
)  # fmt: skip
