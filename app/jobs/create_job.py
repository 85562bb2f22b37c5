"""Booking the visit in ServiceTitan, whose API knows no idempotency key.

Creating is therefore always: look, and only then ask. Before the one request that makes the job, `create_sent` is stored;
a later run that finds it set, and no job, looks twice with a pause between before it asks again.
"""

import uuid
from dataclasses import dataclass, replace

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import outbox
from app.analytics.attribution import touch_from_json
from app.analytics.events import Event, EventType, record
from app.booking import status
from app.booking.issues import BY_CODE, Urgency
from app.jobs.process import Process
from app.jobs.work import Abandoned, Declined, Desk, Handler, Job, LookAgainError, Verdict
from app.log import log
from app.models.booking import BookingStatus
from app.models.queue_job import JobOutcome
from app.outbox import JobType, NewJob
from app.providers.ports import (
    FieldAddress,
    FieldCustomer,
    JobOrder,
    JobRef,
    JobStatus,
    Outcome,
    Priority,
    ProviderError,
)

ACTOR = "servicetitan"
PRIORITIES = {
    Urgency.EMERGENCY: Priority.URGENT,
    Urgency.HIGH: Priority.HIGH,
    Urgency.NORMAL: Priority.NORMAL,
    Urgency.LOW: Priority.LOW,
    Urgency.PLANNED: Priority.LOW,
}
LEFT_NOTHING = {Outcome.THROTTLED, Outcome.CONFIG, Outcome.PERMANENT}

READ = text(
    "SELECT b.id, b.customer_id, b.reference, b.status, b.issue_type, b.issue_note, b.door_count, b.door_age, b.homeowner_status,"
    " b.owner_permission, b.preferred_time, b.window_end, b.address_line1, b.address_line2, b.access_notes,"
    " b.contact_first_name, b.contact_last_name, b.contact_email, b.contact_phone, b.servicetitan_job_id,"
    " a.city, a.state, a.zip_code, s.external_slot_id"
    " FROM bookings b JOIN service_areas a ON a.id = b.service_area_id LEFT JOIN time_slots s ON s.booking_id = b.id"
    " WHERE b.id = :id"
)
STORE = text(
    "UPDATE bookings SET servicetitan_job_id = :job_id, upstream_slot_key = :slot_key,"
    " upstream_since = CASE WHEN :lives THEN clock_timestamp() END,"
    " needs_attention = :attention, updated_at = now()"
    " WHERE id = :id RETURNING status, version, preferred_time, session_id, attribution"
)
FLAG = text("UPDATE bookings SET needs_attention = :attention, updated_at = now() WHERE id = :id")
TELL_NOW = text(
    "WITH message AS (UPDATE notifications SET due_at = now() WHERE booking_id = :id AND template = 'confirmation'"
    " AND status = 'pending' AND due_at > now() RETURNING id)"
    " UPDATE queue_jobs q SET scheduled_at = now() FROM message"
    " WHERE q.booking_id = :id AND q.status = 'pending' AND q.attempts = 0 AND q.payload ->> 'notification_id' = message.id::text"
)
CANCEL_KNOWN = text(
    "SELECT EXISTS (SELECT 1 FROM queue_jobs WHERE booking_id = :id AND job_type = :job_type)"
)


@dataclass(frozen=True)
class Facts:
    """What the job is made from, as the claim read it."""

    order: JobOrder
    customer: FieldCustomer
    is_cancelled: bool


def prepare(session: Session, _process: Process, job: Job) -> Facts | Declined:
    """Read the booking. One that was cancelled before anything left the house needs no job."""
    row = session.execute(READ, {"id": job.booking_id}).one()
    if row.servicetitan_job_id:
        return Declined(Verdict.NOTHING_TO_DO, "the job exists")
    is_cancelled = row.status == BookingStatus.CANCELLED
    if is_cancelled and job.never_started:
        return Declined(Verdict.CANCELLED, "cancelled before it was asked for")
    return Facts(order_of(row), customer_of(row), is_cancelled)


def order_of(row: Row[tuple[object, ...]]) -> JobOrder:
    """Return what ServiceTitan is asked for."""
    issue = BY_CODE.get(row.issue_type)
    return JobOrder(
        booking_id=row.id,
        reference=row.reference,
        issue_type=row.issue_type,
        issue_words=issue.title if issue else row.issue_type,
        starts_at=row.preferred_time,
        ends_at=row.window_end,
        door_count=row.door_count,
        homeowner_status=row.homeowner_status,
        slot_key=row.external_slot_id,
        door_age=row.door_age,
        owner_permission=row.owner_permission,
        issue_note=row.issue_note,
        access_notes=row.access_notes,
        priority=PRIORITIES[issue.urgency] if issue else Priority.NORMAL,
    )


