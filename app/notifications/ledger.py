"""Who may be written to: one rule over a ledger that only grows, asked in the same transaction that sends."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session


class Method(StrEnum):
    """How somebody agreed or withdrew."""

    WEB = "web"
    KEYWORD = "keyword"
    FREEFORM = "freeform"
    STAFF = "staff"
    WEBHOOK = "webhook"


@dataclass(frozen=True)
class Withdrawal:
    """How somebody withdrew: by which message (`provider_ref`), or on whose word (`actor`)."""

    method: Method
    provider_ref: str | None = None
    actor: str | None = None
    booking_id: uuid.UUID | None = None


@dataclass(frozen=True)
class Stop:
    """The withdrawal that is in force."""

    method: Method
    since: datetime


# What somebody wrote from the phone itself, or what the provider tells us they wrote, ends only by a word from that phone.
STOP_IN_FORCE = text(
    "SELECT o.method, o.created_at FROM consents o WHERE o.phone_hash = :phone AND o.channel = 'sms' AND o.action = 'opt_out'"
    " AND NOT EXISTS (SELECT 1 FROM consents i WHERE i.phone_hash = o.phone_hash AND i.channel = 'sms' AND i.action = 'opt_in'"
    " AND i.created_at > o.created_at AND (i.method = 'keyword' OR o.method NOT IN ('keyword', 'freeform', 'webhook')))"
    " ORDER BY o.created_at DESC LIMIT 1"
)
AGREED = text(
    "SELECT EXISTS (SELECT 1 FROM consents WHERE booking_id = :booking_id AND phone_hash = :phone AND channel = 'sms'"
    " AND purpose = 'booking' AND action = 'opt_in' AND method = 'web')"
)
STOP = text(
    "INSERT INTO consents (booking_id, phone_hash, channel, purpose, action, method, actor, provider_ref, created_at)"
    " VALUES (:booking_id, :phone, 'sms', 'booking', 'opt_out', :method, :actor, :provider_ref, clock_timestamp())"
)
PROJECT_STOP = text("UPDATE customers SET sms_opt_in = false WHERE phone = :phone AND sms_opt_in")
RESTORE = text(
    "INSERT INTO consents (customer_id, phone_hash, channel, purpose, action, text_version, text_sha256, locale, method,"
    " provider_ref, created_at)"
    " SELECT DISTINCT ON (purpose) customer_id, phone_hash, channel, purpose, 'opt_in', text_version, text_sha256, locale,"
    " 'keyword', :provider_ref, clock_timestamp() FROM consents"
    " WHERE phone_hash = :phone AND channel = 'sms' AND action = 'opt_in' AND method = 'web' ORDER BY purpose, created_at DESC"
    " RETURNING purpose"
)
FRESH_EMAIL = text(
    "SELECT EXISTS (SELECT 1 FROM consents i WHERE i.email_hash = :email AND i.booking_id = :booking_id AND i.channel = 'email'"
    " AND i.purpose = 'marketing' AND i.action = 'opt_in' AND i.created_at > now() - interval '7 days'"
    " AND NOT EXISTS (SELECT 1 FROM consents o WHERE o.email_hash = i.email_hash AND o.action = 'opt_out'"
    " AND o.created_at >= i.created_at))"
)
STOP_EMAIL = text(
    "INSERT INTO consents (email_hash, channel, purpose, action, method, provider_ref, created_at)"
    " VALUES (:email, 'email', 'marketing', 'opt_out', 'webhook', :provider_ref, clock_timestamp())"
)


def stop_of(session: Session, phone: bytes) -> Stop | None:
    """Return the withdrawal that keeps us from texting this number, whoever's customer it is."""
    row = session.execute(STOP_IN_FORCE, {"phone": phone}).one_or_none()
    return Stop(Method(row.method), row.created_at) if row else None


def is_opted_out(session: Session, phone: bytes) -> bool:
    """Say whether this number must not be texted."""
    return stop_of(session, phone) is not None


def has_agreed(session: Session, booking_id: uuid.UUID, phone: bytes) -> bool:
    """Say whether the box was ticked for this booking and for this very number."""
    return bool(session.execute(AGREED, {"booking_id": booking_id, "phone": phone}).scalar_one())


def stop(session: Session, phone: bytes, withdrawal: Withdrawal, *, number: str | None = None) -> None:
    """Write down that this number wants no more texts; where the number itself is known, its customers show it."""
    session.execute(STOP, vars(withdrawal) | {"phone": phone})
    if number:
        session.execute(PROJECT_STOP, {"phone": number})


def restore(session: Session, phone: bytes, provider_ref: str) -> bool:
    """Lift a stop by a word from the phone, for what was agreed to before and nothing else. Say whether anything was."""
    values = {"phone": phone, "provider_ref": provider_ref}
    return bool(session.execute(RESTORE, values).all())


def has_fresh_email_opt_in(session: Session, booking_id: uuid.UUID, email: bytes) -> bool:
    """Say whether this booking's own tick of the last days still stands for news by e-mail."""
    values = {"booking_id": booking_id, "email": email}
    return bool(session.execute(FRESH_EMAIL, values).scalar_one())


def stop_email(session: Session, email: bytes, provider_ref: str) -> None:
    """Write down that this address wants no more news."""
    session.execute(STOP_EMAIL, {"email": email, "provider_ref": provider_ref})
