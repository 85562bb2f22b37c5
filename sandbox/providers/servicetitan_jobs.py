"""Simulated ServiceTitan jobs: created with their appointments, found by the caller's own key, changed in part."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from flask import Response, jsonify, request

from sandbox.providers.checks import Checker, Json, read_moment
from sandbox.providers.servicetitan import TENANT, ApiError, bp, refuse_if
from sandbox.providers.servicetitan_crews import has_room
from sandbox.providers.servicetitan_job_views import record_effect, show_job
from sandbox.providers.servicetitan_lists import candidates, page_of, patch_external, read_external, within
from sandbox.providers.servicetitan_locations import zone_of
from sandbox.providers.servicetitan_records import Appointment, FieldOffice, Job
from sandbox.providers.servicetitan_webhooks import announce
from sandbox.providers.state import World, wire, wire_or_none, world
from sandbox.providers.territory import BUSINESS_UNITS, CAMPAIGNS, CUSTOM_FIELDS, JOB_TYPES

JPM = f"/api/jpm/{TENANT}"
PRIORITIES = {"Low", "Normal", "High", "Urgent"}
JOB_STATUSES = {"Scheduled", "Dispatched", "InProgress", "Hold", "Completed", "Canceled"}
EQUALS = {
    "customerId": "customer_id", "locationId": "location_id", "businessUnitId": "business_unit_id", "bookingId": "booking_id",
    "jobTypeId": "job_type_id", "campaignId": "campaign_id",
}  # fmt: skip
REFERENCES = ("customerId", "locationId", "businessUnitId", "jobTypeId", "campaignId")


@dataclass(frozen=True)
class Span:
    """When a visit is, and what was promised."""

    start: datetime
    end: datetime
    window_start: datetime | None
    window_end: datetime | None


@bp.get(f"{JPM}/jobs")
def list_jobs() -> Response:
    """Filter jobs, among others by external data."""
    sim, args = world(), request.args
    wanted = {field: args.get(name, type=int) for name, field in EQUALS.items() if name in args}
    with sim.lock:
        found = [
            job
            for job in candidates(sim, sim.office.jobs_by_external, sim.office.jobs)
            if all(getattr(job, field) == value for field, value in wanted.items())
            and args.get("jobStatus") in {None, job.status}
            and args.get("number") in {None, str(job.id)}
            and _is_in_time(job)
        ]
        return page_of(found, show_job)


def _is_in_time(job: Job) -> bool:
    first = job.appointments[0].start
    return (
        within(first, "firstAppointmentStartsOnOrAfter", "firstAppointmentStartsBefore")
        and within(job.completed_at, "completedOnOrAfter", "completedBefore")
        and any(
            within(visit.start, "appointmentStartsOnOrAfter", "appointmentStartsBefore") for visit in job.appointments
        )
    )  # fmt: skip


@bp.post(f"{JPM}/jobs")
def create_job() -> Response:
    """Create a job. A full window is no reason to refuse, as long as that is what we assume."""
    sim, check = world(), Checker(request.get_json(silent=True))
    numbers = {name: check.number(name) for name in REFERENCES}
    if check.text("priority") not in PRIORITIES:
        check.fail("priority", "Unknown priority.")
    spans = [read_span(check, row, "appointments.") for row in check.items("appointments")]
    with sim.lock:
        _check_references(sim.office, check, numbers)
        refuse_if(check.errors)
        refuse_full(sim, numbers["locationId"], [span for span in spans if span])
        job = _new_job(sim, check, numbers)
        for span, row in zip(spans, check.items("appointments"), strict=True):
            if span:
                add_visit(sim, job, span, row)
        keep_job(sim, job)
        return jsonify(show_job(job))


def _new_job(sim: World, check: Checker, numbers: dict[str, int]) -> Job:
    body, now = check.body, sim.now()
    tags, booking, lead = (
        check.numbers("tagTypeIds"),
        check.optional_number("bookingId"),
        check.optional_number("leadId"),
    )
    if booking is not None and booking not in sim.office.bookings:
        check.fail("BookingId", f"bookingId {booking} not found.")
    external, fields = read_external(body), _custom_fields(check)
    refuse_if(check.errors)
    return Job(
        id=sim.office.job_ids.take(), created_at=now, modified_at=now, customer_id=numbers["customerId"],
        location_id=numbers["locationId"], business_unit_id=numbers["businessUnitId"], job_type_id=numbers["jobTypeId"],
        priority=str(body["priority"]), campaign_id=numbers["campaignId"], summary=str(body.get("summary") or ""),
        external=external, appointments=[], booking_id=booking, lead_id=lead, tag_type_ids=tags,
        custom_fields=fields, customer_po=check.optional_text("customerPo"),
    )  # fmt: skip


def _custom_fields(check: Checker) -> list[Json]:
    """Read the values of this company's own fields; a field that it does not have is refused."""
    rows = check.items("customFields", required=False)
    for row in rows:
        if row.get("typeId") not in CUSTOM_FIELDS:
            check.fail("CustomFields", f"Custom field {row.get('typeId')} not found.")
    return rows


