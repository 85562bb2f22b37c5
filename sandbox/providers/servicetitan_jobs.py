"""Simulated ServiceTitan jobs: created with an appointment, found by the caller's own key, cancelled once."""

from collections.abc import Collection
from datetime import datetime

from flask import Response, jsonify, request

from sandbox.providers.checks import Checker, Json, read_moment
from sandbox.providers.records import Appointment, FieldOffice, Job
from sandbox.providers.servicetitan import (
    ApiError,
    bp,
    matches_external,
    page_of,
    read_external,
    refuse_if,
    visible_external,
)
from sandbox.providers.state import World, wire, world
from sandbox.providers.territory import BUSINESS_UNITS, CAMPAIGNS, CANCEL_REASONS, JOB_TYPES, ZONE_BY_ZIP

JPM = "/api/jpm/v2/tenant/<int:tenant>"
PRIORITIES = {"Low", "Normal", "High", "Urgent"}
BOOKING_KEY = "a1_booking_id"
OPEN = {"Scheduled", "Dispatched", "Hold"}


@bp.get(f"{JPM}/jobs")
def list_jobs() -> Response:
    """Filter jobs, among others by external data."""
    sim, args = world(), request.args
    wanted = {
        name: args.get(name, type=int) for name in ("customerId", "locationId", "businessUnitId", "jobTypeId")
    }
    with sim.lock:
        found = [
            _job(job)
            for job in sim.office.jobs.values()
            if matches_external(job.external) and args.get("jobStatus") in {None, job.status}
        ]
        return page_of([row for row in found if all(v is None or row[n] == v for n, v in wanted.items())])


@bp.post(f"{JPM}/jobs")
def create_job() -> Response:
    """Create a job. A full window is no reason to refuse: the caller has to watch that itself."""
    sim, check = world(), Checker(request.get_json(silent=True))
    numbers = {
        name: check.number(name)
        for name in ("customerId", "locationId", "businessUnitId", "jobTypeId", "campaignId")
    }
    if check.text("priority") not in PRIORITIES:
        check.fail("priority", "Unknown priority.")
    spans = [_span(check, row) for row in check.items("appointments")]
    with sim.lock:
        _check_references(sim.office, check, numbers)
        refuse_if(check.errors)
        job = Job(
            id=sim.office.job_ids.take(), customer_id=numbers["customerId"], location_id=numbers["locationId"],
            business_unit_id=numbers["businessUnitId"], job_type_id=numbers["jobTypeId"],
            priority=str(check.body["priority"]), campaign_id=numbers["campaignId"],
            summary=str(check.body.get("summary") or ""), external=read_external(check.body), created_on=sim.stamp(),
            appointments=[],
        )  # fmt: skip
        for start, end, window_start, window_end in spans:
            known_as = sim.office.appointment_ids.take()
            job.appointments.append(Appointment(known_as, job.id, start, end, window_start, window_end))
        sim.office.jobs[job.id] = job
        _record(sim, "job", job)
        return jsonify(_job(job))


def _span(check: Checker, row: Json) -> tuple[datetime, datetime, datetime | None, datetime | None]:
    part = Checker(row)
    start, end = part.moment("start"), part.moment("end")
    for name, words in part.errors.items():
        check.fail(f"appointments.{name}", words[0])
    if start is None or end is None:
        return datetime.min, datetime.min, None, None  # noqa: DTZ901 the request is refused before this is used
    if end <= start:
        check.fail("appointments.end", "The end must be after the start.")
    return start, end, read_moment(row.get("arrivalWindowStart")), read_moment(row.get("arrivalWindowEnd"))


def _check_references(office: FieldOffice, check: Checker, numbers: dict[str, int]) -> None:
    known: dict[str, Collection[int]] = {
        "customerId": office.customers, "locationId": office.locations, "businessUnitId": BUSINESS_UNITS,
        "jobTypeId": JOB_TYPES, "campaignId": CAMPAIGNS,
    }  # fmt: skip
    for name, value in numbers.items():
        if value not in known[name]:
            check.fail(name[0].upper() + name[1:], f"{name} {value} not found.")
    location = office.locations.get(numbers["locationId"])
    if location is not None and location.customer_id != numbers["customerId"]:
        check.fail("LocationId", "The location belongs to another customer.")


@bp.get(f"{JPM}/jobs/<int:job_id>")
def get_job(job_id: int) -> Response:
    """Read one job."""
    sim = world()
    with sim.lock:
        return jsonify(_job(_known_job(sim, job_id)))


