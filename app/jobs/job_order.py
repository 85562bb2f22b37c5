"""What ServiceTitan is asked for, read from the booking as it stands."""

import uuid

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from app.booking.issues import BY_CODE, Urgency
from app.jobs.attribute_job import read_touch
from app.providers.ports import FieldAddress, FieldCustomer, JobOrder, Priority

PRIORITIES = {
    Urgency.EMERGENCY: Priority.URGENT,
    Urgency.HIGH: Priority.HIGH,
    Urgency.NORMAL: Priority.NORMAL,
    Urgency.LOW: Priority.LOW,
    Urgency.PLANNED: Priority.LOW,
}
READ = text(
    "SELECT b.id, b.customer_id, b.reference, b.status, b.issue_type, b.issue_note, b.door_count, b.door_age, b.homeowner_status,"
    " b.owner_permission, b.preferred_time, b.window_end, b.address_line1, b.address_line2, b.access_notes, b.contact_first_name,"
    " b.contact_last_name, b.contact_email, b.contact_phone, b.contact_sms_opt_in, b.servicetitan_job_id, b.booking_source,"
    " b.attribution, b.erased_at, a.city, a.state, a.zip_code, s.external_slot_id,"
    " NOT EXISTS (SELECT 1 FROM bookings o WHERE o.customer_id = b.customer_id AND o.id < b.id AND o.status <> 'cancelled')"
    " AS is_first_time"
    " FROM bookings b JOIN service_areas a ON a.id = b.service_area_id LEFT JOIN time_slots s ON s.booking_id = b.id"
    " WHERE b.id = :id"
)


def read(session: Session, booking_id: uuid.UUID | None) -> Row[tuple[object, ...]]:
    """Read the booking with its area and its window."""
    return session.execute(READ, {"id": booking_id}).one()


def order_of(row: Row[tuple[object, ...]], base_url: str) -> JobOrder:
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
        zip_code=row.zip_code,
        booking_source=row.booking_source or "",
        touch=read_touch(row.attribution, base_url),
        is_first_time=row.is_first_time,
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
