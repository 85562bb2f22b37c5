"""What a homeowner's text changes, once for each text and all in one transaction."""

import uuid
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import outbox
from app.log import log
from app.models.inbound_text import Meaning
from app.notifications import caps, ledger, replies
from app.notifications.caps import Ceilings, Parcel
from app.notifications.ledger import Withdrawal
from app.notifications.recipients import phone_hash, prefix_hash
from app.notifications.replies import Reading
from app.outbox import JobType

LONGEST_BODY = 1600

# The booking that is still to come before any other, then the one we texted about last.
BOOKING = text(
    "SELECT b.id, b.version, b.locale, b.status IN ('pending', 'confirmed') AND b.window_end > now() AS is_ahead"
    " FROM notifications n JOIN bookings b ON b.id = n.booking_id WHERE n.recipient_hash = :phone"
    " ORDER BY is_ahead DESC, n.created_at DESC LIMIT 1"
)
KEEP = text(
    "INSERT INTO inbound_texts (provider_sid, phone_hash, booking_id, meaning, body, handled_at)"
    " VALUES (:sid, :phone, :booking_id, :meaning, :body, CASE WHEN :needs_person THEN NULL ELSE now() END)"
    " ON CONFLICT (provider_sid) DO NOTHING RETURNING id"
)
CONFIRM = text(
    "UPDATE bookings SET visit_confirmed_at = now(), updated_at = now() WHERE id = :id AND visit_confirmed_at IS NULL"
    " AND status IN ('pending', 'confirmed') AND window_end > now() RETURNING version"
)


@dataclass(frozen=True)
class Inbound:
    """A text as it came."""

    sid: str
    sender: str
    body: str
    opt_out_type: str = ""


class Reply(StrEnum):
    """What we answer, where the provider has not."""

    STOPPED = "stopped"
    HELP = "help"
    CONFIRMED = "confirmed"


@dataclass(frozen=True)
class Answer:
    """What the homeowner reads next, in the language of the booking; nothing where `reply` is None."""

    reply: Reply | None = None
    locale: str = "en"


@dataclass(frozen=True)
class Kept:
    """A text that is new to us."""

    id: uuid.UUID
    phone: bytes
    booking_id: uuid.UUID | None
    booking_is_ahead: bool


def receive(session: Session, inbound: Inbound, key: str, ceilings: Ceilings) -> Answer:
    """Keep a text, do what it says, and choose the answer; a repeated text changes nothing and gets none."""
    phone = phone_hash(inbound.sender, key)
    reading = replies.read(inbound.body, inbound.opt_out_type)
    row = session.execute(BOOKING, {"phone": phone}).one_or_none()
    values = {
        "sid": inbound.sid,
        "phone": phone,
        "booking_id": row.id if row else None,
        "meaning": reading.meaning,
        "body": inbound.body.replace("\0", "")[:LONGEST_BODY],
        "needs_person": reading.needs_person,
    }
    kept_id = session.execute(KEEP, values).scalar_one_or_none()
    if kept_id is None:
        return Answer()
    log.info("text_received", meaning=reading.meaning.value, method=reading.method.value)
    kept = Kept(kept_id, phone, row.id if row else None, bool(row and row.is_ahead))
    reply = act(session, inbound, reading, kept)
    if reply is None or replies.is_answered(inbound.body, inbound.opt_out_type):
        return Answer()
    parcel = Parcel(kept.id, phone, prefix_hash(inbound.sender, key))
    is_too_much = caps.admit(session, parcel, ceilings) is not None and reply is not Reply.STOPPED
    return Answer() if is_too_much else Answer(reply, row.locale if row else "en")


def act(session: Session, inbound: Inbound, reading: Reading, kept: Kept) -> Reply | None:
    """Do what a text says, and return what may be answered to it."""
    if reading.meaning is Meaning.STOP:
        was_stopped = ledger.is_opted_out(session, kept.phone)
        said = Withdrawal(reading.method, provider_ref=inbound.sid, booking_id=kept.booking_id)
        ledger.stop(session, kept.phone, said, number=inbound.sender)
        return None if was_stopped else Reply.STOPPED
    if reading.meaning is Meaning.START:
        if ledger.is_opted_out(session, kept.phone):
            ledger.restore(session, kept.phone, inbound.sid)
        return None
    if reading.meaning is Meaning.HELP:
        return Reply.HELP
    if reading.meaning is Meaning.CONFIRM and kept.booking_id and kept.booking_is_ahead:
        return confirm(session, kept.booking_id)
    if reading.meaning is Meaning.OTHER and kept.booking_id:
        job = outbox.NewJob(
            JobType.ADD_NOTE,
            kept.booking_id,
            f"{JobType.ADD_NOTE}:text:{kept.id}",
            {"inbound_text_id": str(kept.id)},
        )
        outbox.add(session, job)
    return None


def confirm(session: Session, booking_id: uuid.UUID) -> Reply | None:
    """Write down that somebody will be there, and let ServiceTitan know; once for each window."""
    version = session.execute(CONFIRM, {"id": booking_id}).scalar_one_or_none()
    if version is None:
        return None
    key = outbox.dedupe_key(JobType.CONFIRM_VISIT, booking_id, version)
    outbox.add(session, outbox.NewJob(JobType.CONFIRM_VISIT, booking_id, key, {}))
    return Reply.CONFIRMED
