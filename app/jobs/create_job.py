"""Booking the visit in ServiceTitan, whose API knows no idempotency key.

Creating is therefore always: look, and only then ask. Before the one request that makes the job, `create_sent` is stored;
a later run that finds it set, and no job, looks twice with a pause between before it asks again.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import outbox
from app.booking import lost_window, upstream
from app.jobs import job_order
from app.jobs.process import Process
from app.jobs.work import Abandoned, Declined, Desk, Handler, Job, LookAgainError, Verdict
from app.models.booking import BookingStatus
from app.models.queue_job import JobOutcome
from app.notifications import ledger
from app.notifications.ledger import Method, Withdrawal
from app.notifications.recipients import phone_hash
from app.outbox import JobType, NewJob
from app.providers.ports import (
    FieldCustomer,
    JobOrder,
    JobRef,
    JobStatus,
    Outcome,
    ProviderError,
)

T = TypeVar("T")

WINDOW_LOST, NOT_SERVED = "window_lost", "do_not_service"  # codes of our own for what only a person can solve
NO_SERVICE = "ServiceTitan: the office does not serve this customer, no job was made"

STORE = text(
    "UPDATE bookings SET servicetitan_job_id = :job_id, servicetitan_appointment_id = :appointment_id, upstream_status = :status,"
    " upstream_seen_at = clock_timestamp(), upstream_slot_key = :slot_key,"
    " upstream_since = CASE WHEN :lives THEN clock_timestamp() END,"
    " needs_attention = :attention, updated_at = now()"
    " WHERE id = :id RETURNING status, version, preferred_time"
)
CANCEL_KNOWN = text(
    "SELECT EXISTS (SELECT 1 FROM queue_jobs WHERE booking_id = :id AND job_type = :job_type)"
)


@dataclass(frozen=True)
class Facts:
    """What the job is made from, as the claim read it. `by_request`: the office makes the job itself."""

    order: JobOrder
    customer: FieldCustomer
    is_cancelled: bool
    wants_texts: bool
    by_request: bool
    privacy_key: str


@dataclass(frozen=True)
class Requested:
    """No job yet: the office has been asked for one."""

    request_id: str


def prepare(session: Session, process: Process, job: Job) -> Facts | Declined:
    """Read the booking. One that was cancelled before anything left the house needs no job."""
    row = job_order.read(session, job.booking_id)
    if row.servicetitan_job_id:
        return Declined(Verdict.NOTHING_TO_DO, "the job exists")
    is_cancelled = row.status == BookingStatus.CANCELLED
    if is_cancelled and job.never_started:
        return Declined(Verdict.CANCELLED, "cancelled before it was asked for")
    if row.erased_at is not None and not is_cancelled:
        return Declined(Verdict.CANCELLED, "erased")
    own = process.settings
    return Facts(
        job_order.order_of(row, own.public_base_url),
        job_order.customer_of(row),
        is_cancelled,
        row.contact_sms_opt_in,
        own.st_booking_mode == "request",
        own.privacy_hash_key,
    )


def call(desk: Desk, facts: Facts) -> JobRef | Requested | None:
    """Find the job or make it. None when the booking was cancelled and there is none to be found."""
    service = desk.process.adapters.field_service
    found = service.find_job(facts.order.booking_id) or find_request(desk, facts)
    if found is not None:
        return found
    if desk.job.ref.get("create_sent"):
        look_twice(desk)
    if facts.is_cancelled:
        return None
    order = check_window(desk, facts.order)
    if facts.by_request:
        desk.progress(create_sent=True)
        return Requested(send(desk, partial(service.request_booking, order, facts.customer)))
    customer_id, location_id = find_place(desk, facts)
    desk.progress(create_sent=True)
    return send(desk, partial(service.create_job, order, customer_id, location_id))


def find_request(desk: Desk, facts: Facts) -> JobRef | Requested | None:
    """Find what the office was asked for before, and the job it may have made of that."""
    if not facts.by_request:
        return None
    service = desk.process.adapters.field_service
    request_id = service.find_request(facts.order.booking_id)
    if request_id is None:
        return None
    return service.find_request_job(request_id) or Requested(request_id)


def send(desk: Desk, request: Callable[[], T]) -> T:
    """Make the one request that must not be repeated blindly; after a refusal it may be."""
    try:
        return request()
    except ProviderError as error:
        if not error.may_have_acted:
            desk.progress(create_sent=False)
        raise


def look_twice(desk: Desk) -> None:
    """Trust only the second empty look after a request that may have arrived. Raise LookAgainError on the first."""
    if not desk.job.ref.get("looked"):
        desk.progress(looked=True)
        raise LookAgainError("no job yet after an unclear answer")
    desk.progress(create_sent=False, looked=False)


def check_window(desk: Desk, order: JobOrder) -> JobOrder:
    """Ask once more whether the window is open there: a visit nobody can make must not be promised. Raise ProviderError.

    A window that the office opened by hand is unknown there and goes without a key.
    """
    if order.slot_key is None:
        return order
    try:
        window = desk.process.adapters.slot_source.find_window(order.slot_key)
    except ProviderError as error:
        if error.outcome is Outcome.PERMANENT and error.status is None:
            return replace(order, slot_key=None)
        raise
    if window is None or window.open <= 0:
        raise ProviderError(Outcome.PERMANENT, "the window is not open there any more", code=WINDOW_LOST)
    return order


def find_place(desk: Desk, facts: Facts) -> tuple[str, str]:
    """Return ServiceTitan's ids of customer and location, stored as soon as each is known. Raise ProviderError."""
    service, ref, customer = desk.process.adapters.field_service, desk.job.ref, facts.customer
    customer_id, location_id = ref.get("customer_id"), ref.get("location_id")
    if customer_id is None:
        who = service.find_customer(customer)
        if who is not None and who.do_not_service:
            raise ProviderError(Outcome.PERMANENT, "the office does not serve this customer", code=NOT_SERVED)
        if who is not None:
            respect_stop(desk, facts, who.customer_id)
        who = who or service.add_customer(customer)
        customer_id, location_id = who.customer_id, who.location_id
        desk.progress(customer_id=customer_id, location_id=location_id)
    if location_id is None:
        location_id = service.find_location(customer_id, customer) or service.add_location(
            customer_id, customer
        )
        desk.progress(location_id=location_id)
    return customer_id, location_id


