"""Texts from homeowners reach the job, and their C reaches the appointment: once, and only when there is one."""

import uuid

import pytest

from app import outbox
from app.jobs.process import Process
from app.outbox import JobType, NewJob
from tests.jobs.booked import book, booking, cancel, do, job_of, one, run_all, run_type
from tests.jobs.upstream_office import job_there
from tests.providers.simulated import Simulator

NOTE, CONFIRM = JobType.ADD_NOTE, JobType.CONFIRM_VISIT


@pytest.fixture
def booked(process: Process) -> uuid.UUID:
    """A booking whose job is not made yet."""
    return book(process)


def text_back(process: Process, booking_id: uuid.UUID, body: str) -> None:
    """Let a text arrive and ask for a note."""
    sql = (
        "INSERT INTO inbound_texts (provider_sid, phone_hash, booking_id, meaning, body)"
        " VALUES (:sid, 'x', :id, 'other', :body) RETURNING id"
    )
    kept = one(process, sql, sid=str(uuid.uuid4()), id=booking_id, body=body).id
    job = NewJob(NOTE, booking_id, f"{NOTE}:text:{kept}", {"inbound_text_id": str(kept)})
    process.transact(lambda session: outbox.add(session, job))


def say_c(process: Process, booking_id: uuid.UUID) -> None:
    """Let the homeowner confirm."""
    do(process, "UPDATE bookings SET visit_confirmed_at = now() WHERE id = :id", id=booking_id)
    job = NewJob(CONFIRM, booking_id, outbox.dedupe_key(CONFIRM, booking_id, 1), {})
    process.transact(lambda session: outbox.add(session, job))


def notes(sim: Simulator) -> list[str]:
    """Return the notes on all jobs."""
    return [str(note["text"]) for job in sim.world.office.jobs.values() for note in job.notes]


def is_confirmed(process: Process, booking_id: uuid.UUID) -> bool:
    """Say whether the appointment there is confirmed."""
    visit = process.adapters.field_service.get_visit(job_there(process, booking_id))
    assert visit is not None
    return visit.is_confirmed


def test_a_text_becomes_a_note_once(process: Process, sim: Simulator, booked: uuid.UUID) -> None:
    run_all(process)
    text_back(process, booked, "the <dog> is friendly")
    sim.fault("servicetitan", "drop_after_commit", "POST", "/notes")
    assert run_type(process, booked, NOTE).status == "pending"
    assert run_type(process, booked, NOTE).outcome == "ok"
    assert len(notes(sim)) == 1
    assert "dog" in notes(sim)[0]


def test_the_queue_keeps_no_word_of_a_text(process: Process, booked: uuid.UUID) -> None:
    text_back(process, booked, "the dog is friendly")
    assert "dog" not in str(job_of(process, booked, NOTE))


def test_a_text_waits_for_the_job(process: Process, sim: Simulator, booked: uuid.UUID) -> None:
    text_back(process, booked, "hello")
    waiting = run_type(process, booked, NOTE)
    assert (waiting.status, waiting.attempts) == ("pending", 0)
    run_type(process, booked, JobType.CREATE_JOB)
    assert run_type(process, booked, NOTE).outcome == "ok"
    assert len(notes(sim)) == 1


def test_without_a_job_there_is_nowhere_to_note(process: Process, sim: Simulator, booked: uuid.UUID) -> None:
    cancel(process, booked)
    run_all(process)
    text_back(process, booked, "sorry")
    assert run_type(process, booked, NOTE).status == "completed"
    assert notes(sim) == []


def test_a_note_that_fails_for_good_is_for_the_office(
    process: Process, sim: Simulator, booked: uuid.UUID
) -> None:
    run_all(process)
    text_back(process, booked, "hello")
    sim.fault("servicetitan", "error", "POST", "/notes", status=400)
    assert run_type(process, booked, NOTE).status == "failed"
    assert "text is not on the job" in booking(process, booked).needs_attention


def test_c_confirms_the_appointment_once(process: Process, sim: Simulator, booked: uuid.UUID) -> None:
    run_all(process)
    assert not is_confirmed(process, booked)
    say_c(process, booked)
    sim.fault("servicetitan", "drop_after_commit", "PUT", "/confirmation")
    assert run_type(process, booked, CONFIRM).status == "pending"
    assert run_type(process, booked, CONFIRM).outcome == "ok"
    assert is_confirmed(process, booked)


def test_a_confirmation_waits_for_the_job_and_finds_the_appointment(
    process: Process, booked: uuid.UUID
) -> None:
    say_c(process, booked)
    assert run_type(process, booked, CONFIRM).status == "pending"
    run_type(process, booked, JobType.CREATE_JOB)
    do(process, "UPDATE bookings SET servicetitan_appointment_id = NULL")
    assert run_type(process, booked, CONFIRM).outcome == "ok"
    assert is_confirmed(process, booked)
    assert booking(process, booked).servicetitan_appointment_id is not None


def test_a_visit_that_moved_since_is_not_confirmed(process: Process, booked: uuid.UUID) -> None:
    run_all(process)
    say_c(process, booked)
    do(process, "UPDATE bookings SET visit_confirmed_at = NULL")
    assert run_type(process, booked, CONFIRM).outcome == "cancelled"
    assert not is_confirmed(process, booked)
