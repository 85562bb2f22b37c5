"""Reminders are queued once for each window, leave by day, and say nothing that a cancel or a move has made untrue."""

import time
import uuid
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, Row, text
from sqlalchemy.orm import Session

from app import clock
from app.booking import changes
from app.booking.changes import Mover
from app.jobs import reminders, runner
from app.jobs.process import Process
from app.jobs.reminders import BEFORE_ALL, Place, Walk
from app.notifications import queue, timing
from app.notifications.queue import MessageKind
from app.outbox import JobType
from tests.factories import add_slot
from tests.jobs.booked import LEAD, PHONE, Wish, book, booking, cancel, do, job_of, one, rows, run_all
from tests.providers.simulated import Simulator

DAY, SOON = MessageKind.REMINDER_DAY, MessageKind.REMINDER_SOON
EMAIL, SMS = JobType.SEND_EMAIL, JobType.SEND_SMS
US_ZONES = (
    "America/New_York",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "Pacific/Honolulu",
)
ALL_ZONES = tuple(
    f"Etc/GMT{offset:+d}" for offset in range(-14, 13)
)  # at any moment somewhere it is any hour


def window_of(process: Process, booking_id: uuid.UUID) -> datetime:
    starts_at: datetime = booking(process, booking_id).preferred_time
    return starts_at


def due(process: Process, booking_id: uuid.UUID, kind: MessageKind) -> datetime:
    return timing.due_at(kind, window_of(process, booking_id), "America/Phoenix")


def add_at(process: Process, kind: MessageKind, now: datetime) -> int:
    """Look for reminders as if it were that moment."""
    return reminders.walk(process, Walk(kind, now, process.settings.privacy_hash_key))


def reminders_of(process: Process, booking_id: uuid.UUID) -> list[Row[Any]]:
    sql = (
        "SELECT n.template, n.type, n.status, n.error_msg, n.due_at, q.status AS job_status, q.outcome, q.attempts, q.scheduled_at,"
        " q.deadline_at, q.payload ->> 'version' AS version FROM notifications n"
        " JOIN queue_jobs q ON q.payload ->> 'notification_id' = n.id::text"
        " WHERE n.booking_id = :id AND n.template LIKE 'reminder%' ORDER BY n.template, n.type, q.seq"
    )
    return rows(process, sql, id=booking_id)


def put_window(process: Process, booking_id: uuid.UUID, starts_at: datetime, zone: str) -> None:
    """Let the visit be at another time and place, behind everyone's back."""
    do(
        process,
        "WITH at AS (UPDATE service_areas SET timezone = :zone WHERE zip_code = '85201')"
        " UPDATE bookings SET preferred_time = :starts_at, window_end = CAST(:starts_at AS timestamptz) + interval '2 hours'"
        " WHERE id = :id",
        zone=zone, starts_at=starts_at, id=booking_id,
    )  # fmt: skip


def zone_where(*, first: int, last: int) -> str:
    """Return a zone where it is now between these full hours."""
    hours = {zone: clock.now().astimezone(ZoneInfo(zone)).hour for zone in ALL_ZONES}
    return next(zone for zone, hour in hours.items() if first <= hour <= last)


def move(process: Process, booking_id: uuid.UUID, *, day: int) -> None:
    """Move the booking as the manage page does."""
    mover = Mover("visitor", LEAD, process.settings.privacy_hash_key)

    def work(session: Any) -> None:
        area = session.execute(text("SELECT id FROM service_areas WHERE zip_code = '85201'")).scalar_one()
        slot = add_slot(session, area, day=day, hour=13)
        changes.move(session, booking_id, slot.id, mover)

    process.transact(work)


def add_now(process: Process, booking_id: uuid.UUID, kind: MessageKind, version: int = 1) -> None:
    """Queue a reminder at once, whatever the hour."""
    process.transact(
        lambda session: queue.add(
            session, booking_id=booking_id, version=version, locale="en", kind=kind, sms=True, phone=PHONE,
            email="pat@example.com", privacy_key=process.settings.privacy_hash_key,
        )
    )  # fmt: skip


def drop_confirmation(process: Process) -> None:
    do(process, "DELETE FROM queue_jobs")
    do(process, "DELETE FROM notifications")


@pytest.mark.parametrize("kind", [DAY, SOON])
def test_a_reminder_is_queued_at_its_moment_on_both_channels_and_once(
    process: Process, kind: MessageKind
) -> None:
    booking_id = book(process, Wish(day=3, hour=13))
    at = due(process, booking_id, kind)
    assert add_at(process, kind, at - timedelta(minutes=1)) == 0
    assert add_at(process, kind, at) == 1
    assert add_at(process, kind, at + timedelta(minutes=1)) == 0
    assert [(row.template, row.type, row.version) for row in reminders_of(process, booking_id)] == [
        (kind, "email", "1"), (kind, "sms", "1"),
    ]  # fmt: skip


