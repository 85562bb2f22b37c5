"""What Klaviyo tells of e-mails: signed, fresh, and once."""

import json
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.notifications.recipients import email_hash
from app.providers.klaviyo_signature import is_genuine, signature
from tests.pages import PageClient

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _secret(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    own = replace(app.extensions["a1_settings"], klaviyo_webhook_secret=SECRET)
    monkeypatch.setitem(app.extensions, "a1_settings", own)


def event(topic: str, number: int = 1, **properties: Any) -> dict[str, Any]:
    """One event as Klaviyo puts it."""
    attributes = {"timestamp": 1776118606, "uuid": "u", "event_properties": properties}
    data = {"type": "event", "id": f"73WCCK7JKt{number}", "attributes": attributes}
    return {"topic": f"event:klaviyo.{topic}", "external_id": data["id"], "payload": {"data": data}}


def send(client: PageClient, *events: dict[str, Any], **more: Any) -> int:
    """Post a bundle; `key` and `at` make it forged or old."""
    body = json.dumps({"meta": {"klaviyo_webhook_id": "01TEST"}, "data": list(events)}).encode()
    at: datetime = more.get("at") or clock.now()
    timestamp = at.isoformat() if more.get("iso") else format_datetime(at, usegmt=True)
    headers = {
        "Klaviyo-Timestamp": timestamp,
        "Klaviyo-Signature": signature(more.get("key", SECRET), body, timestamp),
    }
    return client.post(
        "/webhooks/klaviyo", data=body, content_type="application/json", headers=headers
    ).status_code


@pytest.fixture
def mail(message: uuid.UUID, session: Session) -> str:
    """The unique id under which a booking's e-mail is known there."""
    row = session.execute(text("SELECT booking_id FROM notifications WHERE type = 'email'")).one()
    return f"booking-{row.booking_id}:confirmation:v1"


def email_row(session: Session) -> Any:
    return session.execute(text("SELECT * FROM notifications WHERE type = 'email'")).one()


def count(session: Session, sql: str) -> int:
    return session.execute(text(f"SELECT count(*) FROM {sql}")).scalar_one()


def test_the_signature_is_what_theirs_is() -> None:
    body, timestamp = b'{"data":[],"meta":{"klaviyo_webhook_id":"01TEST"}}', "Tue, 14 Apr 2026 03:50:12 GMT"
    seal = "06b18a4505a0c917cf24743dc1bcd9cdc627f42f09e0303b0bdc8dc3de4be2eb"
    assert signature(SECRET, body, timestamp) == seal
    now = datetime.fromisoformat("2026-04-14T03:54:00+00:00")
    assert is_genuine(SECRET, body, timestamp, seal.upper(), now)
    assert not is_genuine(SECRET, body, timestamp, seal, now + timedelta(minutes=5))
    assert not is_genuine(SECRET, body, "soon", signature(SECRET, body, "soon"), now)


@pytest.mark.parametrize("iso", [True, False])
def test_a_delivered_email_shows_as_delivered(
    client: PageClient, session: Session, mail: str, iso: bool
) -> None:
    assert send(client, event("email_delivered", unique_id=mail), iso=iso) == 204
    row = email_row(session)
    assert (row.delivery_status, row.delivered_at is not None) == ("delivered", True)
    assert send(client, event("bounced_email", 2, unique_id=mail)) == 204
    assert email_row(session).delivery_status == "delivered"


def test_a_bounce_is_kept_with_its_reason(client: PageClient, session: Session, mail: str) -> None:
    send(client, event("bounced_email", unique_id=mail))
    assert (email_row(session).delivery_status, email_row(session).error_msg) == (
        "bounced",
        "bounced, reported after sending",
    )


def test_an_unsubscribe_enters_the_ledger_once(client: PageClient, app: Flask, session: Session) -> None:
    gone = event("unsubscribed_from_email_marketing", email="Pat@example.com")
    for _ in range(3):
        assert send(client, gone) == 204
    row = session.execute(text("SELECT * FROM consents WHERE action = 'opt_out'")).one()
    key = app.extensions["a1_settings"].privacy_hash_key
    assert (row.channel, row.purpose, row.email_hash) == (
        "email",
        "marketing",
        email_hash("pat@example.com", key),
    )
    assert count(session, "provider_events WHERE provider = 'klaviyo'") == 1


def test_an_unsubscribe_is_found_by_the_email_that_led_there(
    client: PageClient, session: Session, mail: str
) -> None:
    send(client, event("marked_email_as_spam", unique_id=mail))
    assert session.execute(text("SELECT email_hash FROM consents WHERE action = 'opt_out'")).scalar_one() == (
        email_row(session).recipient_hash
    )


@pytest.mark.parametrize(
    "how",
    [{"key": "guessed"}, {"at": clock.now() - timedelta(minutes=6)}, {"at": clock.now() + timedelta(days=1)}],
)
def test_what_is_forged_or_old_is_403_and_changes_nothing(
    client: PageClient, session: Session, mail: str, how: dict[str, Any]
) -> None:
    assert send(client, event("email_delivered", unique_id=mail), **how) == 403
    assert email_row(session).delivery_status is None
    assert count(session, "provider_events") == 0


def test_without_a_secret_nothing_is_believed(client: PageClient, app: Flask, session: Session) -> None:
    app.extensions["a1_settings"] = replace(app.extensions["a1_settings"], klaviyo_webhook_secret="")
    assert send(client, event("email_delivered"), key="") == 403


def test_strange_shapes_harm_nobody(client: PageClient, session: Session) -> None:
    assert (
        send(
            client,
            {"external_id": "x1"},
            {"external_id": "x2", "topic": 7, "payload": []},
            event("opened_email", 3),
        )
        == 204
    )
    assert (
        send(
            client,
            event("email_delivered", 4, unique_id="booking-1:x:v1"),
            event("unsubscribed_from_list", 5),
        )
        == 204
    )
    body = b"[]"
    timestamp = format_datetime(clock.now(), usegmt=True)
    headers = {"Klaviyo-Timestamp": timestamp, "Klaviyo-Signature": signature(SECRET, body, timestamp)}
    assert client.post("/webhooks/klaviyo", data=body, headers=headers).status_code == 400
