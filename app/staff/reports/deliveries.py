"""Reports: what left for the providers, and what became of the messages."""

from sqlalchemy.orm import Session

from app.staff.reports import counts
from app.staff.reports.base import Ask, Chart, ChartKind, Column, Fresh, Kind, Report, Row, share
from app.staff.reports.funnel import BOUNDS, median

JOBS = counts.by_item("delivery")
MESSAGES = counts.by_item("message")
TIMES = tuple(f"t{place:02d}" for place in range(len(BOUNDS) - 1))


def jobs(session: Session, ask: Ask) -> list[Row]:
    """Return a row for every kind of delivery, the most frequent first."""
    return [
        (
            name,
            *(
                found.get(outcome, 0)
                for outcome in ("all", "done", "waiting", "failed", "cancelled", "retried")
            ),
            median([found.get(time, 0) for time in TIMES]),
        )
        for name, found in ranked(counts.read(session, JOBS, ask))
    ]


def messages(session: Session, ask: Ask) -> list[Row]:
    """Return a row for every kind of message and channel, the most frequent first."""
    return [
        (
            name,
            *(
                found.get(outcome, 0)
                for outcome in ("all", "sent", "waiting", "skipped", "failed", "arrived", "refused")
            ),
            share(found.get("sent", 0), found["all"] - found.get("skipped", 0)),
        )
        for name, found in ranked(counts.read(session, MESSAGES, ask))
    ]


def ranked(found: dict[str, dict[str, int]]) -> list[tuple[str, dict[str, int]]]:
    """Return items in the order of how many there are."""
    return sorted(found.items(), key=lambda entry: (-entry[1]["all"], entry[0]))


REPORTS = (
    Report(
        name="deliveries",
        title="Deliveries",
        purpose="What had to reach ServiceTitan, Klaviyo and Twilio, and how it went.",
        columns=(
            Column("Delivery", Kind.WORDS), Column("All", total=True), Column("Delivered", total=True), Column("Waiting", total=True),
            Column("Given up", total=True), Column("Not needed any more", total=True), Column("Took several tries", total=True),
            Column("Median time", Kind.SECONDS),
        ),
        rows=jobs,
        chart=Chart(ChartKind.BAR, "Deliveries by kind", 0, (1,)),
        empty="Nothing had to be delivered in these days.",
        fresh=Fresh.COUNTS,
    ),
    Report(
        name="messages",
        title="Messages",
        purpose="E-mails and texts by kind. «Sent» means the provider took it; «arrived» and «bounced» is what it told us later.",
        columns=(
            Column("Message", Kind.WORDS), Column("All", total=True), Column("Sent", total=True), Column("Waiting", total=True),
            Column("Not needed any more", total=True), Column("Failed", total=True), Column("Arrived", total=True),
            Column("Bounced", total=True), Column("Sent of all needed", Kind.SHARE),
        ),
        rows=messages,
        chart=Chart(ChartKind.BAR, "Messages by kind", 0, (1,)),
        empty="No message was written in these days.",
        fresh=Fresh.COUNTS,
    ),
)  # fmt: skip
