"""How each provider has been answering, and what waits for it: a card each on the operations page."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.outbox import RULES

LATE_SECONDS = 600
QUERY = text(
    "WITH kinds AS (SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:providers AS text[])) AS k (job_type, provider)),"
    " jobs AS (SELECT k.provider, count(*) FILTER (WHERE j.status = 'failed') AS given_up,"
    " count(*) FILTER (WHERE j.status = 'pending' AND j.scheduled_at <= now()) AS due,"
    " min(j.scheduled_at) FILTER (WHERE j.status = 'pending' AND j.scheduled_at <= now()) AS oldest_due"
    " FROM queue_jobs j JOIN kinds k USING (job_type) WHERE j.status IN ('pending', 'failed') GROUP BY k.provider)"
    " SELECT provider, h.state, h.opened_at, h.next_probe_at, coalesce(h.recent, 0) AS recent, coalesce(h.calls, 0) AS calls,"
    " h.last_ok_at, h.last_failure_at, h.last_outcome, h.last_reason, coalesce(j.due, 0) AS due,"
    " coalesce(j.given_up, 0) AS given_up, j.oldest_due FROM (SELECT DISTINCT provider FROM kinds) k"
    " LEFT JOIN provider_health h USING (provider) LEFT JOIN jobs j USING (provider) ORDER BY provider"
)


class Health(StrEnum):
    """How a provider is; the value is how staff read it."""

    WELL = "Answers"
    RESTING = "Asked us to slow down"
    PAUSED = "Paused"
    TRIED = "Being tried"
    UNKNOWN = "Not called yet"


@dataclass(frozen=True)
class ProviderCard:
    """One provider. `answers` are its last calls, the oldest first: True was answered."""

    name: str
    health: Health
    since: datetime | None
    next_probe_at: datetime | None
    answers: tuple[bool, ...]
    last_ok_at: datetime | None
    last_failure_at: datetime | None
    last_outcome: str | None
    last_reason: str | None
    due: int
    given_up: int
    oldest_due: datetime | None

    @property
    def failures(self) -> int:
        """Count the failures among the last calls."""
        return self.answers.count(False)

    @property
    def is_late(self) -> bool:
        """Say whether its oldest delivery waits longer than a healthy system lets it."""
        return self.oldest_due is not None and (clock.now() - self.oldest_due).total_seconds() > LATE_SECONDS


def read_providers(session: Session) -> list[ProviderCard]:
    """Return a card for each provider, also for those that were never called."""
    values = {"kinds": list(RULES), "providers": [rules.provider for rules in RULES.values()]}
    return [
        ProviderCard(
            row.provider, health_of(row.state, row.calls, row.next_probe_at), row.opened_at, row.next_probe_at,
            tuple(not row.recent >> age & 1 for age in reversed(range(row.calls))),
            row.last_ok_at, row.last_failure_at, row.last_outcome, row.last_reason, row.due, row.given_up, row.oldest_due,
        )
        for row in session.execute(QUERY, values)
    ]  # fmt: skip


def health_of(state: str | None, calls: int, next_probe_at: datetime | None) -> Health:
    """Put the switch's state into words."""
    if state == "open":
        return Health.PAUSED
    if state == "half_open":
        return Health.TRIED
    if next_probe_at is not None and next_probe_at > clock.now():
        return Health.RESTING
    return Health.WELL if calls else Health.UNKNOWN
