"""SMS: only to those who agreed and did not withdraw, never more than the ceilings allow, and never twice.

Twilio knows no idempotency key. What is about to be sent is therefore stored first; after an unclear end the messages to
that number are listed, twice with a pause between, before it is sent once more. After that a person has to look. Whoever
withdraws in between is looked for all the same, and never sent to again.
"""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.jobs import messages
from app.jobs.messages import Envelope
from app.jobs.process import Process
from app.jobs.work import Abandoned, Declined, Deferred, Desk, Handler, Job, LookAgainError, UnresolvedError
from app.log import log
from app.models.queue_job import JobOutcome
from app.notifications import caps, ledger
from app.notifications.caps import Ceiling, Ceilings, Parcel
from app.notifications.ledger import Method, Withdrawal
from app.notifications.messages import sms_text
from app.notifications.recipients import home_number, phone_hash, prefix_hash
from app.providers.ports import Outcome, ProviderError, SmsMessage, SmsRecord

CLOCKS_DIFFER = timedelta(seconds=60)
LOOKS = 2
STOPPED_AT_PROVIDER = "21610"
NO_ROOM = timedelta(minutes=5)
LATER = text("SELECT clock_timestamp() + make_interval(secs => :seconds)")
RECIPIENT = text("SELECT booking_id, recipient_hash FROM notifications WHERE id = :id")
FLAG = text(
    "UPDATE bookings SET needs_attention = coalesce(needs_attention, :words), updated_at = now() WHERE id = :booking_id"
)


@dataclass(frozen=True)
class Letter:
    """A text to be sent. With `barred` it must not leave any more: it is only looked for, because it may have left."""

    envelope: Envelope
    barred: str | None = None


def prepare(session: Session, process: Process, job: Job) -> Letter | Declined | Deferred:
    """Read the message, and ask consents and ceilings in the same transaction that claims it."""
    envelope = messages.read(session, process, job)
    if not isinstance(envelope, Envelope):
        return envelope
    barred = why_not(session, envelope, process.settings.privacy_hash_key)
    if job.ref.get("sent_at"):
        return Letter(envelope, barred)
    if barred:
        return messages.decline(session, envelope.notification_id, barred)
    return admit(session, process, envelope)


def why_not(session: Session, envelope: Envelope, key: str) -> str | None:
    """Say why this number must not be texted about this booking, if so."""
    phone = phone_hash(envelope.phone, key)
    if not envelope.opted_in or not ledger.has_agreed(session, envelope.booking_id, phone):
        return "no opt-in"
    if ledger.is_opted_out(session, phone):
        return "opted out"
    return None if home_number(envelope.phone) == envelope.phone else "not a number we may text"


def admit(session: Session, process: Process, envelope: Envelope) -> Letter | Declined | Deferred:
    """Count the text, or hold it back: for good where somebody asks for too many, for a while where we all do."""
    own = process.settings
    parcel = Parcel(
        envelope.notification_id,
        phone_hash(envelope.phone, own.privacy_hash_key),
        prefix_hash(envelope.phone, own.privacy_hash_key),
        caps.address_of(session, envelope.booking_id),
    )
    broken = caps.admit(session, parcel, Ceilings.of(own))
    if broken is None:
        return Letter(envelope)
    log.error("sms_ceiling", ceiling=broken.name.lower())
    if broken is Ceiling.EVERYONE:
        until = session.execute(LATER, {"seconds": NO_ROOM.total_seconds()}).scalar_one()
        return Deferred(until, broken)
    session.execute(FLAG, {"booking_id": envelope.booking_id, "words": f"Not texted: {broken}"})
    return messages.decline(session, envelope.notification_id, broken)


def call(desk: Desk, letter: Letter) -> str | None:
    """Send the message and return Twilio's id. After an unclear end look for it first; None: it never left and must not."""
    envelope, ref = letter.envelope, desk.job.ref
    body = sms_text(envelope.wording, envelope.facts)
    if ref.get("sent_at"):
        found = look_for(desk, letter, body)
        if found is not None:
            return found.sid
        if letter.barred:
            return None
        desk.progress(resent=True, looks=0, body=fingerprint(body))
    else:
        desk.progress(
            sent_at=desk.claimed_at.isoformat(), wording=envelope.wording, body=fingerprint(body), looks=0
        )
    return send(desk, SmsMessage(envelope.phone, body, envelope.notification_id))


def send(desk: Desk, message: SmsMessage) -> str:
    """Hand the message over. What certainly did not leave may be sent again as if nothing had been."""
    try:
        return desk.process.adapters.sms.send(message).sid
    except ProviderError as error:
        if error.outcome is Outcome.UNCERTAIN:
            raise LookAgainError(error.reason) from error
        if not error.may_have_acted:
            desk.progress(sent_at=None, wording=None)
        raise


def look_for(desk: Desk, letter: Letter, body: str) -> SmsRecord | None:
    """Find what an earlier try sent. None once it is certain enough that nothing was.

    Raise LookAgainError before the last look, and UnresolvedError when the second try ended unclear as well.
    """
    ref = desk.job.ref
    since = datetime.fromisoformat(ref["sent_at"]) - CLOCKS_DIFFER
    known = {ref.get("body"), fingerprint(body)}
    for record in desk.process.adapters.sms.list_messages(letter.envelope.phone, since):
        if fingerprint(record.body) in known:
            return record
    looks = int(ref.get("looks") or 0) + 1
    if looks < LOOKS:
        desk.progress(looks=looks)
        raise LookAgainError("not in the list of messages yet")
    if ref.get("resent"):
        raise UnresolvedError("two tries, and neither is in the list of messages")
    return None


def fingerprint(body: str) -> str:
    """Return what is stored of a text: enough to know it again."""
    return hashlib.sha256(body.encode()).hexdigest()


def settle(session: Session, job: Job, letter: Letter, sid: str | None) -> JobOutcome:
    """Write down that Twilio has it, and under which name; or that it never left."""
    if sid is None:
        messages.decline(session, letter.envelope.notification_id, letter.barred or "")
        return JobOutcome.CANCELLED
    return messages.settle(session, job, letter.envelope, sid)


def abandon(session: Session, process: Process, job: Job, abandoned: Abandoned) -> None:
    """Close the message; a STOP that only the provider knew of goes into our ledger."""
    messages.abandon(session, process, job, abandoned)
    if abandoned.code == STOPPED_AT_PROVIDER:
        stop_as_told(session, uuid.UUID(str(job.payload["notification_id"])))


def stop_as_told(session: Session, notification_id: uuid.UUID) -> None:
    """Enter what the provider knew of a number."""
    row = session.execute(RECIPIENT, {"id": notification_id}).one_or_none()
    if row is not None and row.recipient_hash and not ledger.is_opted_out(session, row.recipient_hash):
        ledger.stop(session, row.recipient_hash, Withdrawal(Method.WEBHOOK, booking_id=row.booking_id))


HANDLER = Handler(prepare, call, settle, abandon)