def respect_stop(desk: Desk, facts: Facts, customer_id: str) -> None:
    """Stop our texts to a number that is not to be texted there, before the next one leaves."""
    if not facts.wants_texts:
        return
    number = facts.customer.phone
    if not desk.process.adapters.field_service.do_not_text(customer_id, number):
        return
    hashed = phone_hash(number, facts.privacy_key)
    withdrawal = Withdrawal(Method.WEBHOOK, actor=upstream.ACTOR, booking_id=facts.order.booking_id)

    def work(session: Session) -> None:
        if not ledger.is_opted_out(session, hashed):
            ledger.stop(session, hashed, withdrawal, number=number)

    desk.process.transact(work)


def settle(session: Session, _job: Job, facts: Facts, made: JobRef | Requested | None) -> JobOutcome:
    """Store the job on its booking, confirm it, and follow up on what changed meanwhile."""
    booking_id = facts.order.booking_id
    if made is None:
        return JobOutcome.CANCELLED
    row = session.execute(STORE, stored(facts, made)).one()
    lives = isinstance(made, JobRef) and made.status is not JobStatus.CANCELLED
    if row.status == BookingStatus.CANCELLED:
        if lives or isinstance(made, Requested):
            cancel_too(session, booking_id, row.version)
        return JobOutcome.OK
    if row.preferred_time != facts.order.starts_at:
        move_too(session, booking_id, row.version)
    if lives:
        upstream.confirm(session, booking_id, facts.privacy_key)
        if facts.order.touch is not None:
            key = outbox.dedupe_key(JobType.ATTRIBUTE_JOB, booking_id, 1)
            outbox.add(session, NewJob(JobType.ATTRIBUTE_JOB, booking_id, key, {}))
    return JobOutcome.OK


def stored(facts: Facts, made: JobRef | Requested) -> dict[str, object]:
    """Return what the booking keeps of its job, or of the request for one."""
    if isinstance(made, Requested):
        job_id, appointment_id, status = upstream.REQUEST + made.request_id, None, upstream.REQUESTED
        lives, attention = False, None
    else:
        job_id, appointment_id, status = made.job_id, made.appointment_id, made.status.value
        lives = made.status is not JobStatus.CANCELLED
        attention = None if lives or facts.is_cancelled else "ServiceTitan: the job is cancelled there"
    return {
        "id": facts.order.booking_id,
        "job_id": job_id,
        "appointment_id": appointment_id,
        "status": status,
        "lives": lives,
        "slot_key": facts.order.slot_key if lives else None,
        "attention": attention,
    }


def cancel_too(session: Session, booking_id: uuid.UUID, version: int) -> None:
    """Ask for the cancel unless whoever cancelled the booking has asked already."""
    if not session.execute(CANCEL_KNOWN, {"id": booking_id, "job_type": JobType.CANCEL_JOB}).scalar_one():
        key = outbox.dedupe_key(JobType.CANCEL_JOB, booking_id, version)
        outbox.add(session, NewJob(JobType.CANCEL_JOB, booking_id, key, {}))


def move_too(session: Session, booking_id: uuid.UUID, version: int) -> None:
    """Ask for the move; whoever moved the booking has asked under the same name."""
    key = outbox.dedupe_key(JobType.MOVE_JOB, booking_id, version)
    outbox.add(session, NewJob(JobType.MOVE_JOB, booking_id, key, {}))


def flag(session: Session, booking_id: uuid.UUID | None, attention: str) -> None:
    """Put the booking before the office."""
    upstream.flag(session, booking_id, attention)


def abandon(session: Session, process: Process, job: Job, abandoned: Abandoned) -> None:
    """Never drop a booking silently: it stays as it is, and the office is told, and the homeowner where they can help."""
    if abandoned.code == WINDOW_LOST and job.booking_id is not None:
        lost_window.tell(session, job.booking_id, process.settings.privacy_hash_key)
    elif abandoned.code == NOT_SERVED:
        flag(session, job.booking_id, NO_SERVICE)
    else:
        flag(session, job.booking_id, f"ServiceTitan: no job ({abandoned.outcome}: {abandoned.reason})"[:300])


HANDLER = Handler(prepare, call, settle, abandon)