def test_the_periodic_task_asks_the_databases_clock(process: Process) -> None:
    booking_id = book(process, Wish(day=3))
    assert reminders.add_reminders(process) == {"added": 0}
    zone = zone_where(first=10, last=19)
    put_window(process, booking_id, clock.now() + timedelta(minutes=90), zone)
    do(process, "UPDATE notifications SET created_at = now() - interval '2 days'")
    assert reminders.add_reminders(process) == {"added": 1}
    assert {row.template for row in reminders_of(process, booking_id)} == {SOON}


@pytest.mark.parametrize("status", ["cancelled", "completed"])
def test_a_visit_that_will_not_be_is_not_reminded_of(process: Process, status: str) -> None:
    booking_id = book(process, Wish(day=3, hour=13))
    do(process, "UPDATE bookings SET status = :status WHERE id = :id", status=status, id=booking_id)
    assert add_at(process, DAY, due(process, booking_id, DAY)) == 0


def test_a_late_booking_is_not_reminded_minutes_after_its_confirmation(process: Process) -> None:
    booking_id = book(process, Wish(day=3, hour=13))
    day, soon = (due(process, booking_id, kind) for kind in (DAY, SOON))
    for kind, at, rest in ((DAY, day, timedelta(hours=4)), (SOON, soon, timedelta(hours=1))):
        do(process, "UPDATE notifications SET created_at = :at", at=at - rest + timedelta(minutes=1))
        assert add_at(process, kind, at) == 0
        assert add_at(process, kind, at + timedelta(hours=1)) == 0
        do(process, "UPDATE notifications SET created_at = :at", at=at - rest)
        assert add_at(process, kind, at) == 1


def test_after_an_outage_nothing_untrue_and_nothing_twice_is_queued(process: Process) -> None:
    booking_id = book(process, Wish(day=3, hour=13))
    starts_at, day = window_of(process, booking_id), due(process, booking_id, DAY)
    midnight = day.replace(hour=0) + timedelta(days=1)
    assert add_at(process, DAY, midnight + timedelta(hours=9)) == 0
    assert (
        add_at(process, DAY, day + timedelta(hours=8, minutes=1)) == 0
    )  # after 9 PM: only tomorrow, and then it is wrong
    assert add_at(process, DAY, day + timedelta(hours=7)) == 1
    assert add_at(process, SOON, starts_at) == 0
    assert add_at(process, SOON, starts_at + timedelta(minutes=5)) == 0
    assert add_at(process, SOON, starts_at - timedelta(minutes=5)) == 1


def test_a_moved_booking_has_a_new_reminder_for_its_new_window(process: Process, sim: Simulator) -> None:
    booking_id = book(process, Wish(day=3, hour=13))
    assert add_at(process, DAY, due(process, booking_id, DAY)) == 1
    move(process, booking_id, day=6)
    assert add_at(process, DAY, due(process, booking_id, DAY)) == 1
    assert [row.version for row in reminders_of(process, booking_id)] == ["1", "2", "1", "2"]
    run_all(process)
    old = [row for row in reminders_of(process, booking_id) if row.version == "1"]
    assert {(row.job_status, row.outcome, row.error_msg) for row in old} == {
        ("completed", "cancelled", "skipped: the booking was moved")
    }
    assert not [event for event in sim.effects("klaviyo", "event") if event["data"]["metric"] == "A1 Booking Reminder"
                and str(event["key"]).endswith("v1")]  # fmt: skip


@pytest.mark.parametrize("kind", [DAY, SOON])
def test_a_reminder_of_a_cancelled_visit_does_not_leave(
    process: Process, sim: Simulator, kind: MessageKind
) -> None:
    booking_id = book(process, Wish(day=3, hour=13))
    assert add_at(process, kind, due(process, booking_id, kind)) == 1
    cancel(process, booking_id)
    run_all(process)
    assert {(row.status, row.error_msg) for row in reminders_of(process, booking_id)} == {
        ("failed", "skipped: the booking is cancelled")
    }
    assert {event["data"]["metric"] for event in sim.effects("klaviyo", "event")} == {"A1 Booking Cancelled"}
    assert all("cancelled" in message["data"]["body"] for message in sim.effects("twilio", "message"))


