"""Status callbacks come twice, out of order, and from strangers."""

import random
import uuid
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.notifications import ledger
from tests.pages import PageClient
from tests.webhooks.sealed import SECRET, SHA256, SID, call, sid


def send(client: PageClient, app: Flask, message: uuid.UUID, status: str, **more: Any) -> int:
    fields = {"MessageSid": more.pop("sid", SID), "MessageStatus": status, "ErrorCode": more.pop("code", "")}
    return call(client, app, f"/webhooks/twilio/status?n={message}", fields, **more).status_code


def row(session: Session, message: uuid.UUID) -> Row[Any]:
    session.expire_all()
    return session.execute(text("SELECT * FROM notifications WHERE id = :id"), {"id": message}).one()


def count(session: Session, sql: str) -> int:
    return session.execute(text(f"SELECT count(*) FROM {sql}")).scalar_one()


def test_a_status_only_goes_forward(
    client: PageClient, app: Flask, session: Session, message: uuid.UUID
) -> None:
    for status, expected in (("sent", "sent"), ("queued", "sent"), ("delivered", "delivered"), ("delivered", "delivered"),
                             ("undelivered", "delivered"), ("sending", "delivered"), ("junk", "delivered"), ("read", "read")):  # fmt: skip
        assert send(client, app, message, status) == 204
        assert row(session, message).delivery_status == expected
    assert row(session, message).delivered_at is not None


@pytest.mark.parametrize("story", [
    "failed delivered failed", "canceled delivered canceled", "undelivered delivered delivered", "failed undelivered failed",
    "undelivered failed undelivered",
])  # fmt: skip
def test_what_is_final_stays_unless_it_did_arrive_after_all(
    client: PageClient, app: Flask, session: Session, message: uuid.UUID, story: str
) -> None:
    first, second, stands = story.split()
    send(client, app, message, first)
    send(client, app, message, second)
    assert row(session, message).delivery_status == stands


def test_a_forged_callback_is_403_and_changes_nothing(
    client: PageClient, app: Flask, session: Session, message: uuid.UUID
) -> None:
    assert send(client, app, message, "delivered", key="guessed") == 403
    path = f"/webhooks/twilio/status?n={message}"
    assert client.post(path, data={"MessageStatus": "delivered"}).status_code == 403
    elsewhere = call(
        client, app, path, {"MessageSid": SID, "MessageStatus": "sent"}, base="https://evil.example"
    )
    assert elsewhere.status_code == 403
    assert client.post(path, json={"MessageStatus": "delivered"}).status_code == 403
    assert row(session, message).delivery_status is None
    assert count(session, "provider_events") == 0


def test_a_callback_signed_with_sha_256_is_genuine(
    client: PageClient, app: Flask, session: Session, message: uuid.UUID
) -> None:
    named = {"X-Twilio-Webhooks-Signature-Settings": SHA256}
    assert send(client, app, message, "delivered", headers=named) == 204
    assert row(session, message).delivery_status == "delivered"


def test_a_callback_of_another_message_changes_nothing(
    client: PageClient, app: Flask, session: Session, message: uuid.UUID
) -> None:
    assert send(client, app, message, "delivered", sid="SM" + "f" * 32) == 204
    assert send(client, app, uuid.uuid4(), "delivered") == 204
    assert send(client, app, message, "delivered", sid="junk") == 400
    assert row(session, message).delivery_status is None


def test_a_callback_settles_a_sending_whose_answer_was_lost(
    client: PageClient, app: Flask, session: Session, message: uuid.UUID
) -> None:
    session.execute(
        text("UPDATE notifications SET external_id = NULL, status = 'failed', error_msg = 'uncertain', sent_at = NULL"
             " WHERE id = :id"), {"id": message},
    )  # fmt: skip
    send(client, app, message, "sent")
    found = row(session, message)
    assert (found.status, found.external_id, found.error_msg) == ("sent", SID, None)
    assert found.sent_at is not None


