"""Callbacks come twice, out of order, and from strangers."""

import uuid

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.providers.twilio_signature import signature
from tests.factories import add_week
from tests.pages import PageClient, Walk

SECRET = "twilio-token-for-tests"
SID = "SM" + "0" * 31 + "1"


def test_the_signature_is_what_their_validator_computes() -> None:
    fields = {
        "CallSid": ["CA1234567890ABCDE"], "Caller": ["+14158675309"], "Digits": ["1234"], "From": ["+14158675309"],
        "To": ["+18005551212"],
    }  # fmt: skip
    assert (
        signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", fields)
        == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    )


@pytest.fixture
def message(client: PageClient, session: Session) -> uuid.UUID:
    """A text that Twilio took."""
    add_week(session)
    Walk(client).start().to("done")
    row = session.execute(
        text("UPDATE notifications SET external_id = :sid WHERE type = 'sms' RETURNING id"), {"sid": SID}
    )
    return row.scalar_one()


def send(
    client: PageClient, app: Flask, message: uuid.UUID, status: str, *, key: str = SECRET, sid: str = SID
) -> int:
    base = app.extensions["a1_settings"].public_base_url
    path = f"/webhooks/twilio/status?n={message}"
    fields = {
        "MessageSid": sid,
        "MessageStatus": status,
        "ErrorCode": "30003" if status == "undelivered" else "",
    }
    seal = signature(key, base + path, {name: [value] for name, value in fields.items()})
    return client.post(path, data=fields, headers={"X-Twilio-Signature": seal}).status_code


def test_a_status_only_goes_forward(
    client: PageClient, app: Flask, session: Session, message: uuid.UUID
) -> None:
    state = text("SELECT delivery_status, delivered_at IS NOT NULL FROM notifications WHERE type = 'sms'")
    for status, expected in (("sent", "sent"), ("queued", "sent"), ("delivered", "delivered"), ("delivered", "delivered"),
                             ("undelivered", "delivered"), ("sending", "delivered")):  # fmt: skip
        assert send(client, app, message, status) == 204
        assert session.execute(state).one()[0] == expected
    assert session.execute(state).one()[1]


def test_a_forged_callback_is_403_and_changes_nothing(
    client: PageClient, app: Flask, session: Session, message: uuid.UUID
) -> None:
    assert send(client, app, message, "delivered", key="guessed") == 403
    assert (
        client.post(f"/webhooks/twilio/status?n={message}", data={"MessageStatus": "delivered"}).status_code
        == 403
    )
    assert (
        session.execute(text("SELECT delivery_status FROM notifications WHERE type = 'sms'")).scalar_one()
        is None
    )


def test_a_callback_of_another_message_changes_nothing(
    client: PageClient, app: Flask, session: Session, message: uuid.UUID
) -> None:
    assert send(client, app, message, "delivered", sid="SM" + "f" * 32) == 204
    assert send(client, app, uuid.uuid4(), "delivered") == 204
    assert send(client, app, message, "delivered", sid="junk") == 400
    assert (
        session.execute(text("SELECT delivery_status FROM notifications WHERE type = 'sms'")).scalar_one()
        is None
    )
