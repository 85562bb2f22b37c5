"""Forgetting by itself: customers whose last booking is longer ago than the years that records are kept."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.maintenance.privacy.erasing import OpenBookingsError, StillAtWorkError, erase
from app.maintenance.privacy.person import Person, RacedError, Tools

BATCH = 100
FIRST = uuid.UUID(int=0)
OLD = text(
    "SELECT c.id, c.email FROM customers c WHERE c.erased_at IS NULL AND c.created_at < :before AND c.id > :after"
    " AND NOT EXISTS (SELECT 1 FROM bookings b WHERE b.customer_id = c.id"
    " AND (b.id >= uuid_v7_floor(:before) OR b.window_end >= :before)) ORDER BY c.id LIMIT :batch"
)


@dataclass(frozen=True)
class Batch:
    """One batch: rows by table, who was passed over, and where the next one starts."""

    people: int
    passed_over: int
    rows: Mapping[str, int]
    next_after: uuid.UUID | None


def anonymize(session: Session, before: datetime, after: uuid.UUID, tools: Tools) -> Batch:
    """Erase one batch of customers without a booking since `before`; whoever cannot be is passed over until next time.

    Only rows from before that moment go: somebody who asked for a call last week has that call.
    """
    found = session.execute(OLD, {"before": before, "after": after, "batch": BATCH}).all()
    rows: dict[str, int] = {}
    passed_over = 0
    for row in found:
        try:
            with session.begin_nested():
                erased = erase(session, Person(row.email, until=before), tools)
        except (OpenBookingsError, StillAtWorkError, RacedError):
            passed_over += 1
            continue
        for table, changed in erased.rows.items():
            rows[table] = rows.get(table, 0) + changed
    return Batch(len(found) - passed_over, passed_over, rows, found[-1].id if len(found) == BATCH else None)
