"""What the office does at ServiceTitan that no API call of ours does: turn requests into jobs, merge customers."""

from datetime import timedelta

from sandbox.providers.checks import Json, read_moment
from sandbox.providers.servicetitan import ApiError
from sandbox.providers.servicetitan_contacts import index_phones
from sandbox.providers.servicetitan_customers import keep_customer
from sandbox.providers.servicetitan_jobs import Span, add_visit, keep_job
from sandbox.providers.servicetitan_records import BookingRequest, Customer, Job, Location
from sandbox.providers.state import World, wire

VISIT_HOURS = 2


def convert(sim: World, booking: BookingRequest, wishes: Json) -> Job:
    """Make customer, location and job of a request. The job links to it and carries no data of the sender's."""
    body = booking.body | wishes
    start = read_moment(body.get("start"))
    if start is None:
        raise ApiError(400, "A start is required to convert this booking.")
    end = start + timedelta(hours=VISIT_HOURS)
    location = _new_customer(sim, booking)
    now = sim.now()
    job = Job(
        id=sim.office.job_ids.take(), created_at=now, modified_at=now, customer_id=location.customer_id,
        location_id=location.id, business_unit_id=_number(body, "businessUnitId", 1011),
        job_type_id=_number(body, "jobTypeId", 2050), priority=str(body.get("priority") or "Normal"),
        campaign_id=_number(body, "campaignId", 500), summary=str(body.get("summary") or ""), appointments=[],
        booking_id=booking.id,
    )  # fmt: skip
    add_visit(sim, job, Span(start, end, start, end), {"start": wire(start)})
    keep_job(sim, job)
    booking.status, booking.job_id = "Converted", job.id
    sim.office.touch("bookings", booking, now)
    return job


def _number(body: Json, name: str, default: int) -> int:
    value = body.get(name)
    return value if isinstance(value, int) else default


def _new_customer(sim: World, booking: BookingRequest) -> Location:
    now, office = sim.now(), sim.office
    given = booking.body.get("address")
    address: Json = (
        dict(given) if isinstance(given, dict) else {"street": "", "city": "", "state": "AZ", "zip": ""}
    )
    name = str(booking.body.get("name"))
    customer = Customer(
        id=office.customer_ids.take(), created_at=now, modified_at=now, name=name, kind="Residential", address=address,
        contacts=list(booking.contacts),
    )  # fmt: skip
    keep_customer(sim, customer)
    location = Location(
        id=office.location_ids.take(), created_at=now, modified_at=now, customer_id=customer.id, name=name, address=address,
    )  # fmt: skip
    office.locations[location.id] = location
    office.locations_of[customer.id].append(location.id)
    office.touch("locations", location, now)
    return location


def merge(sim: World, gone: Customer, target: Customer) -> None:
    """Merge one customer into another: what was theirs is the other's, and their own record only points there."""
    office, now = sim.office, sim.now()
    gone.active, gone.merged_to_id = False, target.id
    known = {(contact["type"], contact["value"]) for contact in target.contacts}
    target.contacts += [dict(row) for row in gone.contacts if (row["type"], row["value"]) not in known]
    index_phones(sim, target)
    for location_id in office.locations_of.pop(gone.id, []):
        office.locations[location_id].customer_id = target.id
        office.locations_of[target.id].append(location_id)
        office.touch("locations", office.locations[location_id], now)
    for job in office.jobs.values():
        if job.customer_id == gone.id:
            job.customer_id = target.id
            office.touch("jobs", job, now)
    office.touch("customers", gone, now)
    office.touch("customers", target, now)
