"""Each person hears once, in true words, and only where they agreed to."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Row, text

from app import outbox
from app.jobs import runner
from app.jobs.process import Process
from app.notifications import queue, recipients
from app.notifications.queue import MessageKind
from app.outbox import JobType
from tests.factories import add_slot
from tests.jobs.booked import (
    PHONE,
    Wish,
    book,
    booking,
    cancel,
    do,
    hurry,
    job_of,
    one,
    rows,
    run_all,
    run_type,
)  # fmt: skip
from tests.providers.simulated import Simulator

CREATE, EMAIL, SMS = JobType.CREATE_JOB, JobType.SEND_EMAIL, JobType.SEND_SMS
TEXTS = "/Messages.json"


def notification(process: Process, channel: str) -> Row[Any]:
    return one(process, "SELECT * FROM notifications WHERE type = :channel", channel=channel)


def withdraw(process: Process, method: str = "keyword", action: str = "opt_out", ago: int = 0) -> None:
    hashed = recipients.phone_hash(PHONE, process.settings.privacy_hash_key)
    do(
        process,
        "INSERT INTO consents (phone_hash, channel, purpose, action, method, created_at)"
        " VALUES (:hash, 'sms', 'booking', :action, :method, now() - make_interval(secs => :ago))",
        hash=hashed, action=action, method=method, ago=ago,
    )  # fmt: skip


def mistype(process: Process, booking_id: uuid.UUID, phone: str) -> None:
    """Let the homeowner have typed, and agreed to texts at, another number."""
    hashed = recipients.phone_hash(phone, process.settings.privacy_hash_key)
    do(process, "UPDATE bookings SET contact_phone = :phone WHERE id = :id", phone=phone, id=booking_id)
    do(
        process,
        "INSERT INTO consents (booking_id, phone_hash, channel, purpose, action, method)"
        " VALUES (:id, :hash, 'sms', 'booking', 'opt_in', 'web')",
        id=booking_id, hash=hashed,
    )  # fmt: skip


def test_one_email_and_one_text_say_that_it_is_confirmed(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    run_all(process)
    (event,), (message,) = sim.effects("klaviyo", "event"), sim.effects("twilio", "message")
    assert event["data"]["metric"] == "A1 Booking Confirmed"
    assert event["data"]["to"] == "pat@example.com"
    body = message["data"]["body"]
    row = booking(process, booking_id)
    assert row.reference in body
    assert "confirmed" in body
    assert "/manage/" in body
    assert body.endswith("Msg&data rates may apply. Reply HELP for help, STOP to opt out.")
    sent = rows(process, "SELECT type, status, external_id FROM notifications ORDER BY type")
    assert [tuple(line) for line in sent] == [("email", "sent", event["key"]), ("sms", "sent", message["id"])]


def test_without_a_servicetitan_job_it_says_received_and_never_confirmed_after_that(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process)
    run_type(process, booking_id, EMAIL)
    run_type(process, booking_id, SMS)
    run_all(process)
    assert booking(process, booking_id).status == "confirmed"
    assert [effect["data"]["metric"] for effect in sim.effects("klaviyo", "event")] == ["A1 Booking Received"]
    (message,) = sim.effects("twilio", "message")
    assert "received" in message["data"]["body"]


def test_an_email_whose_answer_was_lost_keeps_its_words_and_arrives_once(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process)
    sim.fault("klaviyo", "drop_after_commit", "POST", "/api/events")
    run_type(process, booking_id, EMAIL)
    run_type(process, booking_id, CREATE)
    assert booking(process, booking_id).status == "confirmed"
    run_type(process, booking_id, EMAIL)
    metrics = [(effect["data"]["metric"], effect["count"]) for effect in sim.effects("klaviyo", "event")]
    assert metrics == [("A1 Booking Received", 1)]


def test_an_email_that_was_only_throttled_says_what_is_true_when_it_leaves(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process)
    sim.fault("klaviyo", "rate_limit", "POST", "/api/events", retry_after=1)
    assert run_type(process, booking_id, EMAIL).attempts == 0
    run_type(process, booking_id, CREATE)
    run_type(process, booking_id, EMAIL)
    assert [effect["data"]["metric"] for effect in sim.effects("klaviyo", "event")] == [
        "A1 Booking Confirmed"
    ]


def test_nobody_is_texted_who_did_not_ask_for_it(process: Process, sim: Simulator) -> None:
    book(process, Wish(sms=False))
    run_all(process)
    assert sim.effects("twilio", "message") == []
    assert rows(process, "SELECT type FROM notifications") == [("email",)]


def test_a_stop_that_came_before_the_text_left_is_heard(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    withdraw(process)
    ended = run_type(process, booking_id, SMS)
    assert (ended.status, ended.outcome) == ("completed", "cancelled")
    assert sim.calls(TEXTS) == []
    assert notification(process, "sms").error_msg == "skipped: opted out"


def test_a_web_tick_lifts_no_stop_by_keyword(process: Process, sim: Simulator) -> None:
    withdraw(process, ago=60)
    booking_id = book(process)  # its box was ticked after the STOP
    run_type(process, booking_id, SMS)
    assert sim.calls(TEXTS) == []


@pytest.mark.parametrize(("method", "lifted_by"), [("keyword", "keyword"), ("staff", "web"), ("web", "web")])
def test_an_opt_out_ends_the_way_it_may_end(
    process: Process, sim: Simulator, method: str, lifted_by: str
) -> None:
    withdraw(process, method, ago=60)
    withdraw(process, lifted_by, "opt_in", ago=30)
    booking_id = book(process)
    run_type(process, booking_id, SMS)
    assert len(sim.effects("twilio", "message")) == 1


@pytest.mark.parametrize("answer", ["drop_after_commit", "redirect"])
def test_a_text_whose_answer_was_lost_is_found_in_the_list(
    process: Process, sim: Simulator, answer: str
) -> None:
    booking_id = book(process)
    sim.fault("twilio", answer, "POST", TEXTS)
    waiting = run_type(process, booking_id, SMS)
    assert (waiting.status, waiting.attempts) == ("pending", 0)
    assert run_type(process, booking_id, SMS).outcome == "ok"
    (message,) = sim.effects("twilio", "message")
    assert notification(process, "sms").external_id == message["id"]


def test_a_text_that_never_arrived_is_sent_once_more_after_two_looks(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process)
    sim.fault("twilio", "drop_before", "POST", TEXTS)
    run_type(process, booking_id, SMS)
    assert run_type(process, booking_id, SMS).status == "pending"
    assert run_type(process, booking_id, SMS).outcome == "ok"
    assert len(sim.effects("twilio", "message")) == 1


def test_after_two_unclear_tries_a_person_must_look(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    sim.fault("twilio", "drop_before", "POST", TEXTS, times=2)
    for _ in range(4):
        run_type(process, booking_id, SMS)
    ended = run_type(process, booking_id, SMS)
    assert (ended.status, ended.outcome) == ("failed", "uncertain")
    assert sum(call["method"] == "POST" for call in sim.calls(TEXTS)) == 2
    assert notification(process, "sms").status == "failed"


def test_a_stop_that_only_the_provider_knew_of_enters_the_ledger(process: Process, sim: Simulator) -> None:
    sim.world.phone.opted_out.add(PHONE)
    booking_id = book(process)
    ended = run_type(process, booking_id, SMS)
    assert (ended.status, ended.outcome) == ("failed", "permanent")
    assert rows(process, "SELECT action, method FROM consents WHERE action = 'opt_out'") == [
        ("opt_out", "webhook")
    ]


def test_a_cancelled_booking_ends_its_confirmations_but_says_that_it_is_cancelled(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process)
    run_type(process, booking_id, CREATE)
    cancel(process, booking_id)
    run_all(process)
    assert [effect["data"]["metric"] for effect in sim.effects("klaviyo", "event")] == [
        "A1 Booking Cancelled"
    ]
    assert ["cancelled" in effect["data"]["body"] for effect in sim.effects("twilio", "message")] == [True]


def test_a_moved_message_that_a_later_move_overtook_is_not_sent(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    key = process.settings.privacy_hash_key
    for version in (2, 3):
        do(process, "UPDATE bookings SET version = :version WHERE id = :id", version=version, id=booking_id)
        process.transact(
            lambda session, version=version: queue.add(
                session, booking_id=booking_id, version=version, locale="en", kind=MessageKind.MOVED,
                sms=False, phone=PHONE, email="pat@example.com", privacy_key=key, due_in=timedelta(0),
            )
        )  # fmt: skip
    run_all(process)
    metrics = [effect["data"]["metric"] for effect in sim.effects("klaviyo", "event")]
    assert metrics.count("A1 Booking Rescheduled") == 1


def test_a_text_refused_for_good_is_closed_and_told(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    mistype(process, booking_id, "+15005550009")
    assert run_type(process, booking_id, SMS).outcome == "permanent"
    assert notification(process, "sms").status == "failed"
    assert job_of(process, booking_id, EMAIL).status == "pending"


def test_what_staff_retry_after_mending_it_is_sent(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    mistype(process, booking_id, "+15005550009")
    failed = run_type(process, booking_id, SMS)
    do(process, "UPDATE bookings SET contact_phone = :phone WHERE id = :id", phone=PHONE, id=booking_id)
    assert process.transact(lambda session: outbox.retry(session, failed.id))
    assert run_type(process, booking_id, SMS).outcome == "ok"
    assert notification(process, "sms").status == "sent"


def test_a_message_is_in_the_language_of_its_booking(process: Process, sim: Simulator) -> None:
    book(process, Wish(locale="es"))
    run_all(process)
    (event,) = sim.effects("klaviyo", "event")
    assert event["data"]["properties"]["subject"].startswith("Su visita está confirmada")
    (message,) = sim.effects("twilio", "message")
    assert "visita confirmada" in message["data"]["body"]


def test_a_booking_without_a_link_gets_one_with_its_message(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    process.transact(lambda session: session.execute(text("DELETE FROM manage_links")))
    run_type(process, booking_id, EMAIL)
    assert one(process, "SELECT booking_id FROM manage_links").booking_id == booking_id


def tell(process: Process, booking_id: uuid.UUID, kind: MessageKind, version: int = 1) -> None:
    process.transact(
        lambda session: queue.add(
            session, booking_id=booking_id, version=version, locale="en", kind=kind, sms=True, phone=PHONE,
            email="pat@example.com", privacy_key=process.settings.privacy_hash_key,
        )
    )  # fmt: skip


def profiles(sim: Simulator) -> int:
    return len(sim.calls("/api/profile-import"))


def test_the_first_text_to_a_number_alone_explains_itself(process: Process, sim: Simulator) -> None:
    for hour in (8, 10):
        book(process, Wish(hour=hour))
        run_all(process)
    explained = [
        "Msg&data rates may apply" in text["data"]["body"] for text in sim.effects("twilio", "message")
    ]
    assert explained == [True, False]


def test_the_provider_learns_who_it_is_once_a_booking_before_the_first_email(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process)
    run_type(process, booking_id, EMAIL)
    tell(process, booking_id, MessageKind.MOVED)
    run_all(process)
    assert len(sim.effects("klaviyo", "event")) == 2
    (seen,) = sim.calls("/api/profile-import")
    attributes = json.loads(str(seen["body"]))["data"]["attributes"]
    assert attributes["email"] == "pat@example.com"
    assert attributes["location"]["zip"] == "85201"
    assert "phone_number" not in attributes


def test_a_try_after_the_profile_does_not_repeat_it(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    sim.fault("klaviyo", "error", "POST", "/api/events", status=503)
    assert run_type(process, booking_id, EMAIL).status == "pending"
    assert run_type(process, booking_id, EMAIL).outcome == "ok"
    assert profiles(sim) == 1


@pytest.mark.parametrize(("status", "tries"), [(400, 1), (403, 1), (503, 3)])
def test_a_profile_that_is_refused_never_costs_the_email(
    process: Process, sim: Simulator, status: int, tries: int
) -> None:
    booking_id = book(process)
    sim.fault("klaviyo", "error", "POST", "/api/profile-import", status=status, times=0)
    ended = [run_type(process, booking_id, EMAIL) for _ in range(tries)][-1]
    assert ended.outcome == "ok"
    assert profiles(sim) == tries
    assert len(sim.effects("klaviyo", "event")) == 1


def test_a_lost_window_is_told_with_what_is_open_now(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    process.transact(
        lambda session: [
            add_slot(
                session, session.execute(text("SELECT id FROM service_areas")).scalar_one(), day=day, hour=13
            )
            for day in (3, 4, 5, 6)
        ]
    )
    tell(process, booking_id, MessageKind.WINDOW_LOST)
    run_type(process, booking_id, EMAIL)
    run_type(process, booking_id, SMS)
    (event,), (message,) = sim.effects("klaviyo", "event"), sim.effects("twilio", "message")
    assert event["data"]["metric"] == "A1 Booking Window Lost"
    words = event["data"]["properties"]["text"]
    assert words.count("1 PM - 3 PM") == 3
    assert "/manage/" in words
    assert "1 PM - 3 PM" in message["data"]["body"]


def test_with_a_lost_window_nothing_promises_it_any_more(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    tell(process, booking_id, MessageKind.WINDOW_LOST)
    hurry(process)
    for job in rows(process, "SELECT id FROM queue_jobs WHERE queue_name = 'notify'"):
        runner.run(process, job.id)
    assert {event["data"]["metric"] for event in sim.effects("klaviyo", "event")} == {
        "A1 Booking Window Lost"
    }
    (sent,) = rows(
        process, "SELECT count(*) FROM notifications WHERE error_msg = 'skipped: the window was lost'"
    )
    assert sent.count == 2


@pytest.mark.parametrize("change", ["status = 'cancelled'", "version = version + 1"])
def test_an_apology_that_came_too_late_is_not_sent(process: Process, sim: Simulator, change: str) -> None:
    booking_id = book(process)
    tell(process, booking_id, MessageKind.WINDOW_LOST)
    do(process, f"UPDATE bookings SET {change}")
    run_type(process, booking_id, EMAIL)
    assert sim.effects("klaviyo", "event") == []


def test_nothing_is_confirmed_once_the_window_is_over(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    do(
        process,
        "UPDATE bookings SET preferred_time = now() - interval '3 hours', window_end = now() - interval '1 minute'",
    )
    run_type(process, booking_id, EMAIL)
    assert notification(process, "email").error_msg == "skipped: the window is over"
    assert sim.effects("klaviyo", "event") == []