def keep_job(sim: World, job: Job) -> None:
    """File a new job and everything it is found by, and tell whoever listens."""
    office = sim.office
    office.jobs[job.id] = job
    for pair in job.external:
        office.jobs_by_external[pair.guid, pair.key, pair.value].append(job.id)
    zone = zone_of(office.locations[job.location_id].address)
    office.jobs_in_zone[zone.id if zone else None].append(job.id)
    first = job.appointments[0]
    job.history.append(_log(sim, "Job Booked"))
    office.touch("jobs", job, job.created_at)
    record_effect(sim, "job", job)
    announce(sim, "job.created", job)
    job.history[0] |= {
        "jobAppointmentId": first.id, "start": wire(first.start),
        "arrivalWindowStart": wire_or_none(first.window_start), "arrivalWindowEnd": wire_or_none(first.window_end),
    }  # fmt: skip


def _log(sim: World, kind: str) -> Json:
    return {"id": sim.office.log_ids.take(), "employeeId": None, "eventType": kind, "date": sim.stamp()}


def change_status(sim: World, job: Job, status: str, kind: str) -> None:
    """Move a job on, note it in its history and feed, and tell whoever listens."""
    job.status = status
    job.history.append(_log(sim, kind))
    sim.office.touch("jobs", job, sim.now())
    announce(sim, "job.updated", job)


def add_visit(sim: World, job: Job, span: Span, row: Json) -> Appointment:
    """Add an appointment to a job."""
    now, technicians = sim.now(), row.get("technicianIds")
    visit = Appointment(
        id=sim.office.appointment_ids.take(), created_at=now, modified_at=now, job_id=job.id,
        number=f"{job.id}-{len(job.appointments) + 1}", start=span.start, end=span.end, window_start=span.window_start,
        window_end=span.window_end, technician_ids=list(technicians) if isinstance(technicians, list) else [],
        special_instructions=str(row["specialInstructions"]) if row.get("specialInstructions") else None,
    )  # fmt: skip
    job.appointments.append(visit)
    sim.office.visits[visit.id] = job.id
    sim.office.touch("appointments", visit, now)
    return visit


def read_span(check: Checker, row: Json, prefix: str = "") -> Span | None:
    """Read when a visit is; what is wrong lands in `check`."""
    part = Checker(row)
    start, end = part.moment("start"), part.moment("end")
    window = [read_moment(row.get(name)) for name in ("arrivalWindowStart", "arrivalWindowEnd")]
    if (window[0] is None) != (window[1] is None):
        part.fail("arrivalWindowEnd", "Start and end of the arrival window go together.")
    if start and end and end <= start:
        part.fail("end", "The end must be after the start.")
    for name, words in part.errors.items():
        check.fail(f"{prefix}{name}", words[0])
    return Span(start, end, *window) if start and end else None


def refuse_full(sim: World, location_id: int, spans: list[Span], but_for: int | None = None) -> None:
    """Refuse a window that nobody is free for, if that is what we assume ServiceTitan does."""
    zone = zone_of(sim.office.locations[location_id].address)
    if not sim.flags.on("st_reject_full") or zone is None:
        return
    if not all(has_room(sim.office, zone, span.start, span.end, but_for) for span in spans):
        refuse_if({"Appointments": ["No technician is available at this time."]})


def _check_references(office: FieldOffice, check: Checker, numbers: dict[str, int]) -> None:
    known: dict[str, Collection[int]] = {
        "customerId": office.customers, "locationId": office.locations, "businessUnitId": BUSINESS_UNITS,
        "jobTypeId": JOB_TYPES, "campaignId": CAMPAIGNS,
    }  # fmt: skip
    for name, value in numbers.items():
        if value not in known[name]:
            check.fail(name[0].upper() + name[1:], f"{name} {value} not found.")
    location = office.locations.get(numbers.get("locationId", 0))
    if location is not None and location.customer_id != numbers.get("customerId", location.customer_id):
        check.fail("LocationId", "The location belongs to another customer.")


@bp.get(f"{JPM}/jobs/<int:job_id>")
def get_job(job_id: int) -> Response:
    """Read one job."""
    sim = world()
    with sim.lock:
        return jsonify(show_job(known_job(sim, job_id)))


@bp.patch(f"{JPM}/jobs/<int:job_id>")
def change_job(job_id: int) -> Response:
    """Change what is given and leave the rest; lists are replaced whole."""
    sim, check = world(), Checker(request.get_json(silent=True))
    given = {name: check.number(name) for name in REFERENCES if name in check.body}
    if check.body.get("priority", "Normal") not in PRIORITIES:
        check.fail("priority", "Unknown priority.")
    with sim.lock:
        job = known_job(sim, job_id)
        _check_references(sim.office, check, given)
        tags = check.numbers("tagTypeIds") if "tagTypeIds" in check.body else job.tag_type_ids
        fields = _custom_fields(check) if "customFields" in check.body else job.custom_fields
        refuse_if(check.errors)
        for name, value in given.items():
            setattr(job, EQUALS[name], value)
        job.tag_type_ids, job.custom_fields = tags, fields
        job.priority = str(check.body.get("priority", job.priority))
        job.summary = str(check.body.get("summary", job.summary) or "")
        job.external = patch_external(job.external, check.body)
        for pair in job.external:
            known = sim.office.jobs_by_external[pair.guid, pair.key, pair.value]
            if job.id not in known:
                known.append(job.id)
        sim.office.touch("jobs", job, sim.now())
        return jsonify(show_job(job))


def known_job(sim: World, job_id: int) -> Job:
    """Find a job or answer 404."""
    job = sim.office.jobs.get(job_id)
    if job is None:
        raise ApiError(404, "Job not found.")
    return job
