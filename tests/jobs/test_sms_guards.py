"""What keeps a text from leaving: a withdrawal at any moment, another number, and the ceilings against pumping."""

import threading
import uuid
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from app.jobs import runner
from app.jobs.process import Process
from app.notifications import caps, delivery, ledger, recipients
from app.notifications.caps import Ceiling, Ceilings, Parcel
from app.notifications.ledger import Method, Withdrawal
from app.outbox import JobType
from tests.jobs.booked import PHONE, Wish, book, booking, do, during, hurry, job_of, one, rows, run_type
from tests.providers.simulated import Simulator

SMS, EMAIL = JobType.SEND_SMS, JobType.SEND_EMAIL
TEXTS = "/Messages.json"


def stop(process: Process, method: Method = Method.KEYWORD) -> None:
    hashed = recipients.phone_hash(PHONE, process.settings.privacy_hash_key)
    process.transact(lambda session: ledger.stop(session, hashed, Withdrawal(method)))


def limited(process: Process, **most: int) -> Process:
    return replace(process, settings=replace(process.settings, **most))


def send(process: Process, booking_id: uuid.UUID) -> Any:
    hurry(process)
    runner.run(process, job_of(process, booking_id, SMS).id)
    return job_of(process, booking_id, SMS)


def said(process: Process, booking_id: uuid.UUID) -> str:
    row = one(
        process, "SELECT error_msg FROM notifications WHERE type = 'sms' AND booking_id = :id", id=booking_id
    )
    return row.error_msg or ""


@pytest.mark.parametrize("method", list(Method))
def test_a_withdrawal_before_the_text_leaves_means_no_call(
    process: Process, sim: Simulator, method: Method
) -> None:
    booking_id = book(process)
    stop(process, method)
    assert send(process, booking_id).outcome == "cancelled"
    assert sim.calls(TEXTS) == []


def test_a_stop_while_the_answer_is_lost_is_looked_for_and_never_sent_again(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process)
    sim.fault("twilio", "drop_before", "POST", TEXTS)
    send(process, booking_id)
    stop(process)
    for _ in range(2):
        ended = send(process, booking_id)
    assert (ended.status, ended.outcome) == ("completed", "cancelled")
    assert sum(call["method"] == "POST" for call in sim.calls(TEXTS)) == 1
    assert "opted out" in said(process, booking_id)