@bp.put(f"{JPM}/jobs/<int:job_id>/cancel")
def cancel_job(job_id: int) -> tuple[str, int]:
    """Cancel a job that is still to be done."""
    sim, check = world(), Checker(request.get_json(silent=True))
    reason, memo = check.number("reasonId"), check.text("memo")
    if reason not in CANCEL_REASONS:
        check.fail("reasonId", "Unknown cancel reason.")
    with sim.lock:
        job = _known_job(sim, job_id)
        if job.status not in OPEN:
            check.fail("", f"Job is {job.status} and cannot be canceled.")
        refuse_if(check.errors)
        job.status, job.cancel_memo = "Canceled", memo
        for appointment in job.appointments:
            appointment.status = "Canceled"
        _record(sim, "cancel", job)
    return "", 200


@bp.get(f"{JPM}/appointments")
def list_appointments() -> Response:
    """Filter appointments by job and status."""
    sim, job_id = world(), request.args.get("jobId", type=int)
    with sim.lock:
        return page_of(
            [
                _appointment(job, visit)
                for job in sim.office.jobs.values()
                for visit in job.appointments
                if job_id in {None, job.id} and request.args.get("status") in {None, visit.status}
            ]
        )


@bp.patch(f"{JPM}/appointments/<int:appointment_id>/reschedule")
def reschedule(appointment_id: int) -> Response:
    """Move an appointment that is still to be done."""
    sim, check = world(), Checker(request.get_json(silent=True))
    span = _span(check, check.body)
    refuse_if(check.errors)
    with sim.lock:
        for job in sim.office.jobs.values():
            for visit in job.appointments:
                if visit.id == appointment_id:
                    if visit.status not in OPEN:
                        raise ApiError(409, f"Appointment is {visit.status}.")
                    visit.start, visit.end, visit.window_start, visit.window_end = span
                    return jsonify(_appointment(job, visit))
    raise ApiError(404, "Appointment not found.")


def _known_job(sim: World, job_id: int) -> Job:
    job = sim.office.jobs.get(job_id)
    if job is None:
        raise ApiError(404, "Job not found.")
    return job


def _record(sim: World, kind: str, job: Job) -> None:
    booking = next((pair.value for pair in job.external if pair.key == BOOKING_KEY), None)
    first, location = job.appointments[0], sim.office.locations[job.location_id]
    zone = ZONE_BY_ZIP.get(str(location.address.get("zip"))[:5])
    sim.record(
        "servicetitan", kind, booking, str(job.id),
        customer_id=job.customer_id, location_id=job.location_id, business_unit_id=job.business_unit_id,
        job_type_id=job.job_type_id, priority=job.priority, campaign_id=job.campaign_id, summary=job.summary,
        customer=sim.office.customers[job.customer_id].name, address=location.address, zone_id=zone.id if zone else None,
        start=wire(first.start), end=wire(first.end), memo=job.cancel_memo,
    )  # fmt: skip


def _job(job: Job) -> Json:
    return {
        "id": job.id, "jobNumber": str(job.id), "customerId": job.customer_id, "locationId": job.location_id,
        "jobStatus": job.status, "businessUnitId": job.business_unit_id, "jobTypeId": job.job_type_id,
        "priority": job.priority, "campaignId": job.campaign_id, "appointmentCount": len(job.appointments),
        "firstAppointmentId": job.appointments[0].id, "lastAppointmentId": job.appointments[-1].id, "noCharge": False,
        "notificationsEnabled": True, "createdOn": job.created_on, "createdById": 1, "modifiedOn": job.created_on,
        "tagTypeIds": [], "customerPo": None, "invoiceId": None, "estimateIds": [], "customFields": [], "summary": job.summary,
        "externalData": visible_external(job.external, request.args.get("externalDataApplicationGuid")),
    }  # fmt: skip


def _appointment(job: Job, visit: Appointment) -> Json:
    return {
        "id": visit.id, "jobId": job.id, "appointmentNumber": f"{job.id}-1", "start": wire(visit.start),
        "end": wire(visit.end), "arrivalWindowStart": wire(visit.window_start) if visit.window_start else None,
        "arrivalWindowEnd": wire(visit.window_end) if visit.window_end else None, "status": visit.status,
        "createdOn": job.created_on, "modifiedOn": job.created_on, "customerId": job.customer_id, "unused": False,
        "createdById": 1, "isConfirmed": False, "active": True,
    }  # fmt: skip
