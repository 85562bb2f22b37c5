"""What ServiceTitan keeps on file, with the indexes that keep lookups quick among thousands of records."""

from bisect import bisect_left
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.providers.records import Counter, External

Json = dict[str, object]


@dataclass(kw_only=True)
class Record:
    """What every record has."""

    id: int
    created_at: datetime
    modified_at: datetime
    active: bool = True
    external: list[External] = field(default_factory=list)


@dataclass(kw_only=True)
class Customer(Record):
    """Somebody who pays for visits."""

    name: str
    kind: str
    address: Json
    contacts: list[Json] = field(default_factory=list)
    notes: list[Json] = field(default_factory=list)
    tag_type_ids: list[int] = field(default_factory=list)
    custom_fields: list[Json] = field(default_factory=list)
    do_not_mail: bool = False
    do_not_service: bool = False
    merged_to_id: int | None = None


@dataclass(kw_only=True)
class Location(Record):
    """A place the truck goes to."""

    customer_id: int
    name: str
    address: Json
    contacts: list[Json] = field(default_factory=list)
    notes: list[Json] = field(default_factory=list)
    tag_type_ids: list[int] = field(default_factory=list)
    custom_fields: list[Json] = field(default_factory=list)


@dataclass(kw_only=True)
class Appointment(Record):
    """One visit of a job."""

    job_id: int
    number: str
    start: datetime
    end: datetime
    window_start: datetime | None
    window_end: datetime | None
    status: str = "Scheduled"
    technician_ids: list[int] = field(default_factory=list)
    special_instructions: str | None = None
    is_confirmed: bool = False


@dataclass(kw_only=True)
class Job(Record):
    """A piece of work; it always keeps at least one appointment."""

    customer_id: int
    location_id: int
    business_unit_id: int
    job_type_id: int
    priority: str
    campaign_id: int
    summary: str
    appointments: list[Appointment]
    status: str = "Scheduled"
    booking_id: int | None = None
    lead_id: int | None = None
    customer_po: str | None = None
    tag_type_ids: list[int] = field(default_factory=list)
    custom_fields: list[Json] = field(default_factory=list)
    notes: list[Json] = field(default_factory=list)
    cancellations: list[Json] = field(default_factory=list)
    history: list[Json] = field(default_factory=list)
    cancel_memo: str | None = None
    hold_memo: str | None = None
    completed_at: datetime | None = None


@dataclass(kw_only=True)
class BookingRequest(Record):
    """A request on the office's screen that somebody there turns into a job."""

    provider_id: int
    external_id: str
    body: Json
    contacts: list[Json] = field(default_factory=list)
    status: str = "New"
    job_id: int | None = None
    dismissing_reason_id: int | None = None
    dismissing_memo: str | None = None


@dataclass(kw_only=True)
class Lead(Record):
    """Somebody to be called back."""

    body: Json


@dataclass
class Feed:
    """The changes of one kind of record in their order; only the newest of each record counts."""

    times: list[datetime] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    newest: dict[int, int] = field(default_factory=dict)

    def note(self, record_id: int, at: datetime) -> None:
        """Add a change."""
        self.newest[record_id] = len(self.ids)
        self.ids.append(record_id)
        self.times.append(at)

    def since(self, moment: datetime) -> int:
        """Find the first change that is not older."""
        return bisect_left(self.times, moment)

    def read(self, start: int, until: datetime, limit: int) -> tuple[list[int], int, bool]:
        """Read from one position: the ids, the position to go on from, and whether more is there."""
        found: list[int] = []
        place = start
        while place < len(self.ids) and self.times[place] <= until:
            if self.newest[self.ids[place]] == place:
                if len(found) == limit:
                    return found, place, True
                found.append(self.ids[place])
            place += 1
        return found, place, False


def _index() -> dict[tuple[str, str, str], list[int]]:
    return defaultdict(list)


@dataclass
class FieldOffice:
    """ServiceTitan's files."""

    tokens: dict[str, datetime] = field(default_factory=dict)
    calls: deque[float] = field(default_factory=deque)
    customers: dict[int, Customer] = field(default_factory=dict)
    locations: dict[int, Location] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    bookings: dict[int, BookingRequest] = field(default_factory=dict)
    leads: dict[int, Lead] = field(default_factory=dict)
    attributions: list[Json] = field(default_factory=list)
    assignments: dict[int, Json] = field(default_factory=dict)
    sessions: list[Json] = field(default_factory=list)
    visits: dict[int, int] = field(default_factory=dict)
    jobs_by_external: dict[tuple[str, str, str], list[int]] = field(default_factory=_index)
    customers_by_external: dict[tuple[str, str, str], list[int]] = field(default_factory=_index)
    customers_by_phone: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    locations_of: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    jobs_in_zone: dict[int | None, list[int]] = field(default_factory=lambda: defaultdict(list))
    feeds: dict[str, Feed] = field(default_factory=lambda: defaultdict(Feed))
    customer_ids: Counter = field(default_factory=lambda: Counter(70011))
    location_ids: Counter = field(default_factory=lambda: Counter(80021))
    contact_ids: Counter = field(default_factory=lambda: Counter(60001))
    job_ids: Counter = field(default_factory=lambda: Counter(91001))
    appointment_ids: Counter = field(default_factory=lambda: Counter(95001))
    booking_ids: Counter = field(default_factory=lambda: Counter(50001))
    lead_ids: Counter = field(default_factory=lambda: Counter(40001))
    log_ids: Counter = field(default_factory=lambda: Counter(30001))

    def touch(self, feed: str, record: Record, now: datetime) -> None:
        """Mark a record as changed."""
        record.modified_at = now
        self.feeds[feed].note(record.id, now)

    def visit(self, appointment_id: int) -> tuple[Job, Appointment] | None:
        """Find an appointment and its job."""
        job = self.jobs.get(self.visits.get(appointment_id, 0))
        visits = job.appointments if job else []
        found = next((visit for visit in visits if visit.id == appointment_id), None)
        return (job, found) if job and found else None


def digits(phone: object) -> str:
    """Reduce a number to its last ten digits, as dialled here."""
    return "".join(c for c in str(phone or "") if c.isdigit())[-10:]