def test_a_text_that_left_before_the_stop_is_known_to_have_left(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    sim.fault("twilio", "drop_after_commit", "POST", TEXTS)
    send(process, booking_id)
    stop(process)
    assert send(process, booking_id).outcome == "ok"
    assert one(process, "SELECT status FROM notifications WHERE type = 'sms'").status == "sent"
    assert len(sim.effects("twilio", "message")) == 1


def test_a_stop_during_the_call_leaves_one_text_and_ends_the_next(process: Process, sim: Simulator) -> None:
    first, second = book(process), book(process, Wish(hour=10))
    sms = process.adapters.sms
    during_call = during(sms, "send", lambda: stop(process))
    racing = replace(process, adapters=replace(process.adapters, sms=Sms(during_call, sms.list_messages)))
    assert send(racing, first).outcome == "ok"
    assert send(process, second).outcome == "cancelled"
    assert len(sim.effects("twilio", "message")) == 1


class Sms:
    """A sender made of two calls."""

    def __init__(self, send: Any, list_messages: Any) -> None:
        self.send, self.list_messages = send, list_messages


def test_another_number_was_never_agreed_to(process: Process, sim: Simulator) -> None:
    booking_id = book(process)
    do(process, "UPDATE bookings SET contact_phone = '+16025550177' WHERE id = :id", id=booking_id)
    assert send(process, booking_id).outcome == "cancelled"
    assert "no opt-in" in said(process, booking_id)
    assert sim.calls(TEXTS) == []


@pytest.mark.parametrize("number", ["+18765550123", "+19005550123", "+16029760123", "+447911123456"])
def test_dear_and_foreign_numbers_are_refused_before_the_call(
    process: Process, sim: Simulator, number: str
) -> None:
    booking_id = book(process)
    do(process, "UPDATE bookings SET contact_phone = :number WHERE id = :id", number=number, id=booking_id)
    do(
        process,
        "INSERT INTO consents (booking_id, phone_hash, channel, purpose, action, method) VALUES (:id, :hash, 'sms', 'booking', 'opt_in', 'web')",
        id=booking_id, hash=recipients.phone_hash(number, process.settings.privacy_hash_key),
    )  # fmt: skip
    assert send(process, booking_id).outcome == "cancelled"
    assert "not a number we may text" in said(process, booking_id)
    assert sim.calls(TEXTS) == []


@pytest.mark.parametrize(
    ("name", "ceiling"),
    [
        ("sms_per_phone_day", Ceiling.PHONE), ("sms_per_prefix_hour", Ceiling.PREFIX), ("sms_per_address_hour", Ceiling.ADDRESS),
    ],
)  # fmt: skip
def test_over_a_ceiling_a_text_is_declined_and_the_booking_says_so(
    process: Process, sim: Simulator, name: str, ceiling: Ceiling
) -> None:
    strict = limited(process, **{name: 2})
    ids = [book(process, Wish(hour=hour)) for hour in (8, 10, 12)]
    do(process, "UPDATE wizard_sessions SET client_addr_hash = 'one address'")
    outcomes = [send(strict, booking_id).outcome for booking_id in ids]
    assert outcomes == ["ok", "ok", "cancelled"]
    assert len(sim.effects("twilio", "message")) == 2
    assert ceiling in said(process, ids[2])
    assert booking(process, ids[2]).needs_attention == f"Not texted: {ceiling}"


def test_over_the_ceiling_for_all_a_text_waits_at_no_cost(process: Process, sim: Simulator) -> None:
    strict = limited(process, sms_per_hour=1)
    ids = [book(process, Wish(hour=hour)) for hour in (8, 10)]
    assert send(strict, ids[0]).outcome == "ok"
    waiting = send(strict, ids[1])
    assert (waiting.status, waiting.attempts, waiting.error_msg) == ("pending", 0, Ceiling.EVERYONE)
    do(process, "UPDATE sms_sends SET sent_at = sent_at - interval '1 hour'")
    assert send(strict, ids[1]).outcome == "ok"
    assert len(sim.effects("twilio", "message")) == 2


def test_a_text_counts_once_however_often_it_is_tried(process: Process, sim: Simulator) -> None:
    strict = limited(process, sms_per_phone_day=1)
    booking_id = book(process)
    sim.fault("twilio", "rate_limit", "POST", TEXTS, times=2)
    for _ in range(3):
        ended = send(strict, booking_id)
    assert ended.outcome == "ok"
    assert one(process, "SELECT count(*) AS n FROM sms_sends").n == 1


def test_without_limits_on_abuse_there_is_room_for_all(process: Process, sim: Simulator) -> None:
    free = limited(process, sms_per_phone_day=1, abuse_limits=False)
    for hour in (8, 10):
        assert send(free, book(process, Wish(hour=hour))).outcome == "ok"


def test_twenty_at_once_never_pass_a_ceiling_of_five(process: Process, database: Engine) -> None:
    ceilings = Ceilings(5, 100, 100, 100)
    admitted, ready = [], threading.Barrier(20)

    def try_one() -> None:
        with database.connect() as connection:
            ready.wait(30)
            with connection.begin():
                parcel = Parcel(uuid.uuid4(), b"phone", b"prefix", None)
                if caps.admit(connection, parcel, ceilings) is None:  # type: ignore[arg-type]
                    admitted.append(parcel)

    threads = [threading.Thread(target=try_one) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(admitted) == 5
    assert one(process, "SELECT count(*) AS n FROM sms_sends").n == 5


def test_a_hundred_bookings_of_one_address_are_three_emails(process: Process, sim: Simulator) -> None:
    ids = [
        book(process, Wish(sms=False, day=day, hour=hour)) for day in range(2, 7) for hour in (8, 10, 12, 14)
    ]
    ids += [book(process, Wish(sms=False, email="other@example.com", day=8))]
    outcomes = [run_type(process, booking_id, EMAIL).outcome for booking_id in ids]
    assert outcomes == ["ok"] * 3 + ["cancelled"] * 17 + ["ok"]
    assert len(sim.effects("klaviyo", "event")) == 4
    told = rows(process, "SELECT error_msg FROM notifications WHERE type = 'email' AND status = 'failed'")
    assert {"too many bookings of this address today" in row.error_msg for row in told} == {True}


def test_a_booking_that_is_written_about_is_written_about_to_its_end(
    process: Process, sim: Simulator
) -> None:
    first = book(process, Wish(sms=False))
    for hour in (10, 12, 14):
        book(process, Wish(sms=False, hour=hour))
    assert process.transact(lambda session: caps.may_mail(session, first))
    last = one(process, "SELECT id FROM bookings ORDER BY id DESC LIMIT 1").id
    assert not process.transact(lambda session: caps.may_mail(session, last))
    do(
        process,
        "UPDATE notifications SET created_at = created_at - interval '25 hours' WHERE booking_id <> :id",
        id=last,
    )
    assert process.transact(lambda session: caps.may_mail(session, last))


def test_the_second_try_after_an_unreachable_handset_is_a_text_of_its_own(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process)
    assert send(process, booking_id).outcome == "ok"
    first = one(process, "SELECT id, external_id FROM notifications WHERE type = 'sms'")
    process.transact(lambda session: report_unreachable(session, first))
    again = send(process, booking_id)
    assert again.outcome == "ok"
    assert len(sim.effects("twilio", "message")) == 2
    rest = rows(process, "SELECT status, resend_of FROM notifications WHERE type = 'sms' ORDER BY id")
    assert [tuple(row) for row in rest] == [("sent", None), ("sent", first.id)]


def report_unreachable(session: Any, first: Any) -> None:
    report = delivery.Report(first.id, first.external_id, "undelivered", "30003", delivery.Fate.SECOND_TRY)
    delivery.record(session, delivery.Event("twilio", "t1", b""), report)
