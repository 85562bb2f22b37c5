"""Report: demand we could not meet, by ZIP code."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.staff.reports.base import Ask, Chart, ChartKind, Column, Fresh, Kind, Report, Row
from app.staff.reports.spread import bounds, spread

COUNTS = spread("report_counts", "item, outcome, n", "topic = 'demand'")
SUMS = ", ".join(
    f"coalesce(sum(n) FILTER (WHERE outcome = '{outcome}'), 0)::bigint AS {outcome}"
    for outcome in ("out_of_area", "no_slot", "callback", "reachable")
)
QUERY = text(
    "SELECT item || coalesce(' ' || z.city || ', ' || z.state, ''), leads, out_of_area, no_slot, callback, reachable"  # noqa: S608 - our own words
    f" FROM (SELECT item, sum(n) FILTER (WHERE outcome <> 'reachable')::bigint AS leads, {SUMS}"
    f" FROM (SELECT item, outcome, sum(n) AS n FROM {COUNTS} days GROUP BY item, outcome) sums GROUP BY item ORDER BY leads DESC, item LIMIT 500) busiest"
    " LEFT JOIN zip_codes z ON z.zip_code = item ORDER BY leads DESC, item"
)


def rows(session: Session, ask: Ask) -> list[Row]:
    """Return a row for every ZIP code, the busiest first."""
    return [tuple(row) for row in session.execute(QUERY, bounds(ask.span))]


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
    fresh=Fresh.COUNTS,
)  # fmt: skip
