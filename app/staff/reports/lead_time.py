"""Report: how long people wait from the booking to the visit, and whether the long wait costs us the job."""

from sqlalchemy.orm import Session

from app.staff.reports import counts
from app.staff.reports.base import Ask, Chart, ChartKind, Column, Fresh, Kind, Report, Row, share

QUERY = counts.by_item("wait")
WAITS = (
    "Up to 4 hours", "4 to 12 hours", "12 to 24 hours", "1 to 2 days", "2 to 3 days", "3 to 5 days", "5 to 7 days",
    "1 to 2 weeks", "2 to 3 weeks", "Over 3 weeks",
)  # fmt: skip
# of report_counts_of's «wait»


def rows(session: Session, ask: Ask) -> list[Row]:
    """Return a row for every length of wait, the shortest first."""
    found = counts.read(session, QUERY, ask)
    sums = [counts.statuses(found.get(f"{place:02d}", {})) for place in range(len(WAITS))]
    whole = sum(entry[0] for entry in sums)
    return (
        [
            (words, booked, share(booked, whole), completed, cancelled, share(cancelled, booked))
            for words, (booked, _pending, _confirmed, completed, cancelled) in zip(WAITS, sums, strict=True)
        ]
        if whole
        else []
    )


REPORT = Report(
    name="lead-time",
    title="Lead time",
    purpose="How long it is from the booking to the arrival window it has now, and how many of those visits were cancelled.",
    columns=(
        Column("From booking to visit", Kind.TEXT), Column("Booked", total=True), Column("Share", Kind.SHARE),
        Column("Completed", total=True), Column("Cancelled", total=True), Column("Cancelled of booked", Kind.SHARE),
    ),
    rows=rows,
    chart=Chart(ChartKind.BAR, "Bookings by lead time", 0, (1,)),
    empty="Nothing was booked in these days.",
    fresh=Fresh.COUNTS,
)  # fmt: skip
