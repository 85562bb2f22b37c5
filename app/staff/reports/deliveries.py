"""Reports: what left for the providers, and what became of the messages."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.staff.reports.base import Ask, Chart, ChartKind, Column, Kind, Report, Row, share

JOBS = text(
    "SELECT job_type, count(*) AS jobs, count(*) FILTER (WHERE status = 'completed' AND outcome IS DISTINCT FROM 'cancelled'),"
    " count(*) FILTER (WHERE status IN ('pending', 'processing')), count(*) FILTER (WHERE status = 'failed'),"
    " count(*) FILTER (WHERE outcome = 'cancelled'), count(*) FILTER (WHERE attempts > 1),"
    " percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM completed_at - created_at))"
    " FILTER (WHERE status = 'completed' AND outcome = 'ok')"
    " FROM queue_jobs WHERE created_at >= :starts_at AND created_at < :ends_at GROUP BY job_type ORDER BY jobs DESC, job_type"
)
MESSAGES = text(
    "SELECT template || ' (' || type || ')', count(*) AS messages, count(*) FILTER (WHERE status = 'sent'),"
    " count(*) FILTER (WHERE status = 'pending'),"
    " count(*) FILTER (WHERE status = 'failed' AND error_msg LIKE 'skipped: %'),"
    " count(*) FILTER (WHERE status = 'failed' AND NOT coalesce(error_msg LIKE 'skipped: %', false))"
    " FROM notifications WHERE created_at >= :starts_at AND created_at < :ends_at GROUP BY template, type ORDER BY messages DESC, 1"
)


def jobs(session: Session, ask: Ask) -> list[Row]:
    """Return a row for every kind of delivery."""
    return [
        (*row[:7], float(row[7]) if row[7] is not None else None)
        for row in session.execute(JOBS, {"starts_at": ask.span.starts_at, "ends_at": ask.span.ends_at})
    ]


def messages(session: Session, ask: Ask) -> list[Row]:
    """Return a row for every kind of message and channel."""
    found = session.execute(MESSAGES, {"starts_at": ask.span.starts_at, "ends_at": ask.span.ends_at})
    return [
        (name, count, sent, waiting, skipped, failed, share(sent, count - skipped))
        for name, count, sent, waiting, skipped, failed in found
    ]


REPORTS = (
    Report(
        name="deliveries",
        title="Deliveries",
        purpose="What had to reach ServiceTitan, Klaviyo and Twilio, and how it went. Finished ones are kept for 30 days.",
        columns=(
            Column("Delivery", Kind.WORDS), Column("All", total=True), Column("Delivered", total=True), Column("Waiting", total=True),
            Column("Given up", total=True), Column("Not needed any more", total=True), Column("Took several tries", total=True),
            Column("Median time", Kind.SECONDS),
        ),
        rows=jobs,
        chart=Chart(ChartKind.BAR, "Deliveries by kind", 0, (1,)),
        empty="Nothing had to be delivered in these days.",
        from_rollup=False,
    ),
    Report(
        name="messages",
        title="Messages",
        purpose="E-mails and texts by kind. «Sent» means the provider took it.",
        columns=(
            Column("Message", Kind.WORDS), Column("All", total=True), Column("Sent", total=True), Column("Waiting", total=True),
            Column("Not needed any more", total=True), Column("Failed", total=True), Column("Sent of all needed", Kind.SHARE),
        ),
        rows=messages,
        chart=Chart(ChartKind.BAR, "Messages by kind", 0, (1,)),
        empty="No message was written in these days.",
        from_rollup=False,
    ),
)  # fmt: skip
