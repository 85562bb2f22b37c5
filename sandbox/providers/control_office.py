"""The control API's office: what a dispatcher at ServiceTitan would do by hand to jobs, customers and requests."""

from flask import Response, jsonify, request

from sandbox.providers.checks import Checker, Json
from sandbox.providers.control import BadOrder, bp, order
from sandbox.providers.servicetitan import ApiError, refuse_if
from sandbox.providers.servicetitan_appointments import move
from sandbox.providers.servicetitan_bookings import dismiss, known_booking
from sandbox.providers.servicetitan_customers import known_customer, show_customer
from sandbox.providers.servicetitan_job_actions import cancel, hold
from sandbox.providers.servicetitan_job_views import show_job
from sandbox.providers.servicetitan_jobs import change_status, known_job, read_span
from sandbox.providers.servicetitan_office_work import convert, merge
from sandbox.providers.servicetitan_records import Job, digits
from sandbox.providers.servicetitan_scheduling import new_session
from sandbox.providers.state import World, wire, world

NEXT = {"Scheduled": "Dispatched", "Dispatched": "InProgress", "InProgress": "Completed", "Hold": "Scheduled"}
VISIT_STATUS = {
    "Dispatched": "Dispatched",
    "InProgress": "Working",
    "Completed": "Done",
    "Scheduled": "Scheduled",
}
JOB = "/st/jobs/<int:job_id>"


@bp.post(f"{JOB}/advance")
def advance(job_id: int) -> Response:
    """Move a job one step on, or to the status that is asked for."""
    sim, wanted = world(), order().get("to")
    with sim.lock:
        job = known_job(sim, job_id)
        for _ in NEXT:
            if job.status not in NEXT:
                raise ApiError(409, f"Job is {job.status}.")
            _step(sim, job, NEXT[job.status])
            if wanted in {None, job.status}:
                break
        else:
            raise BadOrder(f"a job does not become {wanted}")
        return jsonify(show_job(job))


def _step(sim: World, job: Job, status: str) -> None:
    now = sim.now()
    for visit in job.appointments:
        visit.status = VISIT_STATUS[status]
        sim.office.touch("appointments", visit, now)
        if status == "Dispatched":
            _assign(sim, job, visit.id)
    if status == "Completed":
        job.completed_at = now
    change_status(sim, job, status, f"Job {status}")


def _assign(sim: World, job: Job, visit_id: int) -> None:
    number = sim.office.log_ids.take()
    sim.office.assignments[number] = {
        "id": number, "technicianId": 301, "technicianName": "R. Diaz", "assignedById": 1, "assignedOn": sim.stamp(),
        "status": "Dispatched", "isPaused": False, "jobId": job.id, "appointmentId": visit_id, "active": True,
        "createdOn": sim.stamp(), "modifiedOn": sim.stamp(),
    }  # fmt: skip
    sim.office.feeds["assignments"].note(number, sim.now())


@bp.post(f"{JOB}/cancel")
def cancel_by_hand(job_id: int) -> Response:
    """Cancel a job as the office does."""
    sim, body = world(), order()
    with sim.lock:
        job = known_job(sim, job_id)
        if job.status in {"Canceled", "Completed"}:
            raise ApiError(409, f"Job is {job.status}.")
        cancel(
            sim,
            job,
            int(str(body.get("reasonId") or 803)),
            str(body.get("memo") or "Cancelled by phone"),
            by=2,
        )
        return jsonify(show_job(job))


@bp.post(f"{JOB}/hold")
def hold_by_hand(job_id: int) -> Response:
    """Put a job on hold as the office does."""
    sim = world()
    with sim.lock:
        job = known_job(sim, job_id)
        hold(sim, job, str(order().get("memo") or "Waiting"))
        return jsonify(show_job(job))


