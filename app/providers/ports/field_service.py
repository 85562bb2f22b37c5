"""What we need from the system that sends technicians: customers, locations, jobs and their visits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID


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
    """The provider's ids of a customer and, when it was made in the same call, of its location.

    `do_not_service`: the office refuses to serve this customer, so no job may be made without a person's word.
    """

    customer_id: str
    location_id: str | None = None
    do_not_service: bool = False


@dataclass(frozen=True)
class WebTouch:
    """Where a visit came from, as advertising reports need it: addresses, click ids, UTM parameters."""

    landing_page_url: str = ""
    referrer_url: str = ""
    gclid: str | None = None
    gbraid: str | None = None
    wbraid: str | None = None
    fbclid: str | None = None
    msclkid: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None


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
    zip_code: str = ""
    booking_source: str = ""
    touch: WebTouch | None = None
    is_first_time: bool = True


@dataclass(frozen=True)
class JobRef:
    """A job as the provider knows it; `appointment_id` is its last visit, `booking_id` ours where the answer carries it.

    `twins` are further living jobs of the same booking, which there must never be.
    """

    job_id: str
    job_number: str
    appointment_id: str | None
    status: JobStatus
    booking_id: UUID | None = None
    twins: tuple[str, ...] = ()


class VisitStatus(StrEnum):
    """Where one appointment stands at the provider."""

    SCHEDULED = "scheduled"
    DISPATCHED = "dispatched"
    WORKING = "working"
    ON_HOLD = "on_hold"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Visit:
    """An appointment of a job: the arrival window promised there, in aware UTC times; `lasts` is how long the work takes."""

    appointment_id: str
    job_id: str
    starts_at: datetime
    ends_at: datetime
    status: VisitStatus
    is_confirmed: bool = False
    lasts: timedelta | None = None


@dataclass(frozen=True)
class JobChanges:
    """One page of what changed in jobs; ask again with `continue_from` while `has_more`."""

    jobs: tuple[JobRef, ...]
    continue_from: str
    has_more: bool


@dataclass(frozen=True)
class VisitChanges:
    """One page of what changed in appointments; the same change may come twice."""

    visits: tuple[Visit, ...]
    continue_from: str
    has_more: bool


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

    def find_jobs(self, booking_ids: Sequence[UUID]) -> Mapping[UUID, JobRef]:
        """Look up to 50 jobs up by our booking ids at once; ids without a job are left out."""

    def get_visit(self, job_id: str) -> Visit | None:
        """Read the job's current appointment: the last one that is not cancelled."""

    def move_visit(self, visit: Visit, starts_at: datetime, ends_at: datetime) -> Visit:
        """Move an appointment; one that is in that window already counts as done. A visit that is over is PERMANENT (409)."""

    def confirm_visit(self, appointment_id: str) -> None:
        """Mark an appointment as confirmed by the customer; one that is already counts as done."""

    def add_note(self, job_id: str, text: str) -> None:
        """Add a note to a job unless the same text is among its notes."""

    def attribute_job(self, job_id: str, touch: WebTouch) -> None:
        """Tell the advertising reports where the job came from."""

    def do_not_text(self, customer_id: str, phone: str) -> bool:
        """Tell whether this number is marked there as not to be texted."""

    def job_changes(self, continue_from: str | None) -> JobChanges:
        """Read the next page of changed jobs; None starts a day back."""

    def visit_changes(self, continue_from: str | None) -> VisitChanges:
        """Read the next page of changed appointments; None starts a day back."""

    def find_request(self, booking_id: UUID) -> str | None:
        """Look a booking request up by our booking id."""

    def request_booking(self, order: JobOrder, customer: FieldCustomer) -> str:
        """Ask the office to make the job (no job is made) and return the request's id; call `find_request` first."""

    def find_request_job(self, request_id: str) -> JobRef | None:
        """Look up the job the office made of a booking request; None while there is none."""
