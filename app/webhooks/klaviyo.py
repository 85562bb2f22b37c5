"""Klaviyo tells which e-mails arrived, and who wants no more news. An account may not have these callbacks: nothing waits for them."""

import hashlib
import json
import re
from typing import Any

from flask import Blueprint, abort, request
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.notifications import delivery, ledger
from app.notifications.delivery import Event, Result
from app.notifications.recipients import email_hash
from app.providers.klaviyo_signature import is_genuine
from app.web import settings, transaction

klaviyo = Blueprint("klaviyo", __name__)
EVENT_ID = re.compile(r"[\x21-\x7e]{1,150}")
# As jobs name an event when they send it: booking, message, version of the booking.
UNIQUE_ID = re.compile(r"booking-([0-9a-f-]{36}):([a-z_]{1,30}):v([0-9]{1,9})")
STATUSES = (
    ("email_delivered", "delivered"), ("received_email", "delivered"), ("email_bounced", "bounced"), ("bounced_email", "bounced"),
    ("dropped_email", "bounced"),
)  # fmt: skip
WITHDRAWALS = ("unsubscribe", "spam")
RECIPIENT = text("SELECT recipient_hash FROM notifications WHERE dedupe_key = :dedupe_key AND type = 'email'")


@klaviyo.post("/webhooks/klaviyo")
def receive() -> tuple[str, int]:
    """Take a bundle of events; a forged or old one is 403 and changes nothing, each event counts once."""
    body = request.get_data()
    refuse_forged(body)
    events = read_events(body)

    def work(session: Session) -> None:
        for event in events:
            take(session, event)

    transaction.run(work)
    return "", 204


def read_events(body: bytes) -> list[dict[str, Any]]:  # Any: their JSON
    """Return the events of a bundle; anything else is 400."""
    try:
        data = json.loads(body)["data"]
    except (ValueError, KeyError, TypeError):
        abort(400)
    if not isinstance(data, list):
        abort(400)
    return [
        event
        for event in data
        if isinstance(event, dict) and EVENT_ID.fullmatch(str(event.get("external_id", "")))
    ]


def take(session: Session, event: dict[str, Any]) -> None:
    """Do what one event says, once."""
    event_id, topic = str(event["external_id"]), str(event.get("topic", ""))
    properties = properties_of(event)
    name = name_of(properties)
    known = Event("klaviyo", event_id, hashlib.sha256(f"{topic}:{event_id}:{name}".encode()).digest())
    if not delivery.note(session, known, Result.APPLIED if is_ours(topic) else Result.UNKNOWN):
        return
    if any(word in topic for word in WITHDRAWALS):
        withdraw(session, event_id, properties, name)
    status = next((status for words, status in STATUSES if words in topic), None)
    if status and name:
        error = None if status == "delivered" else "bounced, reported after sending"
        delivery.record_email(session, name, status, error)


def is_ours(topic: str) -> bool:
    """Say whether a topic is one of those that mean something here."""
    return any(word in topic for word in (*WITHDRAWALS, *(words for words, _ in STATUSES)))


def withdraw(session: Session, event_id: str, properties: dict[str, Any], name: str | None) -> None:
    """Write down that somebody wants no more news, found by the address or by the e-mail that led there."""
    address = properties.get("email") or properties.get("$email") or properties.get("Recipient Email Address")
    if isinstance(address, str) and "@" in address:
        ledger.stop_email(session, email_hash(address, settings().privacy_hash_key), event_id[:64])
    elif name:
        found: bytes | None = session.execute(RECIPIENT, {"dedupe_key": name}).scalar_one_or_none()
        if found:
            ledger.stop_email(session, found, event_id[:64])


def properties_of(event: dict[str, Any]) -> dict[str, Any]:
    """Return what Klaviyo tells of an event; nothing where the shape is another."""
    here: Any = event
    for name in ("payload", "data", "attributes", "event_properties"):
        here = here.get(name) if isinstance(here, dict) else None
    return here if isinstance(here, dict) else {}


def name_of(properties: dict[str, Any]) -> str | None:
    """Return the key of the message an event is about, where its unique id is told."""
    for name in ("unique_id", "$event_id", "event_id"):
        found = UNIQUE_ID.fullmatch(str(properties.get(name, "")))
        if found:
            booking, kind, version = found.groups()
            return f"{kind}:email:{booking}:{version}"
    return None


def refuse_forged(body: bytes) -> None:
    """Answer 403 unless it was signed with our secret in the last minutes."""
    secret = settings().klaviyo_webhook_secret
    timestamp = request.headers.get("Klaviyo-Timestamp", "")
    given = request.headers.get("Klaviyo-Signature", "")
    if not secret or not is_genuine(secret, body, timestamp, given, clock.now()):
        abort(403)
