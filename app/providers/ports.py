"""What the application needs from the outside world, in plain data, so that a provider can be changed without touching the rest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class Outcome(StrEnum):
    """How an external call ended, which alone decides what happens next."""

    OK = "ok"
    PERMANENT = "permanent"
    TRANSIENT = "transient"
    THROTTLED = "throttled"
    CONFIG = "config"
    UNCERTAIN = "uncertain"


class ProviderError(Exception):
    """A call that did not end well; `reason` names fields and codes, never a person's data.

    `retry_after` is in seconds, `code` is the provider's own error code where it gave one.
    """

    def __init__(
        self,
        outcome: Outcome,
        reason: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(outcome, reason)
        self.outcome = outcome
        self.reason = reason
        self.retry_after = retry_after
        self.status = status
        self.code = code

    def __str__(self) -> str:
        return f"{self.outcome}: {self.reason}"


# --- field service: customers, locations, jobs -------------------------------------------------------------


class Priority(StrEnum):
    """How soon the office wants to look at a job."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class JobStatus(StrEnum):
    """Where a job stands at the provider."""

    SCHEDULED = "scheduled"
    DISPATCHED = "dispatched"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class FieldAddress:
    """Where the truck goes."""

    street: str
    city: str
    state: str
    zip_code: str
    unit: str | None = None
    country: str = "USA"


@dataclass(frozen=True)
class FieldCustomer:
    """Who asked for the visit, as typed on the booking; `customer_id` is ours and `phone` is E.164."""

    customer_id: UUID
    first_name: str
    last_name: str
    email: str
    phone: str
    address: FieldAddress


@dataclass(frozen=True)
class CustomerRef:
    """The provider's ids of a customer and, when it was made in the same call, of its location."""

    customer_id: str
    location_id: str | None = None


@dataclass(frozen=True)
class JobOrder:
    """Everything a job needs; `booking_id` is the key that makes creating it safe to repeat.

    `slot_key` is the derived key of the claimed window: the adapter reads the business unit from it.
    """

    booking_id: UUID
    reference: str
    issue_type: str
    issue_words: str
    starts_at: datetime
    ends_at: datetime
    door_count: int
    homeowner_status: str
    slot_key: str | None = None
    door_age: int | None = None
    owner_permission: str | None = None
    issue_note: str | None = None
    access_notes: str | None = None
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True)
class JobRef:
    """A job as the provider knows it; `appointment_id` is its first visit."""

    job_id: str
    job_number: str
    appointment_id: str | None
    status: JobStatus


class FieldService(Protocol):
    """The system that sends technicians. Each method is one resumable step and raises ProviderError."""

    def find_job(self, booking_id: UUID) -> JobRef | None:
        """Look a job up by our booking id."""

    def find_customer(self, customer: FieldCustomer) -> CustomerRef | None:
        """Look the customer up by our id, then by phone where the last name or e-mail agrees."""

    def add_customer(self, customer: FieldCustomer) -> CustomerRef:
        """Create the customer together with the location of this visit."""

    def find_location(self, customer_id: str, customer: FieldCustomer) -> str | None:
        """Look up the customer's location at this address."""

    def add_location(self, customer_id: str, customer: FieldCustomer) -> str:
        """Create a location at this address."""

    def create_job(self, order: JobOrder, customer_id: str, location_id: str) -> JobRef:
        """Create the job; call `find_job` first, always."""

    def cancel_job(self, job_id: str, memo: str) -> None:
        """Cancel the job; one that is cancelled already counts as done."""

    def get_job(self, job_id: str) -> JobRef:
        """Read one job."""


# --- slots -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Zone:
    """ZIP codes that share one pool of crews."""

    id: str
    name: str
    zip_codes: tuple[str, ...]
    business_unit_id: str


@dataclass(frozen=True)
class OpenWindow:
    """One arrival window and how many more visits fit into it, in aware UTC times."""

    key: str
    starts_at: datetime
    ends_at: datetime
    open: int


@dataclass(frozen=True)
class Snapshot:
    """What the provider said was open between two instants; a window missing in that span has nothing open.

    `requested_at` was taken before the call: a visit booked later may or may not be in the figures.
    """

    key_prefix: str
    requested_at: datetime
    starts_at: datetime
    ends_at: datetime
    windows: tuple[OpenWindow, ...]


class SlotSource(Protocol):
    """Where open arrival windows come from."""

    def zones(self) -> tuple[Zone, ...]:
        """List every zone with its ZIP codes."""

    def open_windows(
        self, zone: Zone, starts_at: datetime, ends_at: datetime, *, requested_at: datetime | None = None
    ) -> Snapshot:
        """List a zone's open windows; pass the database's time as `requested_at` where clocks may differ."""

    def find_window(self, key: str) -> OpenWindow | None:
        """Ask again for the one window a key names."""


# --- messages ----------------------------------------------------------------------------------------------

Property = str | int | bool | None


@dataclass(frozen=True)
class EmailProfile:
    """The person an e-mail goes to; `external_id` is our customer id."""

    email: str
    external_id: str
    first_name: str
    last_name: str
    phone: str | None = None
    city: str | None = None
    state: str | None = None
    zip_code: str | None = None
    timezone: str | None = None


@dataclass(frozen=True)
class EmailEvent:
    """One thing that happened, from which the provider's flow writes the e-mail; `unique_id` dedupes it."""

    metric: str
    unique_id: str
    occurred_at: datetime
    profile: EmailProfile
    properties: Mapping[str, Property] = field(default_factory=dict)


class EmailSender(Protocol):
    """The system that sends e-mail."""

    def upsert_profile(self, profile: EmailProfile) -> str:
        """Create or update the person and return the provider's id."""

    def send_event(self, event: EmailEvent) -> str:
        """Record the event and return its unique id: the only name it has there."""


@dataclass(frozen=True)
class SmsMessage:
    """One text message; `notification_id` comes back in the status callback."""

    to: str
    body: str
    notification_id: UUID


@dataclass(frozen=True)
class SmsRecord:
    """A message as the provider knows it; `created_at` is aware UTC."""

    sid: str
    to: str
    body: str
    status: str
    created_at: datetime
    error_code: str | None = None


class SmsSender(Protocol):
    """The system that sends text messages. It has no idempotency key: never repeat an uncertain send."""

    def send(self, message: SmsMessage) -> SmsRecord:
        """Hand the message over."""

    def list_messages(self, to: str, since: datetime) -> tuple[SmsRecord, ...]:
        """List what was sent to a number since then, newest first, to settle an uncertain send."""