@bp.post(f"{JOB}/reschedule")
def reschedule_by_hand(job_id: int) -> Response:
    """Move the first visit of a job as the office does: `start`, `end`; the window is the same unless given."""
    sim, body = world(), order()
    window = {"arrivalWindowStart": body.get("start"), "arrivalWindowEnd": body.get("end")}
    check = Checker(window | body)
    span = read_span(check, check.body)
    refuse_if(check.errors)
    with sim.lock:
        job = known_job(sim, job_id)
        if job.status in {"Canceled", "Completed"}:
            raise ApiError(409, f"Job is {job.status}.")
        if span:
            move(sim, job, job.appointments[0], span)
        return jsonify(show_job(job))


@bp.patch("/st/customers/<int:customer_id>")
def change_customer(customer_id: int) -> Response:
    """Set `doNotService` or `active` of a customer."""
    sim, body = world(), order()
    with sim.lock:
        customer = known_customer(sim, customer_id)
        customer.do_not_service = bool(body.get("doNotService", customer.do_not_service))
        customer.active = bool(body.get("active", customer.active))
        sim.office.touch("customers", customer, sim.now())
        return jsonify(show_customer(customer))


@bp.post("/st/customers/<int:customer_id>/merge")
def merge_customers(customer_id: int) -> Response:
    """Merge a customer into another, with locations, contacts and jobs."""
    sim, body = world(), order()
    with sim.lock:
        target = known_customer(sim, int(str(body.get("into") or 0)))
        gone = known_customer(sim, customer_id)
        if gone is target:
            raise BadOrder("a customer cannot be merged into itself")
        merge(sim, gone, target)
        return jsonify(show_customer(gone))


@bp.post("/st/do-not-text")
def set_do_not_text() -> Response:
    """Set `doNotText` of a `phone` wherever it is a contact; it answers with how many contacts that were."""
    sim, body = world(), order()
    number, wanted = digits(body.get("phone")), bool(body.get("doNotText", True))
    with sim.lock:
        changed = 0
        for customer in list(sim.office.customers.values()):
            for contact in customer.contacts:
                settings = contact["phoneSettings"]
                if isinstance(settings, dict) and settings["phoneNumber"] == number:
                    settings["doNotText"] = wanted
                    changed += 1
                    sim.office.touch("customers", customer, sim.now())
                    sim.office.feeds["customers/contacts"].note(customer.id, sim.now())
    return jsonify(changed=changed)


@bp.post("/st/bookings/<int:booking_id>/convert")
def convert_booking(booking_id: int) -> Response:
    """Turn a request into a job as the office does; it answers with the job."""
    sim, body = world(), order()
    with sim.lock:
        booking = known_booking(sim, booking_id)
        if booking.status not in {"New", "Accepted"}:
            raise ApiError(409, f"Booking is {booking.status}.")
        return jsonify(show_job(convert(sim, booking, body)))


@bp.post("/st/bookings/<int:booking_id>/<any(accept, dismiss):decision>")
def decide(booking_id: int, decision: str) -> tuple[str, int]:
    """Accept or dismiss a request as the office does."""
    sim = world()
    with sim.lock:
        booking = known_booking(sim, booking_id)
        if decision == "dismiss":
            dismiss(sim, booking, None, str(order().get("memo") or "Out of area"))
        else:
            booking.status = "Accepted"
            sim.office.touch("bookings", booking, sim.now())
    return "", 204


@bp.post("/st/sessions")
def add_session() -> tuple[Response, int]:
    """Add a session of ServiceTitan's own widget to the reports; fields given win over the usual ones."""
    sim = world()
    with sim.lock:
        return jsonify(new_session(sim, order())), 201


@bp.get("/st/capacity")
def show_bookings_of_zones() -> Response:
    """List how many visits each zone has, by window: what the office sees on its board."""
    sim, zone_id = world(), request.args.get("zone", type=int)
    with sim.lock:
        rows: list[Json] = [
            {
                "zone": zone,
                "job": job_id,
                "start": wire(visit.start),
                "end": wire(visit.end),
                "status": visit.status,
            }
            for zone, jobs in sim.office.jobs_in_zone.items()
            if zone_id in {None, zone}
            for job_id in jobs
            for visit in sim.office.jobs[job_id].appointments
        ]
    return jsonify(visits=rows)
