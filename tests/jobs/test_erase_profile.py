"""Whoever was erased here is deleted at Klaviyo, found by our id and by nothing that tells who it was."""

import json
import uuid
from typing import Any

import pytest

from app import outbox
from app.booking import erasure
from app.jobs import runner
from app.jobs.process import Process
from app.maintenance.integrity import looking
from app.maintenance.privacy.erasing import erase
from app.maintenance.privacy.person import Person
from app.outbox import JobType, NewJob
from tests.jobs.booked import Wish, book, cancel, do, hurry, job_of, one, run_all, run_type
from tests.providers.simulated import Simulator

MAIL = "pat@example.com"
DELETIONS = "/api/data-privacy-deletion-jobs"


def erase_now(process: Process) -> None:
    tools = erasure.tools(process.settings.privacy_hash_key, "cli")
    process.transact(lambda session: erase(session, Person(MAIL), tools))


def last_deletion(process: Process) -> Any:
    return one(
        process,
        "SELECT * FROM queue_jobs WHERE job_type = :type ORDER BY seq DESC LIMIT 1",
        type=JobType.ERASE_PROFILE,
    )


def run(process: Process) -> Any:
    hurry(process)
    runner.run(process, last_deletion(process).id)
    return last_deletion(process)


def test_a_whole_life_from_booking_to_erasure_leaves_nothing_broken_and_nobody_at_klaviyo(
    process: Process, sim: Simulator
) -> None:
    booking_id, other = book(process), book(process, Wish(email="sam@example.com", hour=12))
    run_all(process)
    cancel(process, booking_id)
    run_all(process)
    erase_now(process)
    ended = run(process)
    assert ended.outcome == "ok"
    (effect,) = sim.effects("klaviyo", "deletion")
    assert effect["id"].startswith("01SIM")
    (call,) = sim.calls(DELETIONS)
    assert MAIL not in json.dumps(call)
    run_all(process)
    do(process, "UPDATE report_state SET refreshed_at = now() WHERE isfinite(refreshed_at)")
    within = process.transact(lambda session: looking.scope(session, process.settings))
    assert looking.look(process.transact, within) == ()
    assert one(process, "SELECT status FROM bookings WHERE id = :id", id=other).status == "confirmed"
    assert (
        one(
            process,
            "SELECT count(*) AS n FROM notifications WHERE status = 'pending' AND booking_id = :id",
            id=booking_id,
        ).n
        == 0
    )


def test_deleting_twice_is_deleting_once(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    run_all(process)
    cancel(process, booking_id)
    run_all(process)
    erase_now(process)
    run(process)
    do(
        process,
        "UPDATE queue_jobs SET status = 'pending', completed_at = NULL WHERE job_type = :type",
        type=JobType.ERASE_PROFILE,
    )
    assert run(process).outcome == "ok"
    assert len(sim.effects("klaviyo", "deletion")) == 1


def test_nobody_is_deleted_there_who_was_not_erased_here(process: Process, sim: Simulator) -> None:
    book(process)
    customer = one(process, "SELECT id FROM customers").id
    payload = {"customer_id": str(customer)}
    process.transact(
        lambda session: outbox.add(session, NewJob(JobType.ERASE_PROFILE, None, "by hand", payload))
    )
    ended = run(process)
    assert (ended.outcome, ended.error_msg) == ("cancelled", "not erased here")
    assert sim.calls(DELETIONS) == []


def erased_visit_of_the_past(process: Process) -> uuid.UUID:
    """A booking whose delivery was given up and whose day is over, erased since."""
    booking_id = book(process)
    do(process, "UPDATE queue_jobs SET status = 'failed', outcome = 'permanent', completed_at = now()")
    do(process, "UPDATE notifications SET status = 'failed', error_msg = 'given up'")
    do(
        process,
        "UPDATE bookings SET preferred_time = now() - interval '1 day', window_end = now() - interval '22 hours'",
    )
    erase_now(process)
    return booking_id


@pytest.mark.parametrize("job_type", [JobType.SEND_EMAIL, JobType.SEND_SMS, JobType.CREATE_JOB])
def test_what_is_retried_by_hand_for_an_erased_booking_goes_nowhere(
    process: Process, sim: Simulator, job_type: JobType
) -> None:
    booking_id = erased_visit_of_the_past(process)
    do(process, "UPDATE notifications SET status = 'pending'")
    dead = job_of(process, booking_id, job_type).id
    assert process.transact(lambda session: outbox.retry(session, dead))
    ended = run_type(process, booking_id, job_type)
    assert (ended.status, ended.outcome, ended.error_msg) == ("completed", "cancelled", "erased")
    sent = [
        sim.effects("klaviyo", "event"),
        sim.effects("twilio", "message"),
        sim.effects("servicetitan", "job"),
    ]
    assert sent == [[], [], []]
