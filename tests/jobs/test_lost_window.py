"""A window that is gone there is nobody's secret: the booking stays, the office and the homeowner hear of it, a move heals it."""

import uuid
from datetime import timedelta

from app.booking import changes
from app.booking.changes import Mover
from app.jobs.process import Process
from app.outbox import JobType
from app.staff.pending import find_missing
from tests.factories import add_slot
from tests.jobs.booked import (
    LEAD,
    Wish,
    book,
    booking,
    do,
    job_of,
    one,
    rows,
    run_all,
    run_type,
)
from tests.providers.simulated import JOBS, Simulator

CREATE = JobType.CREATE_JOB
GONE = "ac1:1011:41:20200101T150000Z:20200101T170000Z"
TOLD = "SELECT template, type, status FROM notifications ORDER BY template, type"


def lose(process: Process) -> uuid.UUID:
    """Book a window that ServiceTitan does not have any more."""
    booking_id = book(process, Wish(key=GONE))
    refused = run_type(process, booking_id, CREATE)
    assert (refused.status, refused.outcome) == ("failed", "permanent")
    return booking_id


def test_the_booking_stays_with_its_window_and_both_sides_are_told(process: Process, sim: Simulator) -> None:
    booking_id = lose(process)
    assert sim.effects("servicetitan", "job") == []
    row = booking(process, booking_id)
    assert row.status == "pending"
    assert row.needs_attention.startswith(changes.WINDOW_LOST)
    assert one(process, "SELECT booking_id FROM time_slots").booking_id == booking_id
    told = [tuple(row)[:2] for row in rows(process, TOLD)]
    assert told == [
        ("confirmation", "email"),
        ("confirmation", "sms"),
        ("window_lost", "email"),
        ("window_lost", "sms"),
    ]


def test_a_second_try_that_finds_it_gone_again_does_not_write_again(process: Process) -> None:
    booking_id = lose(process)
    do(process, "UPDATE queue_jobs SET status = 'pending', attempts = 0 WHERE job_type = :type", type=CREATE)
    assert run_type(process, booking_id, CREATE).status == "failed"
    assert len(rows(process, "SELECT 1 FROM notifications WHERE template = 'window_lost'")) == 2


def test_the_confirmation_waits_for_a_window_to_confirm(process: Process) -> None:
    booking_id = lose(process)
    found = "SELECT min(due_at) AS due_at FROM notifications WHERE template = 'confirmation'"
    assert one(process, found).due_at == booking(process, booking_id).window_end


def test_a_move_asks_for_the_job_anew_and_confirms_the_new_window(process: Process, sim: Simulator) -> None:
    booking_id = lose(process)
    area = one(process, "SELECT id FROM service_areas").id
    slot = process.transact(lambda session: add_slot(session, area, day=3))
    mover = Mover("visitor", LEAD, process.settings.privacy_hash_key)
    process.transact(lambda session: changes.move(session, booking_id, slot.id, mover))
    run_all(process)
    row = booking(process, booking_id)
    assert (row.status, row.needs_attention, row.preferred_time) == ("confirmed", None, slot.starts_at)
    made = sim.effects("servicetitan", "job")
    assert [(effect["key"], effect["count"]) for effect in made] == [(str(booking_id), 1)]
    visit = process.adapters.field_service.get_visit(row.servicetitan_job_id)
    assert visit is not None
    assert visit.starts_at == slot.starts_at
    sent = rows(process, "SELECT type FROM notifications WHERE template = 'confirmation' AND status = 'sent'")
    assert sorted(row.type for row in sent) == ["email", "sms"]
    assert job_of(process, booking_id, JobType.MOVE_JOB).status == "completed"


def test_a_window_that_opened_again_is_confirmed_after_a_retry(process: Process, sim: Simulator) -> None:
    booking_id = lose(process)
    do(process, "UPDATE time_slots SET external_slot_id = NULL")
    do(process, "UPDATE queue_jobs SET status = 'pending', attempts = 0 WHERE job_type = :type", type=CREATE)
    run_all(process)
    assert booking(process, booking_id).status == "confirmed"
    sent = rows(process, "SELECT type FROM notifications WHERE template = 'confirmation' AND status = 'sent'")
    assert len(sent) == 2


def test_staff_see_a_lost_window_before_everything_else_that_waits(process: Process, sim: Simulator) -> None:
    older = book(process, Wish(day=4))
    sim.fault("servicetitan", "error", "POST", JOBS, status=400)
    run_type(process, older, CREATE)
    lost = lose(process)
    shown = process.transact(find_missing)
    assert [item.reference for item in shown] == [
        booking(process, booking_id).reference for booking_id in (lost, older)
    ]
    assert shown[0].reason.startswith(changes.WINDOW_LOST)
    assert shown[0].is_late
    assert shown[0].age < timedelta(hours=1).total_seconds()
