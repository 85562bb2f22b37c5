"""Customers, orders and days for the contract tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from app.providers import Adapters
from app.providers.ports import (
    EmailEvent,
    EmailProfile,
    FieldAddress,
    FieldCustomer,
    JobOrder,
    JobRef,
    OpenWindow,
    SmsMessage,
    Snapshot,
    Zone,
)

PHONE = "+16025550123"
PROFILE = EmailProfile(
    email="pat@example.com",
    external_id=str(uuid4()),
    first_name="Pat",
    last_name="Jones",
    phone="+16025550123",
    city="Mesa",
    state="AZ",
    zip_code="85201",
    timezone="America/Phoenix",
)


def an_event(unique_id: str = "booking-1:confirmed:1", metric: str = "A1 Booking Confirmed") -> EmailEvent:
    """Make an event; its unique id says whether it is the same one."""
    properties = {
        "subject": "You're booked",
        "window": "Thu Dec 3, 8-10 AM",
        "doors": 2,
        "note": None,
        "sms": True,
    }
    return EmailEvent(metric, unique_id, datetime.now(UTC), PROFILE, properties)


def a_text(
    to: str = PHONE, body: str = "A1 Garage: you're booked.", notification_id: UUID | None = None
) -> SmsMessage:
    """Make a message for a notification of its own."""
    return SmsMessage(to, body, notification_id or uuid4())


def a_customer(**changes: object) -> FieldCustomer:
    """Make a customer in Mesa; each has an id of its own."""
    address = FieldAddress(street="12 Oak Street", city="Mesa", state="AZ", zip_code="85201", unit="Apt 2")
    customer = FieldCustomer(
        customer_id=uuid4(),
        first_name="Pat",
        last_name="Jones",
        email="pat@example.com",
        phone="+16025550123",
        address=address,
    )
    return replace(customer, **changes)  # type: ignore[arg-type]


def an_order(window: OpenWindow, **changes: object) -> JobOrder:
    """Make an order for a window; each is for a booking of its own."""
    order = JobOrder(
        booking_id=uuid4(),
        reference="A1TEST42",
        issue_type="broken_spring",
        issue_words="Broken spring",
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        door_count=2,
        homeowner_status="owner",
        slot_key=window.key,
        door_age=12,
        issue_note="loud <bang>",
    )
    return replace(order, **changes)  # type: ignore[arg-type]


def tomorrow() -> datetime:
    """Give midnight in Phoenix, far enough ahead that every window of the day is still to come."""
    return datetime.now(UTC).replace(hour=7, minute=0, second=0, microsecond=0) + timedelta(days=1)


def mesa(adapters: Adapters) -> Zone:
    """Find the zone of 85201: Mesa's."""
    return next(zone for zone in adapters.slot_source.zones() if "85201" in zone.zip_codes)


def first_day(adapters: Adapters) -> Snapshot:
    """Ask what is open in Mesa tomorrow."""
    return adapters.slot_source.open_windows(mesa(adapters), tomorrow(), tomorrow() + timedelta(days=1))


def book(adapters: Adapters, order: JobOrder, customer: FieldCustomer) -> JobRef:
    """Take the steps a handler takes, in its order."""
    field = adapters.field_service
    found = field.find_job(order.booking_id)
    if found:
        return found
    ref = field.find_customer(customer) or field.add_customer(customer)
    location_id = ref.location_id or field.find_location(ref.customer_id, customer)
    return field.create_job(
        order, ref.customer_id, location_id or field.add_location(ref.customer_id, customer)
    )