def test_by_day_a_reminder_of_a_visit_ahead_leaves_on_both_channels(process: Process, sim: Simulator) -> None:
    booking_id = book(process, Wish(day=3))
    drop_confirmation(process)
    put_window(process, booking_id, clock.now() + timedelta(minutes=90), zone_where(first=9, last=19))
    add_now(process, booking_id, SOON)
    run_all(process)
    (event,), (message,) = sim.effects("klaviyo", "event"), sim.effects("twilio", "message")
    assert event["data"]["metric"] == "A1 Booking Reminder"
    assert event["key"] == f"booking-{booking_id}:reminder_soon:v1"
    assert "Reply C to confirm." in message["data"]["body"]
    assert "Msg&data rates may apply" in message["data"]["body"]


def test_whoever_answered_c_is_not_asked_again(process: Process, sim: Simulator) -> None:
    booking_id = book(process, Wish(day=3))
    drop_confirmation(process)
    put_window(process, booking_id, clock.now() + timedelta(minutes=90), zone_where(first=9, last=19))
    do(process, "UPDATE bookings SET visit_confirmed_at = now()")
    add_now(process, booking_id, SOON)
    run_all(process)
    (message,) = sim.effects("twilio", "message")
    assert "Reply C" not in message["data"]["body"]


def test_at_night_a_reminder_waits_for_the_morning_and_it_costs_nothing(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process, Wish(day=3))
    drop_confirmation(process)
    zone = zone_where(first=0, last=5)
    local = clock.now().astimezone(ZoneInfo(zone))
    put_window(process, booking_id, local.replace(hour=9, minute=30), zone)
    add_now(process, booking_id, SOON)
    before = {row.type: row.deadline_at - row.scheduled_at for row in reminders_of(process, booking_id)}
    run_all(process)
    morning = local.replace(hour=8, minute=0, second=0, microsecond=0)
    for row in reminders_of(process, booking_id):
        assert (row.status, row.job_status, row.attempts) == ("pending", "pending", 0)
        assert row.due_at == row.scheduled_at == morning
        assert abs(row.deadline_at - row.scheduled_at - before[row.type]) < timedelta(minutes=5)
    assert sim.effects("klaviyo", "event") == sim.effects("twilio", "message") == []


def test_at_night_a_reminder_whose_morning_is_too_late_is_skipped(process: Process, sim: Simulator) -> None:
    booking_id = book(process, Wish(day=3))
    drop_confirmation(process)
    zone = zone_where(first=0, last=5)
    local = clock.now().astimezone(ZoneInfo(zone))
    put_window(process, booking_id, local.replace(hour=8, minute=0, second=0, microsecond=0), zone)
    add_now(process, booking_id, SOON)
    add_now(process, booking_id, DAY)
    run_all(process)
    assert {row.error_msg for row in reminders_of(process, booking_id)} == {"skipped: the window has begun"}
    assert sim.effects("klaviyo", "event") == []


@pytest.mark.parametrize(
    ("ahead", "kind", "reason"),
    [(timedelta(minutes=-1), SOON, "the window has begun"), (timedelta(days=2), DAY, "it is not the day before any more")],
)  # fmt: skip
def test_a_reminder_that_is_not_true_any_more_is_skipped(
    process: Process, sim: Simulator, ahead: timedelta, kind: MessageKind, reason: str
) -> None:
    booking_id = book(process, Wish(day=3))
    drop_confirmation(process)
    put_window(process, booking_id, clock.now() + ahead, zone_where(first=9, last=19))
    add_now(process, booking_id, kind)
    run_all(process)
    assert {row.error_msg for row in reminders_of(process, booking_id)} == {f"skipped: {reason}"}
    assert sim.effects("twilio", "message") == []


@pytest.mark.parametrize(
    "change", ["status = 'pending'", "status = 'confirmed', needs_attention = 'Window lost: no room'"]
)
def test_a_window_that_was_lost_is_not_reminded_of(process: Process, sim: Simulator, change: str) -> None:
    booking_id = book(process, Wish(day=3, hour=13))
    add_now(process, booking_id, MessageKind.WINDOW_LOST)
    do(process, f"UPDATE bookings SET {change}")
    do(process, "DELETE FROM queue_jobs WHERE queue_name = 'critical'")
    assert add_at(process, DAY, due(process, booking_id, DAY)) == 0
    add_now(process, booking_id, DAY)
    run_all(process)
    assert {row.error_msg for row in reminders_of(process, booking_id)} == {"skipped: the window was lost"}


