"""An office that makes every job itself: a booking becomes a request, and is confirmed when the office made the job."""

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.booking import changes
from app.booking.changes import Mover
from app.jobs.process import Process, open_process
from app.outbox import JobType
from app.providers.ports import JobStatus
from app.staff.pending import find_missing
from tests.factories import add_slot
from tests.jobs.booked import LEAD, book, booking, cancel, one, rows, run_all, run_type
from tests.jobs.upstream_office import by_hand, poll
from tests.providers.simulated import Simulator

CREATE, CANCEL = JobType.CREATE_JOB, JobType.CANCEL_JOB


@pytest.fixture
def asking(process: Process) -> Iterator[Process]:
    """A worker of an office that wants requests."""
    settings = replace(process.settings, st_booking_mode="request", st_booking_provider_id=701)
    opened = open_process(settings)
    yield opened
    opened.sessions.kw["bind"].dispose()


def ask(process: Process) -> uuid.UUID:
    """Book, and let the office be asked."""
    booking_id = book(process)
    assert run_type(process, booking_id, CREATE).outcome == "ok"
    return booking_id


def request_of(process: Process, booking_id: uuid.UUID) -> str:
    """Return the request's id there."""
    known = booking(process, booking_id).servicetitan_job_id
    assert known.startswith("bk:")
    return str(known).removeprefix("bk:")


def test_a_request_keeps_the_booking_pending(asking: Process, sim: Simulator) -> None:
    booking_id = ask(asking)
    row = booking(asking, booking_id)
    assert (row.status, row.upstream_status, row.upstream_slot_key) == ("pending", "requested", None)
    assert sim.effects("servicetitan", "job") == []
    assert [asked.external_id for asked in sim.world.office.bookings.values()] == [str(booking_id)]
    shown = asking.transact(find_missing)
    assert (
        shown[0].reason == f"Waiting for the office to make a job of request {request_of(asking, booking_id)}"
    )


def test_a_lost_answer_is_looked_up_and_not_asked_for_again(asking: Process, sim: Simulator) -> None:
    booking_id = book(asking)
    sim.fault("servicetitan", "drop_after_commit", "POST", "/bookings")
    assert run_type(asking, booking_id, CREATE).status == "pending"
    assert run_type(asking, booking_id, CREATE).outcome == "ok"
    assert len(sim.world.office.bookings) == 1


def test_the_job_the_office_makes_of_it_confirms_the_booking(asking: Process, sim: Simulator) -> None:
    booking_id = ask(asking)
    made = by_hand(sim, f"bookings/{request_of(asking, booking_id)}/convert")
    poll(asking)
    row = booking(asking, booking_id)
    assert (row.status, row.servicetitan_job_id) == ("confirmed", str(made["id"]))
    assert row.upstream_slot_key is not None
    run_all(asking)
    told = rows(asking, "SELECT type FROM notifications WHERE template = 'confirmation' AND status = 'sent'")
    assert len(told) == 2


def test_a_cancelled_request_is_for_the_office_to_dismiss(asking: Process, sim: Simulator) -> None:
    booking_id = ask(asking)
    number = request_of(asking, booking_id)
    cancel(asking, booking_id)
    assert run_type(asking, booking_id, CANCEL).outcome == "ok"
    assert f"dismiss booking request {number}" in booking(asking, booking_id).needs_attention


def test_a_cancel_reaches_the_job_that_was_made_meanwhile(asking: Process, sim: Simulator) -> None:
    booking_id = ask(asking)
    made = by_hand(sim, f"bookings/{request_of(asking, booking_id)}/convert")
    cancel(asking, booking_id)
    run_type(asking, booking_id, CANCEL)
    assert asking.adapters.field_service.get_job(str(made["id"])).status is JobStatus.CANCELLED
    assert booking(asking, booking_id).needs_attention is None


def test_a_job_made_of_a_cancelled_request_is_cancelled(asking: Process, sim: Simulator) -> None:
    booking_id = ask(asking)
    cancel(asking, booking_id)
    number = request_of(asking, booking_id)
    run_type(asking, booking_id, CANCEL)
    made = by_hand(sim, f"bookings/{number}/convert")
    poll(asking)
    run_all(asking)
    assert asking.adapters.field_service.get_job(str(made["id"])).status is JobStatus.CANCELLED


def test_a_moved_request_is_for_the_office_to_enter(asking: Process) -> None:
    booking_id = ask(asking)
    area = one(asking, "SELECT id FROM service_areas").id
    slot = asking.transact(lambda session: add_slot(session, area, day=3))
    mover = Mover("visitor", LEAD, asking.settings.privacy_hash_key)
    asking.transact(lambda session: changes.move(session, booking_id, slot.id, mover))
    run_type(asking, booking_id, JobType.MOVE_JOB)
    assert "by hand" in booking(asking, booking_id).needs_attention
