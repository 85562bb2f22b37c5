"""Days as reports and filters mean them: from midnight to midnight in the reports' time zone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app import clock
from app.web import settings

LONGEST = 3660
READY_MADE = {7: "7 days", 30: "30 days", 90: "90 days", 365: "1 year", LONGEST: "All years"}
USUAL = 30


@dataclass(frozen=True)
class Span:
    """Days from the first to the last, both counted."""

    first: date
    last: date
    zone: str

    @property
    def days(self) -> int:
        """Return how many days it has."""
        return (self.last - self.first).days + 1

    @property
    def starts_at(self) -> datetime:
        """Return its first instant."""
        return midnight(self.first, self.zone)

    @property
    def ends_at(self) -> datetime:
        """Return the first instant after it."""
        return midnight(self.last + timedelta(days=1), self.zone)

    @property
    def all_days(self) -> list[date]:
        """Return every day of it."""
        return [self.first + timedelta(days=n) for n in range(self.days)]


def midnight(day: date, zone: str) -> datetime:
    """Return the instant at which a day begins."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def today() -> date:
    """Return the day it is in the reports' time zone."""
    return clock.now().astimezone(ZoneInfo(settings().report_timezone)).date()


def read_day(raw: str | None) -> date | None:
    """Read a date of a form; what is none is left out."""
    try:
        return date.fromisoformat(raw or "")
    except ValueError:
        return None


def read_span(args: Mapping[str, str], usual: int = USUAL) -> Span:
    """Read `from` and `to`, or `days`; without them the last ones as usual."""
    zone, last = settings().report_timezone, read_day(args.get("to")) or today()
    first = read_day(args.get("from"))
    if first is None:
        wanted = args.get("days", "")
        first = last - timedelta(days=(int(wanted) if wanted.isdecimal() and len(wanted) < 5 else usual) - 1)
    first = max(min(first, last), last - timedelta(days=LONGEST))
    return Span(first, last, zone)
