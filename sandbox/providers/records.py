"""What each simulated provider keeps on file."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Counter:
    """Gives ids in order, the same ones in every fresh start."""

    following: int

    def take(self) -> int:
        """Return the next id."""
        self.following += 1
        return self.following - 1


@dataclass
class External:
    """A caller's own data on a record, visible only to the same application."""

    guid: str
    key: str
    value: str


@dataclass
class Customer:
    """Somebody who pays for visits."""

    id: int
    name: str
    kind: str
    address: dict[str, object]
    contacts: list[dict[str, object]]
    external: list[External]
    created_on: str
    active: bool = True
    merged_to_id: int | None = None


@dataclass
class Location:
    """A place the truck goes to."""

    id: int
    customer_id: int
    name: str
    address: dict[str, object]
    contacts: list[dict[str, object]]
    external: list[External]
    created_on: str


@dataclass
class Appointment:
    """One visit of a job."""

    id: int
    job_id: int
    start: datetime
    end: datetime
    window_start: datetime | None
    window_end: datetime | None
    status: str = "Scheduled"


@dataclass
class Job:
    """A piece of work; it always keeps at least one appointment."""

    id: int
    customer_id: int
    location_id: int
    business_unit_id: int
    job_type_id: int
    priority: str
    campaign_id: int
    summary: str
    external: list[External]
    created_on: str
    appointments: list[Appointment]
    status: str = "Scheduled"
    cancel_memo: str | None = None


@dataclass
class FieldOffice:
    """ServiceTitan's files."""

    tokens: dict[str, datetime] = field(default_factory=dict)
    calls: deque[float] = field(default_factory=deque)
    customers: dict[int, Customer] = field(default_factory=dict)
    locations: dict[int, Location] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    customer_ids: Counter = field(default_factory=lambda: Counter(70011))
    location_ids: Counter = field(default_factory=lambda: Counter(80021))
    job_ids: Counter = field(default_factory=lambda: Counter(91001))
    appointment_ids: Counter = field(default_factory=lambda: Counter(95001))


@dataclass
class Profile:
    """A person as Klaviyo knows them."""

    id: str
    attributes: dict[str, object]


@dataclass
class MailEvent:
    """An event, and the e-mail a flow makes of it."""

    id: str
    profile_id: str
    metric: str
    unique_id: str
    at: str
    properties: dict[str, object]
    to: str
    first_name: str


@dataclass
class MailHouse:
    """Klaviyo's files."""

    profiles: list[Profile] = field(default_factory=list)
    events: list[MailEvent] = field(default_factory=list)
    profile_ids: Counter = field(default_factory=lambda: Counter(1))
    event_ids: Counter = field(default_factory=lambda: Counter(1))


@dataclass
class Text:
    """One SMS and where it is on its way."""

    sid: str
    to: str
    sender: str | None
    service: str | None
    body: str
    status: str
    created_at: datetime
    callback: str | None
    error_code: int | None = None


@dataclass
class PhoneCompany:
    """Twilio's files."""

    texts: list[Text] = field(default_factory=list)
    opted_out: set[str] = field(default_factory=set)
    refusals: dict[str, int] = field(default_factory=dict)
    text_ids: Counter = field(default_factory=lambda: Counter(1))
