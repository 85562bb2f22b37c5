"""News by e-mail: only a fresh tick that still stands ever subscribes anybody."""

import uuid
from dataclasses import replace
from typing import Any

import pytest

from app import outbox
from app.jobs import runner
from app.jobs.process import Process
from app.notifications import ledger
from app.notifications.recipients import email_hash
from app.outbox import JobType, NewJob
from app.providers import build_adapters
from tests.jobs.booked import Wish, book, booking, do, hurry, job_of
from tests.providers.simulated import Simulator

MAIL = "pat@example.com"


@pytest.fixture
def listed(process: Process) -> Process:
    """A worker of a company that has a list for news."""
    settings = replace(process.settings, klaviyo_list_id="A1DEMO")
    return replace(process, settings=settings, adapters=build_adapters(settings))


def wish(process: Process, *, ticked: bool = True) -> uuid.UUID:
    """Book, with or without the tick; either way somebody queued the job."""
    booking_id = book(process, Wish(email=MAIL, news=ticked))
    if not ticked:
        job = NewJob(JobType.SUBSCRIBE, booking_id, f"subscribe:{booking_id}", {})
        process.transact(lambda session: outbox.add(session, job))
    return booking_id


def run(process: Process, booking_id: uuid.UUID) -> Any:
    hurry(process)
    runner.run(process, job_of(process, booking_id, JobType.SUBSCRIBE).id)
    return job_of(process, booking_id, JobType.SUBSCRIBE)


def test_a_tick_puts_the_address_on_the_list(listed: Process, sim: Simulator) -> None:
    booking_id = wish(listed)
    assert run(listed, booking_id).outcome == "ok"
    (effect,) = sim.effects("klaviyo", "subscription")
    assert effect["data"]["person"]["email"] == MAIL
    assert booking(listed, booking_id).status == "pending"


def test_without_a_tick_nobody_is_called(listed: Process, sim: Simulator) -> None:
    ended = run(listed, wish(listed, ticked=False))
    assert (ended.outcome, ended.error_msg) == ("cancelled", "no fresh opt-in")
    assert sim.calls("/api/profile-subscription-bulk-create-jobs") == []


def test_whoever_unsubscribed_since_is_left_alone(listed: Process, sim: Simulator) -> None:
    booking_id = wish(listed)
    hashed = email_hash(MAIL, listed.settings.privacy_hash_key)
    listed.transact(lambda session: ledger.stop_email(session, hashed, "event-1"))
    assert run(listed, booking_id).error_msg == "no fresh opt-in"
    assert sim.effects("klaviyo", "subscription") == []


def test_an_old_tick_does_not_count(listed: Process, sim: Simulator) -> None:
    booking_id = wish(listed, ticked=False)
    do(
        listed,
        "INSERT INTO consents (booking_id, email_hash, channel, purpose, action, method, created_at)"
        " VALUES (:id, :hash, 'email', 'marketing', 'opt_in', 'web', now() - interval '8 days')",
        id=booking_id, hash=email_hash(MAIL, listed.settings.privacy_hash_key),
    )  # fmt: skip
    assert run(listed, booking_id).outcome == "cancelled"


def test_agreeing_to_texts_is_not_agreeing_to_news(listed: Process, sim: Simulator) -> None:
    assert run(listed, wish(listed, ticked=False)).outcome == "cancelled"  # its box for texts was ticked


def test_a_storm_is_waited_out_and_then_it_happens(listed: Process, sim: Simulator) -> None:
    booking_id = wish(listed)
    sim.fault("klaviyo", "rate_limit", "POST", "/api/profile-subscription-bulk-create-jobs", retry_after=1)
    assert run(listed, booking_id).status == "pending"
    assert run(listed, booking_id).outcome == "ok"


def test_without_a_list_the_job_ends(process: Process, sim: Simulator) -> None:
    assert run(process, wish(process)).error_msg == "there is no list"


def test_a_refusal_harms_no_booking(listed: Process, sim: Simulator) -> None:
    booking_id = wish(listed)
    sim.fault("klaviyo", "error", "POST", "/api/profile-subscription-bulk-create-jobs", status=400)
    assert run(listed, booking_id).outcome == "permanent"
    assert booking(listed, booking_id).needs_attention is None
