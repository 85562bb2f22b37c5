"""SMS: only to those who agreed and did not withdraw, and never twice.

Twilio knows no idempotency key. What is about to be sent is therefore stored first; after an unclear end the messages to
that number are listed, twice with a pause between, before it is sent once more. After that a person has to look.
"""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.jobs import messages
from app.jobs.messages import Envelope
from app.jobs.process import Process
from app.jobs.work import Abandoned, Declined, Desk, Handler, Job, LookAgainError, UnresolvedError
from app.notifications.messages import sms_text
from app.providers.ports import Outcome, ProviderError, SmsMessage, SmsRecord

CLOCKS_DIFFER = timedelta(seconds=60)
LOOKS = 2
STOPPED_AT_PROVIDER = "21610"

# A STOP by keyword, or one the provider told us of, ends only by a keyword; any other opt-out by a later opt-in.
OPTED_OUT = text(
    "SELECT EXISTS (SELECT 1 FROM consents o WHERE o.phone_hash = :phone AND o.channel = 'sms' AND o.action = 'opt_out'"
    " AND NOT EXISTS (SELECT 1 FROM consents i WHERE i.phone_hash = o.phone_hash AND i.channel = 'sms' AND i.action = 'opt_in'"
    " AND i.created_at > o.created_at AND (i.method = 'keyword' OR o.method NOT IN ('keyword', 'webhook'))))"
)
ADD_OPT_OUT = text(
    "INSERT INTO consents (booking_id, phone_hash, channel, purpose, action, method)"
    " SELECT booking_id, recipient_hash, 'sms', 'booking', 'opt_out', 'webhook' FROM notifications"
    " WHERE id = :id AND recipient_hash IS NOT NULL"
)


def prepare(session: Session, process: Process, job: Job) -> Envelope | Declined:
    """Read the message, and ask the consents in the same transaction that claims it."""
    envelope = messages.read(session, process, job)
    if isinstance(envelope, Declined):
        return envelope
    if not envelope.opted_in:
        return messages.decline(session, envelope.notification_id, "no opt-in")
    if session.execute(OPTED_OUT, {"phone": envelope.recipient_hash}).scalar_one():
        return messages.decline(session, envelope.notification_id, "opted out")
    return envelope


def call(desk: Desk, envelope: Envelope) -> str:
    """Send the message and return Twilio's id. After an unclear end look for it first."""
    body = sms_text(envelope.wording, envelope.facts)
    if desk.job.ref.get("sent_at"):
        found = look_for(desk, envelope, body)
        if found is not None:
            return found.sid
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
        if not messages.may_have_left(error):
            desk.progress(sent_at=None, wording=None)
        raise


def look_for(desk: Desk, envelope: Envelope, body: str) -> SmsRecord | None:
    """Find what an earlier try sent. None once it is certain enough that nothing was.

    Raise LookAgainError before the last look, and UnresolvedError when the second try ended unclear as well.
    """
    ref = desk.job.ref
    since = datetime.fromisoformat(ref["sent_at"]) - CLOCKS_DIFFER
    known = {ref.get("body"), fingerprint(body)}
    for record in desk.process.adapters.sms.list_messages(envelope.phone, since):
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


def abandon(session: Session, process: Process, job: Job, abandoned: Abandoned) -> None:
    """Close the message; a STOP that only the provider knew of goes into our ledger."""
    messages.abandon(session, process, job, abandoned)
    if abandoned.code == STOPPED_AT_PROVIDER:
        session.execute(ADD_OPT_OUT, {"id": job.payload["notification_id"]})


HANDLER = Handler(prepare, call, messages.settle, abandon)
