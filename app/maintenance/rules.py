"""Rows that go when their time is over, batch by batch: which table, which rows, kept for how long."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.maintenance.keeping import Keeping

BATCH = 5000
Run = Callable[[Callable[[Session], Any]], Any]  # Any: whatever the work answers
OLD = "now() - CAST(:keep AS interval)"


@dataclass(frozen=True)
class Rule:
    """One kind of row. `condition` says of a row `t` that it may go; `share` makes batches of costly rows smaller."""

    name: str
    table: str
    condition: str
    keep: Callable[[Keeping], str]
    key: str = "id"
    share: int = 1

    def count(self, session: Session, periods: Keeping) -> int:
        """Return how many rows would go."""
        query = text(f"SELECT count(*) FROM {self.table} t WHERE {self.condition}")  # noqa: S608 - our own words
        found: int = session.execute(query, self.values(periods)).scalar_one()
        return found

    def delete(self, session: Session, periods: Keeping, batch: int) -> int:
        """Delete one batch and answer how many rows it had; rows somebody works with have their turn another night."""
        query = text(
            f"WITH gone AS (DELETE FROM {self.table} WHERE ({self.key}) IN (SELECT {self.key} FROM {self.table} t"  # noqa: S608 - our own words
            f" WHERE {self.condition} LIMIT :batch FOR UPDATE OF t SKIP LOCKED) RETURNING 1) SELECT count(*) FROM gone"
        )
        gone: int = session.execute(
            query, self.values(periods) | {"batch": max(1, batch // self.share)}
        ).scalar_one()
        return gone

    def batches(self, run: Run, periods: Keeping, batch: int) -> Iterator[int]:
        """Delete batch after batch, each in a transaction that `run` makes, and yield how many rows each had."""
        while gone := run(lambda session: self.delete(session, periods, batch)):
            yield gone

    def values(self, periods: Keeping) -> dict[str, object]:
        """Return what the condition's placeholders stand for."""
        values: dict[str, object] = {"keep": self.keep(periods)}
        return values | ({"records": periods.records} if ":records" in self.condition else {})


