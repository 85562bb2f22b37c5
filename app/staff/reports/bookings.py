"""Reports: bookings by the day they were made, by what brought them, and by what was wrong."""

from functools import partial

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.staff.reports import counts
from app.staff.reports.base import DAY, Ask, Chart, ChartKind, Column, Fresh, Kind, Report, Row, share
from app.staff.reports.spread import label, parameters, spread

SUMS = ", ".join(
    f"coalesce(sum(n) FILTER (WHERE outcome = '{outcome}'), 0)::bigint"
    for outcome in ("all", *counts.STATUSES)
)
COUNTS = spread("report_counts", "outcome, n", "topic = 'booking'")
BY_DAY = text(
    f"SELECT m.mark, {SUMS} FROM unnest(CAST(:marks AS date[])) AS m (mark)"  # noqa: S608 - our own words
    f" LEFT JOIN {COUNTS} days ON date_trunc(:grain, days.day)::date = m.mark GROUP BY m.mark ORDER BY m.mark"
)
BY_ITEM = {topic: counts.by_item(topic) for topic in ("source", "issue")}
STATUSES = (
    Column("Booked", total=True), Column("Not confirmed yet", total=True), Column("Confirmed", total=True),
    Column("Completed", total=True), Column("Cancelled", total=True),
)  # fmt: skip
NONE = "Nothing was booked in these days."


def by_day(session: Session, ask: Ask) -> list[Row]:
    """Return a row for every day or month, quiet ones too."""
    return [(label(ask.span, row[0]), *row[1:]) for row in session.execute(BY_DAY, parameters(ask.span))]


def by_item(topic: str, session: Session, ask: Ask) -> list[Row]:
    """Return a row for every source or issue with its share of all bookings, the most frequent first."""
    found = {
        item: counts.statuses(outcomes)
        for item, outcomes in counts.read(session, BY_ITEM[topic], ask).items()
    }
    whole = sum(sums[0] for sums in found.values())
    ranked = sorted(found.items(), key=lambda entry: (-entry[1][0], entry[0]))
    return [(item, *sums, share(sums[0], whole)) for item, sums in ranked]


REPORTS = (
    Report(
        name="bookings",
        title="Bookings by day",
        purpose="What was booked each day, and where it stands today.",
        columns=(DAY, *STATUSES),
        rows=by_day,
        chart=Chart(ChartKind.LINE, "Bookings by day", 0, (1, 5)),
        empty=NONE,
        fresh=Fresh.COUNTS,
    ),
    Report(
        name="sources",
        title="Bookings by source",
        purpose="What brought the bookings of these days: the one source each booking was given when it was made.",
        columns=(Column("Source", Kind.WORDS), *STATUSES, Column("Share", Kind.SHARE)),
        rows=partial(by_item, "source"),
        chart=Chart(ChartKind.BAR, "Bookings by source", 0, (1,)),
        empty=NONE,
        fresh=Fresh.COUNTS,
    ),
    Report(
        name="issues",
        title="Bookings by issue",
        purpose="What was wrong with the doors, in the homeowners' words.",
        columns=(Column("Issue", Kind.WORDS), *STATUSES, Column("Share", Kind.SHARE)),
        rows=partial(by_item, "issue"),
        chart=Chart(ChartKind.BAR, "Bookings by issue", 0, (1,)),
        empty=NONE,
        fresh=Fresh.COUNTS,
    ),
)
