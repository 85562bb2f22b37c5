"""Simulated ServiceTitan appointments: added, moved, confirmed and removed, as far as their state allows."""

from flask import Response, jsonify, request

from sandbox.providers.checks import Checker
from sandbox.providers.servicetitan import ApiError, bp, refuse_if
from sandbox.providers.servicetitan_job_views import booking_key, record_effect, show_appointment
from sandbox.providers.servicetitan_jobs import JPM, Span, add_visit, known_job, read_span, refuse_full
from sandbox.providers.servicetitan_lists import page_of, within
from sandbox.providers.servicetitan_records import Appointment, Job
from sandbox.providers.servicetitan_webhooks import announce
from sandbox.providers.state import World, wire, world

MOVABLE = {"Scheduled", "Dispatched", "Hold"}
VISIT = f"{JPM}/appointments/<int:appointment_id>"


@bp.get(f"{JPM}/appointments")
def list_appointments() -> Response:
    """Filter appointments by job, status, technician and time."""
    sim, args = world(), request.args
    job_id, technician = args.get("jobId", type=int), args.get("technicianId", type=int)
    with sim.lock:
        jobs = sim.office.jobs
        some = list(jobs.values()) if job_id is None else [jobs[job_id]] if job_id in jobs else []
        return page_of(
            [
                visit
                for job in some
                for visit in job.appointments
                if args.get("status") in {None, visit.status}
                and (technician is None or technician in visit.technician_ids)
                and within(visit.start, "startsOnOrAfter", "startsBefore")
            ],
            lambda visit: show_appointment(jobs[visit.job_id], visit),
        )


@bp.post(f"{JPM}/appointments")
def add_appointment() -> Response:
    """Add a visit to a job that is still to be done."""
    sim, check = world(), Checker(request.get_json(silent=True))
    job_id, span = check.number("jobId"), read_span(check, check.body)
    with sim.lock:
        job = sim.office.jobs.get(job_id)
        if job is None:
            check.fail("jobId", f"Job {job_id} not found.")
        refuse_if(check.errors)
        job = known_job(sim, job_id)
        if job.status in {"Completed", "Canceled"}:
            raise ApiError(409, f"Job is {job.status}.")
        if span:
            refuse_full(sim, job.location_id, [span])
            visit = add_visit(sim, job, span, check.body)
            sim.office.touch("jobs", job, sim.now())
        return jsonify(show_appointment(job, visit))


@bp.get(VISIT)
def get_appointment(appointment_id: int) -> Response:
    """Read one appointment."""
    sim = world()
    with sim.lock:
        return jsonify(show_appointment(*_known(sim, appointment_id)))


@bp.patch(f"{VISIT}/reschedule")
def reschedule(appointment_id: int) -> Response:
    """Move an appointment that is still to be done."""
    sim, check = world(), Checker(request.get_json(silent=True))
    span = read_span(check, check.body)
    with sim.lock:
        job, visit = _known(sim, appointment_id)
        refuse_if(check.errors)
        if visit.status not in MOVABLE:
            raise ApiError(409, f"Appointment is {visit.status}.")
        if span:
            refuse_full(sim, job.location_id, [span], visit.id)
            move(sim, job, visit, span)
        return jsonify(show_appointment(job, visit))


def move(sim: World, job: Job, visit: Appointment, span: Span) -> None:
    """Move an appointment, whoever asked for it."""
    visit.start, visit.end, visit.window_start, visit.window_end = (
        span.start, span.end, span.window_start, span.window_end,
    )  # fmt: skip
    sim.office.touch("appointments", visit, sim.now())
    sim.office.touch("jobs", job, sim.now())
    key = booking_key(job)
    record_effect(sim, "reschedule", job, f"{key}:{wire(span.start)}" if key else None)
    announce(sim, "job.updated", job)


@bp.put(f"{VISIT}/confirmation")
def confirm(appointment_id: int) -> tuple[str, int]:
    """Confirm an appointment."""
    return _set_confirmed(appointment_id, wanted=True)


@bp.delete(f"{VISIT}/confirmation")
def withdraw_confirmation(appointment_id: int) -> tuple[str, int]:
    """Take a confirmation back."""
    return _set_confirmed(appointment_id, wanted=False)


def _set_confirmed(appointment_id: int, *, wanted: bool) -> tuple[str, int]:
    sim = world()
    with sim.lock:
        job, visit = _known(sim, appointment_id)
        if visit.is_confirmed is wanted:
            raise ApiError(409, f"The appointment is {'already' if wanted else 'not'} confirmed.")
        visit.is_confirmed = wanted
        sim.office.touch("appointments", visit, sim.now())
        sim.record(
            "servicetitan", "confirmation", None, str(visit.id), confirmed=wanted, booking=booking_key(job)
        )
    return "", 200


@bp.put(f"{VISIT}/special-instructions")
def instruct(appointment_id: int) -> Response:
    """Set what the technician has to know."""
    sim, check = world(), Checker(request.get_json(silent=True))
    with sim.lock:
        job, visit = _known(sim, appointment_id)
        text = check.optional_text("specialInstructions")
        refuse_if(check.errors)
        visit.special_instructions = text
        sim.office.touch("appointments", visit, sim.now())
        return jsonify(show_appointment(job, visit))


@bp.delete(VISIT)
def delete_appointment(appointment_id: int) -> tuple[str, int]:
    """Remove one of several appointments; the only one of a job stays."""
    sim = world()
    with sim.lock:
        job, visit = _known(sim, appointment_id)
        if len(job.appointments) == 1 or visit.status not in MOVABLE:
            raise ApiError(409, "The appointment cannot be deleted.")
        job.appointments.remove(visit)
        del sim.office.visits[visit.id]
        sim.office.touch("jobs", job, sim.now())
    return "", 200


def _known(sim: World, appointment_id: int) -> tuple[Job, Appointment]:
    found = sim.office.visit(appointment_id)
    if found is None:
        raise ApiError(404, "Appointment not found.")
    return found
