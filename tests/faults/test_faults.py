"""Parts of the product go away in the middle of the work: nothing is lost and nothing happens twice."""

import os
import signal
import time

from sandbox.stack import Stack
from tests.faults.live import Live, wait_for

JOBS = "/jpm/v2/tenant/*/jobs"
BOOKINGS = 20
DELIVERED_WITHIN = 90.0
WORKING_WITHIN = 60.0  # a worker that just started, or starts again, on a machine busy with other tests


def is_calling(live: Live, booking_id: object) -> bool:
    """Say whether the create call of this booking is on the wire."""
    return bool(
        live.one(
            "SELECT 1 FROM queue_jobs WHERE booking_id = :id AND job_type = 'servicetitan.create_job' AND status = 'processing'",
            id=booking_id,
        )
    )


def test_without_valkey_bookings_are_accepted_and_delivered_when_it_is_back(stack: Stack, live: Live) -> None:
    stack.supervisor.pause("valkey")
    try:
        started = time.monotonic()
        bookings = [live.book() for _ in range(BOOKINGS)]
        assert time.monotonic() - started < BOOKINGS * 3.0, "a booking waited for the doorbell"
        assert {live.status(booking) for booking in bookings} == {"pending"}
    finally:
        stack.supervisor.resume("valkey")
    wait_for(lambda: live.open_jobs(bookings) == 0, DELIVERED_WITHIN, "everything delivered")
    assert {live.status(booking) for booking in bookings} == {"confirmed"}
    assert all(live.effects(booking)["job"] == 1 for booking in bookings)


def test_a_worker_killed_in_the_middle_of_a_call_leaves_exactly_one_job(stack: Stack, live: Live) -> None:
    live.slow_down(JOBS, 1500)
    booking = live.book(sms=False)
    wait_for(
        lambda: live.effects(booking)["job"] == 1 or is_calling(live, booking),
        WORKING_WITHIN,
        "the call on the wire",
    )
    time.sleep(0.5)
    os.kill(stack.supervisor.pid("worker-critical"), signal.SIGKILL)
    wait_for(lambda: live.status(booking) == "confirmed", 2 * WORKING_WITHIN, "confirmed")
    assert live.effects(booking)["job"] == 1


def test_a_lost_reply_leaves_exactly_one_job(stack: Stack, live: Live) -> None:
    live.drop_reply(JOBS)
    booking = live.book(sms=False)
    wait_for(lambda: live.status(booking) == "confirmed", WORKING_WITHIN, "confirmed")
    assert live.effects(booking)["job"] == 1


def test_cancelled_while_the_job_is_made_it_is_cancelled_there_too(stack: Stack, live: Live) -> None:
    live.slow_down(JOBS, 900)
    booking = live.book(sms=False)
    wait_for(lambda: is_calling(live, booking), WORKING_WITHIN, "the call on the wire")
    live.cancel(booking)
    assert live.status(booking) == "cancelled"
    wait_for(lambda: live.effects(booking)["cancel"] == 1, WORKING_WITHIN, "cancelled at ServiceTitan")
    wait_for(lambda: live.servicetitan_is_done(booking), WORKING_WITHIN, "nothing left to tell ServiceTitan")
    assert live.effects(booking) == {"job": 1, "cancel": 1}
    assert live.status(booking) == "cancelled"
    assert live.one("SELECT count(*) FROM time_slots WHERE booking_id = :id", id=booking) == 0
