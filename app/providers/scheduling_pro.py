"""What visitors did in Scheduling Pro, read for reports. Its API can only be read: it neither lists windows nor books."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from app.providers.ports import Outcome, ProviderError
from app.providers.servicetitan_api import ServiceTitanApi, read_time, wire_time

MILESTONES = (
    "opened", "zipcode", "interacted", "issue", "schedule", "customer", "details", "booked", "abandoned",
)  # fmt: skip
WORD = re.compile(r"[\w .:/-]{1,60}")


@dataclass(frozen=True)
class Scheduler:
    """One booking widget of the company's."""

    id: str
    name: str
    status: str
    is_default: bool


@dataclass(frozen=True)
class BookingSession:
    """How far one visitor came and what it led to. Names, addresses and phone numbers of visitors are never read."""

    id: str
    created_at: datetime
    outcome: str
    last_step: str
    blocker: str
    zip_code: str
    campaign: str
    utm_source: str
    utm_medium: str
    job_id: str | None = None
    booking_id: str | None = None
    lead_id: str | None = None

    @property
    def is_abandoned(self) -> bool:
        """Tell whether it led to no job and no booking."""
        return self.job_id is None and self.booking_id is None


@dataclass(frozen=True)
class Performance:
    """How many sessions came how far, as Scheduling Pro counts them."""

    sessions: int
    jobs: int
    bookings: int
    milestones: Mapping[str, int] = field(default_factory=dict)


class SchedulingPro:
    """Reads the reports of one tenant's schedulers."""

    def __init__(self, api: ServiceTitanApi) -> None:
        self._api = api

    def schedulers(self) -> tuple[Scheduler, ...]:
        """List the company's schedulers."""
        found = self._api.every("schedulers.list", "schedulingpro/schedulers")
        return tuple(
            Scheduler(
                _known_as(row, "schedulers.list"),
                str(row.get("name") or ""),
                str(row.get("schedulerStatus") or ""),
                row.get("isDefault") is True,
            )
            for row in found
        )

    def sessions(
        self, scheduler_id: str, starts_at: datetime, ends_at: datetime
    ) -> tuple[BookingSession, ...]:
        """List the sessions that began in a span."""
        found = self._api.every(
            "sessions.list",
            f"schedulingpro/schedulers/{quote(scheduler_id, safe='')}/sessions",
            createdOnOrAfter=wire_time(starts_at),
            createdBefore=wire_time(ends_at),
        )
        return tuple(_session(row) for row in found)

    def performance(self, scheduler_id: str, starts_at: datetime, ends_at: datetime) -> Performance:
        """Read the figures of the sessions that began in a span."""
        data = self._api.get(
            "performance.get",
            f"schedulingpro/schedulers/{quote(scheduler_id, safe='')}/performance",
            sessionCreatedOnOrAfter=wire_time(starts_at),
            sessionCreatedBefore=wire_time(ends_at),
        )
        counts = _part(data, "milestoneFrequencyCount")
        return Performance(
            sessions=_count(data, "totalSessions"),
            jobs=_count(data, "totalJobsCreated"),
            bookings=_count(data, "totalBookingsCreated"),
            milestones={name: _count(counts, name) for name in MILESTONES},
        )


def _session(row: dict[str, Any]) -> BookingSession:  # untyped JSON, see http.Reply
    source = _part(row, "sourceTracking")
    address = _part(_part(row, "customer"), "address")
    return BookingSession(
        id=_known_as(row, "sessions.list"),
        created_at=read_time(row.get("createdOn"), "sessions.list"),
        outcome=_word(row.get("sessionOutcome")),
        last_step=_word(row.get("lastStep")),
        blocker=_word(row.get("blockerType")),
        zip_code=_word(address.get("zip"))[:5],
        campaign=_word(row.get("campaignName")),
        utm_source=_word(source.get("utmSource")),
        utm_medium=_word(source.get("utmMedium")),
        job_id=_number(row, "jobId"),
        booking_id=_number(row, "bookingId"),
        lead_id=_number(row, "leadId"),
    )


def _known_as(row: dict[str, Any], operation: str) -> str:  # untyped JSON, see http.Reply
    """Read an id; here they are words."""
    value = row.get("id")
    if not isinstance(value, str) or not value:
        raise ProviderError(Outcome.UNCERTAIN, f"{operation}: answer has no id")
    return value


def _part(row: dict[str, Any], name: str) -> dict[str, Any]:  # untyped JSON, see http.Reply
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def _word(value: object) -> str:
    """Read a short word; anything longer or stranger is left out of reports."""
    text = str(value or "").strip()
    return text if WORD.fullmatch(text) else ""


def _number(row: dict[str, Any], name: str) -> str | None:  # untyped JSON, see http.Reply
    value = row.get(name)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _count(row: dict[str, Any], name: str) -> int:  # untyped JSON, see http.Reply
    value = row.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