@dataclass(frozen=True)
class WalkingRule(Rule):
    """Rows of which most stay: looked at once in the order of their ids, instead of again for every batch.

    `condition` says which rows are worth a look, `unused` which of those may go.
    """

    unused: str = "true"

    def count(self, session: Session, periods: Keeping) -> int:
        """Return how many rows would go."""
        query = text(f"SELECT count(*) FROM {self.table} t WHERE {self.condition} AND {self.unused}")  # noqa: S608 - our own words
        found: int = session.execute(query, self.values(periods)).scalar_one()
        return found

    def batches(self, run: Run, periods: Keeping, batch: int) -> Iterator[int]:
        """Walk over the table and delete what may go of each stretch."""
        query = text(
            f"WITH looked AS MATERIALIZED (SELECT id FROM {self.table} t WHERE t.id > :after AND {self.condition}"  # noqa: S608 - our own words
            f" ORDER BY id LIMIT :batch), gone AS (DELETE FROM {self.table} WHERE id IN (SELECT t.id FROM {self.table} t"
            f" JOIN looked USING (id) WHERE {self.unused} FOR UPDATE OF t SKIP LOCKED) RETURNING 1)"
            " SELECT (SELECT id FROM looked ORDER BY id DESC LIMIT 1) AS last, (SELECT count(*) FROM gone) AS gone"
        )
        values = self.values(periods) | {"after": uuid.UUID(int=0), "batch": max(1, batch // self.share)}
        while values["after"] is not None:
            row = run(lambda session: session.execute(query, values).one())
            values["after"] = row.last
            yield row.gone


@dataclass(frozen=True)
class SlotRule(Rule):
    """Past windows; the counter of their crew goes with the last window that shares it."""

    def delete(self, session: Session, periods: Keeping, batch: int) -> int:
        """Delete one batch of windows, and the counters that no window refers to any more."""
        return delete_slots(session, self.condition, self.values(periods) | {"batch": batch})


@dataclass(frozen=True)
class LedgerRule(Rule):
    """Rows of an append-only table: only a function of the database's owner takes them out, at their far end."""

    def delete(self, session: Session, periods: Keeping, batch: int) -> int:
        """Delete one batch."""
        values = {"ledger": self.table, "keep": self.keep(periods), "batch": batch}
        gone: int = session.execute(DELETE_LEDGER, values).scalar_one()
        return gone


DELETE_LEDGER = text("SELECT delete_old_ledger_rows(:ledger, CAST(:keep AS interval), :batch)")
DELETE_COUNTERS = text(
    "DELETE FROM slot_capacity c WHERE c.external_slot_id = ANY(CAST(:keys AS text[]))"
    " AND NOT EXISTS (SELECT FROM time_slots s WHERE s.external_slot_id = c.external_slot_id)"
)


def delete_slots(session: Session, condition: str, values: Mapping[str, object]) -> int:
    """Delete a batch of windows with the counters that become nobody's; answer how many windows."""
    query = text(
        f"DELETE FROM time_slots WHERE id IN (SELECT id FROM time_slots t WHERE {condition}"  # noqa: S608 - our own words
        " ORDER BY id LIMIT :batch FOR UPDATE OF t SKIP LOCKED) RETURNING external_slot_id"
    )
    keys = session.execute(query, values).scalars().all()
    session.execute(DELETE_COUNTERS, {"keys": sorted({key for key in keys if key})})
    return len(keys)


# A delivery stays while its visit is still to come; one that was given up stays a whole period after the visit.
JOBS_OVER = (
    "t.status IN ('completed', 'failed') AND t.completed_at < now() - CAST(:keep AS interval) AND NOT EXISTS ("
    "SELECT FROM bookings b WHERE b.id = t.booking_id AND (b.window_end > now()"
    " OR t.status = 'failed' AND b.window_end > now() - CAST(:keep AS interval)))"
)
# Words that began or ended a consent are its proof.
TEXTS_OVER = (
    "t.received_at < now() - CASE WHEN t.meaning IN ('stop', 'start') THEN CAST(:records AS interval)"
    " ELSE CAST(:keep AS interval) END"
)
LINKS_OVER = f"t.created_at < {OLD} AND NOT EXISTS (SELECT FROM bookings b WHERE b.id = t.booking_id AND b.window_end > {OLD})"
CUSTOMERS_OLD = f"t.created_at < {OLD} AND t.updated_at < {OLD}"
NO_BOOKING = "NOT EXISTS (SELECT FROM bookings b WHERE b.customer_id = t.id)"
RUNS_OVER = f"t.started_at < {OLD} AND EXISTS ({{newer}})".format(
    newer="SELECT FROM task_runs n WHERE n.name = t.name AND n.started_at > t.started_at AND n.ok IS NOT DISTINCT FROM t.ok"
)
CONSENTS_OVER = "t.id IN (SELECT old_consents(CAST(:keep AS interval)))"

# Events go before and bookings after these: app/maintenance/retention.py has the whole order.
EARLY = (
    Rule("jobs", "queue_jobs", JOBS_OVER, lambda keep: keep.jobs),
    Rule("messages", "notifications", f"t.status IN ('sent', 'failed') AND t.created_at < {OLD}", lambda keep: keep.messages),
    Rule("texts", "inbound_texts", TEXTS_OVER, lambda keep: keep.messages),
    Rule("sms_sends", "sms_sends", f"t.sent_at < {OLD}", lambda keep: keep.jobs, key="notification_id"),
    Rule("callbacks", "provider_events", f"t.received_at < {OLD}", lambda keep: keep.jobs, key="provider, event_id"),
    Rule("visits", "wizard_sessions", f"t.expires_at < {OLD}", lambda keep: keep.visits),
    Rule("leads", "leads", f"t.updated_at < {OLD}", lambda keep: keep.leads),
    Rule("links", "manage_links", LINKS_OVER, lambda keep: keep.jobs, key="token_hash"),
    Rule("submissions", "booking_submissions", f"t.created_at < {OLD}", lambda keep: keep.slots, key="submission_id"),
    SlotRule("slots", "time_slots", f"t.slot_date < ({OLD})::date", lambda keep: keep.slots),
)  # fmt: skip
LATE = (
    WalkingRule(
        "customers", "customers", CUSTOMERS_OLD, lambda keep: keep.records, share=10, unused=NO_BOOKING
    ),
    LedgerRule("consents", "consents", CONSENTS_OVER, lambda keep: keep.records),
    LedgerRule("audit", "audit_log", f"t.at < {OLD}", lambda keep: keep.records),
    Rule("runs", "task_runs", RUNS_OVER, lambda keep: keep.runs),
)