def test_a_window_that_was_found_again_is_reminded_of(process: Process) -> None:
    booking_id = book(process, Wish(day=3, hour=13))
    add_now(process, booking_id, MessageKind.WINDOW_LOST)
    do(process, "UPDATE bookings SET status = 'confirmed'")
    assert add_at(process, DAY, due(process, booking_id, DAY)) == 1


def test_two_dispatchers_at_once_queue_each_reminder_once(process: Process, second_engine: Engine) -> None:
    booked = [book(process, Wish(day=3, hour=hour)) for hour in (10, 13, 16)]
    now = max(due(process, booking_id, DAY) for booking_id in booked)
    this, place, ended = Walk(DAY, now, process.settings.privacy_hash_key), Place(now, BEFORE_ALL), []

    def look() -> None:
        ended.append(process.transact(lambda session: reminders.add_batch(session, this, place)))

    with Session(second_engine) as first:
        assert reminders.add_batch(first, this, place)[0] == 3
        other = Thread(target=look)
        other.start()
        waiting = text(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid')"
        )
        patience = time.monotonic() + 30
        while not ended and not first.execute(waiting).scalar_one() and time.monotonic() < patience:
            time.sleep(0.01)
        first.commit()
    other.join()
    assert len(ended) == 1
    assert one(process, "SELECT count(*) AS n FROM notifications WHERE template = 'reminder_day'").n == 6
    assert one(process, "SELECT count(*) AS n FROM queue_jobs WHERE dedupe_key LIKE '%reminder_day%'").n == 6


def test_a_long_list_is_walked_in_short_transactions(process: Process) -> None:
    booked = [book(process, Wish(day=3, hour=hour)) for hour in (8, 10, 12, 14, 16)]
    now = max(due(process, booking_id, DAY) for booking_id in booked)
    this, place, steps = Walk(DAY, now, process.settings.privacy_hash_key), Place(now, BEFORE_ALL), []
    while place is not None:
        count, place = process.transact(
            lambda session, at=place: reminders.add_batch(session, this, at, size=2)
        )
        steps.append(count)
    assert steps == [2, 2, 1]
    assert {row.id for row in rows(process, "SELECT booking_id AS id FROM notifications WHERE template = 'reminder_day'")} == set(booked)  # fmt: skip


def test_the_bookings_ahead_are_found_by_their_time(process: Process) -> None:
    def plan(session: Any) -> str:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        values = {
            "kind": DAY,
            "told": [],
            "lost": "x",
            "from_time": clock.now(),
            "from_id": BEFORE_ALL,
            "until": clock.now(),
            "size": 9,
        }
        lines = session.execute(text(f"EXPLAIN {reminders.AHEAD.text}"), values).scalars()
        return "\n".join(lines)

    assert "preferred_time" in next(
        line for line in process.transact(plan).splitlines() if "Index Cond" in line
    )


@pytest.mark.parametrize("zone", US_ZONES)
@pytest.mark.parametrize("window", ["2027-03-14 10:00", "2027-11-07 10:00"])
def test_on_the_days_the_clocks_change_the_wall_time_counts(process: Process, zone: str, window: str) -> None:
    booking_id = book(process, Wish(day=3))
    do(process, "UPDATE notifications SET created_at = '2026-01-01'")
    starts_at = datetime.fromisoformat(window).replace(tzinfo=ZoneInfo(zone))
    put_window(process, booking_id, starts_at.astimezone(UTC), zone)
    eve = (starts_at - timedelta(days=1)).astimezone(UTC)  # the same wall time, 23, 24 or 25 hours before
    assert [add_at(process, DAY, eve + timedelta(minutes=by)) for by in (-1, 0)] == [0, 1]
    soon = starts_at.astimezone(UTC) - timedelta(hours=2)
    assert [add_at(process, SOON, soon + timedelta(minutes=by)) for by in (-1, 0)] == [0, 1]


def test_an_opt_out_between_queue_and_send_is_heard(process: Process, sim: Simulator) -> None:
    booking_id = book(process, Wish(day=3))
    drop_confirmation(process)
    put_window(process, booking_id, clock.now() + timedelta(minutes=90), zone_where(first=9, last=19))
    add_now(process, booking_id, SOON)
    do(
        process,
        "INSERT INTO consents (phone_hash, channel, purpose, action, method)"
        " SELECT recipient_hash, 'sms', 'booking', 'opt_out', 'keyword' FROM notifications WHERE type = 'sms'",
    )
    runner.run(process, job_of(process, booking_id, SMS).id)
    runner.run(process, job_of(process, booking_id, EMAIL).id)
    assert sim.effects("twilio", "message") == []
    assert len(sim.effects("klaviyo", "event")) == 1
