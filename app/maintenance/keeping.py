"""How long each kind of row stays: the periods that settings choose, and the shortest that make sense."""

from dataclasses import dataclass

from app.config import Settings


@dataclass(frozen=True)
class Keeping:
    """Periods in PostgreSQL's words for intervals."""

    events: str
    jobs: str
    messages: str
    slots: str
    leads: str
    records: str
    visits: str = "30 days"
    runs: str = "90 days"


def keeping(settings: Settings) -> Keeping:
    """Return the periods of an installation."""
    return Keeping(
        events=f"{settings.retention_events_days} days",
        jobs=f"{settings.retention_jobs_days} days",
        messages=f"{settings.retention_messages_days} days",
        slots=f"{settings.retention_slots_days} days",
        leads=f"{settings.retention_leads_days} days",
        records=f"{settings.retention_records_years} years",
    )
