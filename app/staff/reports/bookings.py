"""Reports: bookings by the day they were made, and by what brought them."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.staff.reports.base import Ask, Chart, ChartKind, Column, Kind, Report, Row, share

COUNTS = (
    "count(*) AS booked, count(*) FILTER (WHERE status = 'pending') AS pending,"
    " count(*) FILTER (WHERE status = 'confirmed') AS confirmed, count(*) FILTER (WHERE status = 'completed') AS completed,"
    " count(*) FILTER (WHERE status = 'cancelled') AS cancelled"
)
THESE = "FROM bookings WHERE id >= uuid_v7_floor(:starts_at) AND id < uuid_v7_floor(:ends_at)"
BY_DAY = text(
    "SELECT days.day, coalesce(booked, 0), coalesce(pending, 0), coalesce(confirmed, 0), coalesce(completed, 0),"  # noqa: S608 - our own words
    " coalesce(cancelled, 0) FROM unnest(CAST(:days AS date[])) AS days (day) LEFT JOIN"
    f" (SELECT (created_at AT TIME ZONE :zone)::date AS day, {COUNTS} {THESE} GROUP BY 1) b ON b.day = days.day ORDER BY days.day"
)
BY_SOURCE = text(f"SELECT coalesce(booking_source, ''), {COUNTS} {THESE} GROUP BY 1 ORDER BY booked DESC, 1")
BY_ISSUE = text(f"SELECT issue_type, {COUNTS} {THESE} GROUP BY 1 ORDER BY booked DESC, 1")
STATUSES = (
    Column("Booked", total=True), Column("Not confirmed yet", total=True), Column("Confirmed", total=True),
    Column("Completed", total=True), Column("Cancelled", total=True),
)  # fmt: skip
NONE = "Nothing was booked in these days."


def by_day(session: Session, ask: Ask) -> list[Row]:
    """Return a row for every day, quiet ones too."""
    return [
        tuple(row)
        for row in session.execute(BY_DAY, {**values(ask), "days": ask.span.all_days, "zone": ask.span.zone})
    ]


def by_source(session: Session, ask: Ask) -> list[Row]:
    """Return a row for every source, the strongest first."""
    return with_share([tuple(row) for row in session.execute(BY_SOURCE, values(ask))])


def by_issue(session: Session, ask: Ask) -> list[Row]:
    """Return a row for every kind of issue, the most frequent first."""
    return with_share([tuple(row) for row in session.execute(BY_ISSUE, values(ask))])


def values(ask: Ask) -> dict[str, object]:
    """Return the bounds of the days."""
    return {"starts_at": ask.span.starts_at, "ends_at": ask.span.ends_at}


def with_share(rows: list[Row]) -> list[Row]:
    """Add to each row its share of all bookings."""
    whole = sum(int(row[1]) for row in rows if isinstance(row[1], int))
    return [(*row, share(row[1], whole) if isinstance(row[1], int) else None) for row in rows]


REPORTS = (
    Report(
        name="bookings",
        title="Bookings by day",
        purpose="What was booked each day, and where it stands today.",
        columns=(Column("Day", Kind.DAY), *STATUSES),
        rows=by_day,
        chart=Chart(ChartKind.LINE, "Bookings by day", 0, (1, 5)),
        empty=NONE,
        from_rollup=False,
    ),
    Report(
        name="sources",
        title="Bookings by source",
        purpose="What brought the bookings of these days: the one source each booking was given when it was made.",
        columns=(Column("Source", Kind.WORDS), *STATUSES, Column("Share", Kind.SHARE)),
        rows=by_source,
        chart=Chart(ChartKind.BAR, "Bookings by source", 0, (1,)),
        empty=NONE,
        from_rollup=False,
    ),
    Report(
        name="issues",
        title="Bookings by issue",
        purpose="What was wrong with the doors, in the homeowners' words.",
        columns=(Column("Issue", Kind.WORDS), *STATUSES, Column("Share", Kind.SHARE)),
        rows=by_issue,
        chart=Chart(ChartKind.BAR, "Bookings by issue", 0, (1,)),
        empty=NONE,
        from_rollup=False,
    ),
)
