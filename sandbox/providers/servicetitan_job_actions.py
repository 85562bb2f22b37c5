"""Simulated ServiceTitan: what can be done to a job by the API: cancel, undo that, hold, notes; and its logs."""

from flask import Response, jsonify, request

from sandbox.providers.checks import Checker, Json
from sandbox.providers.servicetitan import ApiError, bp, refuse_if
from sandbox.providers.servicetitan_contacts import new_note
from sandbox.providers.servicetitan_job_views import record_effect
from sandbox.providers.servicetitan_jobs import JPM, change_status, known_job
from sandbox.providers.servicetitan_lists import page_of_rows
from sandbox.providers.servicetitan_records import Job
from sandbox.providers.state import World, world
from sandbox.providers.territory import CANCEL_REASONS, HOLD_REASONS

OPEN = {"Scheduled", "Dispatched", "Hold"}


@bp.put(f"{JPM}/jobs/<int:job_id>/cancel")
def cancel_job(job_id: int) -> tuple[str, int]:
    """Cancel a job that is still to be done."""
    sim, check = world(), Checker(request.get_json(silent=True))
    reason, memo = check.number("reasonId"), check.text("memo")
    if reason not in CANCEL_REASONS:
        check.fail("reasonId", "Unknown cancel reason.")
    with sim.lock:
        job = known_job(sim, job_id)
        if job.status == "Canceled":
            raise ApiError(sim.flags.number("st_cancel_twice"), "Job is Canceled and cannot be canceled.")
        if job.status not in OPEN:
            check.fail("", f"Job is {job.status} and cannot be canceled.")
        refuse_if(check.errors)
        cancel(sim, job, reason, memo, by=1)
    return "", 200


def cancel(sim: World, job: Job, reason: int, memo: str, *, by: int) -> None:
    """Cancel a job with all its appointments, whoever asked for it."""
    now = sim.now()
    job.cancel_memo = memo
    log: Json = {
        "id": sim.office.log_ids.take(), "jobId": job.id, "reasonId": reason, "memo": memo, "createdOn": sim.stamp(),
        "createdById": by, "active": True,
    }  # fmt: skip
    job.cancellations.append(log)
    sim.office.feeds["job-canceled-logs"].note(job.id, now)
    for visit in job.appointments:
        visit.status = "Canceled"
        sim.office.touch("appointments", visit, now)
    record_effect(sim, "cancel", job)
    change_status(sim, job, "Canceled", "Job Canceled")


@bp.put(f"{JPM}/jobs/<int:job_id>/remove-cancellation")
def undo_cancel(job_id: int) -> tuple[str, int]:
    """Take a cancellation back."""
    sim = world()
    with sim.lock:
        job = known_job(sim, job_id)
        if job.status != "Canceled":
            refuse_if({"": [f"Job is {job.status}."]})
        for visit in job.appointments:
            visit.status = "Scheduled"
            sim.office.touch("appointments", visit, sim.now())
        job.cancellations[-1]["active"] = False
        job.cancel_memo = None
        change_status(sim, job, "Scheduled", "Job Cancellation Removed")
    return "", 200


@bp.put(f"{JPM}/jobs/<int:job_id>/hold")
def hold_job(job_id: int) -> tuple[str, int]:
    """Put a job on hold."""
    sim, check = world(), Checker(request.get_json(silent=True))
    reason, memo = check.number("reasonId"), check.text("memo")
    if reason not in HOLD_REASONS:
        check.fail("reasonId", "Unknown hold reason.")
    with sim.lock:
        job = known_job(sim, job_id)
        if job.status not in {"Scheduled", "Dispatched", "InProgress"}:
            check.fail("", f"Job is {job.status} and cannot be put on hold.")
        refuse_if(check.errors)
        hold(sim, job, memo)
    return "", 200


def hold(sim: World, job: Job, memo: str) -> None:
    """Put a job and its open appointments on hold."""
    job.hold_memo = memo
    for visit in job.appointments:
        if visit.status not in {"Done", "Canceled"}:
            visit.status = "Hold"
            sim.office.touch("appointments", visit, sim.now())
    change_status(sim, job, "Hold", "Job Put On Hold")


@bp.post(f"{JPM}/jobs/<int:job_id>/notes")
def add_job_note(job_id: int) -> Response:
    """Write a note on a job."""
    sim, check = world(), Checker(request.get_json(silent=True))
    with sim.lock:
        job = known_job(sim, job_id)
        note = new_note(sim, check)
        job.notes.append(note)
        sim.record("servicetitan", "note", None, str(job.id), text=note["text"])
        sim.office.touch("jobs", job, sim.now())
        return jsonify(note)


@bp.get(f"{JPM}/jobs/<int:job_id>/notes")
def list_job_notes(job_id: int) -> Response:
    """List the notes on a job."""
    sim = world()
    with sim.lock:
        return page_of_rows(known_job(sim, job_id).notes)


@bp.get(f"{JPM}/jobs/<int:job_id>/booked-log")
def show_booked_log(job_id: int) -> Response:
    """Tell how a job was booked."""
    sim = world()
    with sim.lock:
        job = known_job(sim, job_id)
        first = job.history[0]
        names = ("id", "jobAppointmentId", "start", "arrivalWindowStart", "arrivalWindowEnd")
        log = {name: first.get(name) for name in names}
        return jsonify(log | {"jobId": job.id, "createdOn": first["date"], "createdById": 1, "active": True})


@bp.get(f"{JPM}/jobs/<int:job_id>/canceled-log")
def show_cancelled_log(job_id: int) -> Response:
    """List the cancellations of a job."""
    sim = world()
    with sim.lock:
        return page_of_rows(known_job(sim, job_id).cancellations)


@bp.get(f"{JPM}/jobs/<int:job_id>/history")
def show_history(job_id: int) -> Response:
    """List what happened to a job."""
    sim = world()
    with sim.lock:
        return jsonify(history=known_job(sim, job_id).history)
