"""How reports read the counts of one topic: a row for each item, with the sum of each outcome."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from app.staff.reports.base import Ask
from app.staff.reports.spread import bounds, spread

STATUSES = ("pending", "confirmed", "completed", "cancelled")


def by_item(topic: str) -> TextClause:
    """Return the statement that sums a topic by item and outcome."""
    counts = spread("report_counts", "item, outcome, n", f"topic = '{topic}'")
    return text(
        "SELECT item, jsonb_object_agg(outcome, n) AS outcomes FROM"  # noqa: S608 - our own words
        f" (SELECT item, outcome, sum(n)::bigint AS n FROM {counts} days GROUP BY item, outcome) sums GROUP BY item"
    )


def read(session: Session, statement: TextClause, ask: Ask) -> dict[str, dict[str, int]]:
    """Return the sums of each outcome by item."""
    found: Sequence[Any] = session.execute(statement, bounds(ask.span)).all()  # Any: rows of the statement
    return {row.item: row.outcomes for row in found}


def statuses(outcomes: dict[str, int]) -> tuple[int, ...]:
    """Return how many bookings there are, and how many stand where."""
    counted = tuple(outcomes.get(status, 0) for status in STATUSES)
    return (sum(counted), *counted)