def customer_of(row: Row[tuple[object, ...]]) -> FieldCustomer:
    """Return who asked and where, as typed on the booking."""
    return FieldCustomer(
        customer_id=row.customer_id,
        first_name=row.contact_first_name,
        last_name=row.contact_last_name,
        email=row.contact_email,
        phone=row.contact_phone,
        address=FieldAddress(row.address_line1, row.city, row.state, row.zip_code, row.address_line2),
    )


def call(desk: Desk, facts: Facts) -> JobRef | None:
    """Find the job or make it. None when the booking was cancelled and there is none to be found."""
    service = desk.process.adapters.field_service
    found = service.find_job(facts.order.booking_id)
    if found is not None:
        return found
    if desk.job.ref.get("create_sent"):
        look_twice(desk)
    if facts.is_cancelled:
        return None
    order = check_window(desk, facts.order)
    customer_id, location_id = find_place(desk, facts.customer)
    desk.progress(create_sent=True)
    try:
        return service.create_job(order, customer_id, location_id)
    except ProviderError as error:
        if error.outcome in LEFT_NOTHING or (error.outcome is Outcome.TRANSIENT and error.status is None):
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
        raise ProviderError(Outcome.PERMANENT, "the window is not open there any more")
    return order


def find_place(desk: Desk, customer: FieldCustomer) -> tuple[str, str]:
    """Return ServiceTitan's ids of customer and location, stored as soon as each is known."""
    service, ref = desk.process.adapters.field_service, desk.job.ref
    customer_id, location_id = ref.get("customer_id"), ref.get("location_id")
    if customer_id is None:
        who = service.find_customer(customer) or service.add_customer(customer)
        customer_id, location_id = who.customer_id, who.location_id
        desk.progress(customer_id=customer_id, location_id=location_id)
    if location_id is None:
        location_id = service.find_location(customer_id, customer) or service.add_location(
            customer_id, customer
        )
        desk.progress(location_id=location_id)
    return customer_id, location_id


def settle(session: Session, _job: Job, facts: Facts, made: JobRef | None) -> JobOutcome:
    """Store the job on its booking, confirm it, and follow up on what changed meanwhile."""
    booking_id = facts.order.booking_id
    if made is None:
        return JobOutcome.CANCELLED
    lives = made.status is not JobStatus.CANCELLED
    values = {
        "id": booking_id,
        "job_id": made.job_id,
        "lives": lives,
        "slot_key": facts.order.slot_key if lives else None,
        "attention": None if lives or facts.is_cancelled else "ServiceTitan: the job is cancelled there",
    }
    row = session.execute(STORE, values).one()
    if row.status == BookingStatus.CANCELLED:
        if lives:
            cancel_too(session, booking_id, row.version)
        return JobOutcome.OK
    if row.preferred_time != facts.order.starts_at:
        flag(session, booking_id, "ServiceTitan: the job is at the time before the move")
    if lives and status.confirm(session, booking_id, actor=ACTOR):
        record_confirmed(session, row, booking_id)
    session.execute(TELL_NOW, {"id": booking_id})
    return JobOutcome.OK


def cancel_too(session: Session, booking_id: uuid.UUID, version: int) -> None:
    """Ask for the cancel unless whoever cancelled the booking has asked already."""
    if not session.execute(CANCEL_KNOWN, {"id": booking_id, "job_type": JobType.CANCEL_JOB}).scalar_one():
        key = outbox.dedupe_key(JobType.CANCEL_JOB, booking_id, version)
        outbox.add(session, NewJob(JobType.CANCEL_JOB, booking_id, key, {}))


def record_confirmed(session: Session, row: Row[tuple[object, ...]], booking_id: uuid.UUID) -> None:
    """Count the confirmation; analytics never costs a booking anything."""
    if row.session_id is None:
        return
    touch = touch_from_json(row.attribution.get("last") or {})
    try:
        with session.begin_nested():
            record(session, Event(EventType.BOOKING_CONFIRMED, row.session_id, {}, touch, booking_id))
    except DBAPIError as error:
        log.warning(
            "event_dropped", event_type=EventType.BOOKING_CONFIRMED.value, reason=type(error).__name__
        )


def flag(session: Session, booking_id: uuid.UUID | None, attention: str) -> None:
    """Put the booking before the office."""
    session.execute(FLAG, {"id": booking_id, "attention": attention})


def abandon(session: Session, _process: Process, job: Job, abandoned: Abandoned) -> None:
    """Never drop a booking silently: it stays as it is and the office is told."""
    flag(session, job.booking_id, f"ServiceTitan: no job ({abandoned.outcome}: {abandoned.reason})"[:300])


HANDLER = Handler(prepare, call, settle, abandon)