def test_one_event_counts_once_by_the_name_twilio_gives_it(
    client: PageClient, app: Flask, session: Session, message: uuid.UUID
) -> None:
    token = {"I-Twilio-Idempotency-Token": "5f0c5e3e-0001"}
    for status in ("sent", "delivered"):
        assert send(client, app, message, status, headers=token) == 204
    assert row(session, message).delivery_status == "sent"
    assert count(session, "provider_events WHERE provider = 'twilio' AND result = 'applied'") == 1


@pytest.mark.parametrize("code", ["30003", "30008", "30001"])
def test_a_handset_out_of_reach_gets_one_second_try(
    client: PageClient, app: Flask, session: Session, message: uuid.UUID, code: str
) -> None:
    for _ in range(2):
        send(client, app, message, "undelivered", code=code)
    again = session.execute(text("SELECT * FROM notifications WHERE resend_of = :id"), {"id": message}).one()
    job = session.execute(
        text("SELECT payload, scheduled_at > now() + interval '10 minutes' AS is_later FROM queue_jobs"
             " WHERE payload ->> 'notification_id' = :id"), {"id": str(again.id)},
    ).one()  # fmt: skip
    assert (job.payload["version"], job.is_later) == (1, True)
    assert row(session, message).error_msg == f"{code} reported after sending"
    session.execute(
        text("UPDATE notifications SET external_id = :sid WHERE id = :id"), {"sid": sid(2), "id": again.id}
    )
    send(client, app, again.id, "undelivered", code=code, sid=sid(2))
    assert count(session, "notifications WHERE resend_of IS NOT NULL") == 1


@pytest.mark.parametrize("code", ["30004", "30005", "30006"])
def test_a_number_that_takes_no_texts_is_told_to_the_office(
    client: PageClient, app: Flask, session: Session, message: uuid.UUID, code: str
) -> None:
    send(client, app, message, "undelivered", code=code)
    flag = session.execute(text("SELECT needs_attention FROM bookings")).scalar_one()
    assert flag == f"Texts do not reach this phone number ({code})"
    assert count(session, "notifications WHERE resend_of IS NOT NULL") == 0


def test_a_stop_that_only_the_provider_knew_of_enters_the_ledger_once(
    client: PageClient, app: Flask, session: Session, message: uuid.UUID
) -> None:
    for status in ("failed", "undelivered", "failed"):
        send(client, app, message, status, code="21610")
    found = session.execute(
        text("SELECT method, provider_ref, booking_id FROM consents WHERE action = 'opt_out'")
    ).one()
    assert (found.method, found.provider_ref) == ("webhook", SID)
    assert found.booking_id is not None
    assert ledger.is_opted_out(session, row(session, message).recipient_hash)


@pytest.mark.parametrize("code", ["30034", "20003", "30007"])
def test_a_fault_of_ours_raises_the_alarm(
    client: PageClient, app: Flask, session: Session, message: uuid.UUID, code: str
) -> None:
    send(client, app, message, "failed", code=code)
    health = session.execute(text("SELECT * FROM provider_health WHERE provider = 'twilio'")).one()
    assert (health.last_outcome, health.last_reason) == ("config", f"{code} reported after sending")


def test_a_storm_of_callbacks_leaves_what_the_last_true_one_said(
    client: PageClient, app: Flask, session: Session, message: uuid.UUID
) -> None:
    calls = [
        ("queued", SECRET),
        ("sending", SECRET),
        ("sent", SECRET),
        ("delivered", SECRET),
        ("failed", "guessed"),
    ] * 40
    random.Random(7).shuffle(calls)
    ranks = {None: -1, "queued": 1, "sending": 2, "sent": 3, "delivered": 9}
    highest = -1
    for status, key in calls:
        assert send(client, app, message, status, key=key) == (204 if key == SECRET else 403)
        now = ranks[row(session, message).delivery_status]
        assert now >= highest
        highest = now
    assert highest == 9
    assert count(session, "provider_events") == 4
