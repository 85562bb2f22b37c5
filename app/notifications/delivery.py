"""What became of a message after the provider took it: callbacks come twice and out of order, a status never goes back."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app import outbox
from app.log import log
from app.notifications import ledger
from app.notifications.ledger import Method, Withdrawal
from app.outbox import JobType

RANKS = {"accepted": 0, "scheduled": 0, "queued": 1, "sending": 2, "sent": 3}
FINAL = frozenset({"undelivered", "failed", "canceled", "delivered", "read"})
FAILURES = frozenset({"undelivered", "failed"})
CORRECTIONS = {("undelivered", "delivered"), ("undelivered", "read"), ("delivered", "read")}
SECOND_TRY_AFTER = timedelta(minutes=15)

LOCK_BOOKING = text(
    "SELECT 1 FROM bookings WHERE id = (SELECT booking_id FROM notifications WHERE id = :id) FOR NO KEY UPDATE"
)
CURRENT = text(
    "SELECT id, booking_id, recipient_hash, delivery_status FROM notifications WHERE id = :id AND type = 'sms'"
    " AND (external_id IS NULL OR external_id = :external_id) FOR NO KEY UPDATE"
)
NOTE_EVENT = text(
    "INSERT INTO provider_events (provider, event_id, payload_hash, result) VALUES (:provider, :event_id, :payload_hash, :result)"
    " ON CONFLICT DO NOTHING RETURNING 1"
)
# A callback names the text it is about, so it also settles a sending whose answer was lost.
MARK = text(
    "UPDATE notifications SET delivery_status = CAST(:status AS text), external_id = :external_id, sent_at = coalesce(sent_at, now()),"
    " error_msg = CASE WHEN CAST(:status AS text) IN ('delivered', 'read') OR status <> 'sent' THEN CAST(:error AS text)"
    " ELSE coalesce(CAST(:error AS text), error_msg) END, status = 'sent',"
    " delivered_at = CASE WHEN CAST(:status AS text) IN ('delivered', 'read') THEN coalesce(delivered_at, now()) ELSE delivered_at END"
    " WHERE id = :id"
)
SECOND_TRY = text(
    "INSERT INTO notifications (booking_id, type, provider, template, locale, recipient_hash, due_at, dedupe_key, resend_of)"
    " SELECT n.booking_id, n.type, n.provider, n.template, n.locale, n.recipient_hash, now() + make_interval(secs => :wait),"
    " 'resend:' || n.id, n.id FROM notifications n JOIN bookings b ON b.id = n.booking_id"
    " WHERE n.id = :id AND n.resend_of IS NULL AND b.window_end > now()"
    " AND (b.status IN ('pending', 'confirmed') OR n.template = 'cancelled')"
    " ON CONFLICT (dedupe_key) DO NOTHING RETURNING id"
)
FIRST_JOB = text(
    "SELECT payload FROM queue_jobs WHERE booking_id = :booking_id AND job_type = :job_type"
    " AND payload ->> 'notification_id' = :id ORDER BY seq LIMIT 1"
)
FLAG = text(
    "UPDATE bookings SET needs_attention = coalesce(needs_attention, :words), updated_at = now() WHERE id = :booking_id"
)
ALARM = text(
    "INSERT INTO provider_health (provider, last_failure_at, last_outcome, last_reason)"
    " VALUES ('twilio', clock_timestamp(), 'config', :reason) ON CONFLICT (provider) DO UPDATE"
    " SET last_failure_at = excluded.last_failure_at, last_outcome = excluded.last_outcome, last_reason = excluded.last_reason"
)
MARK_EMAIL = text(
    "UPDATE notifications SET delivery_status = CAST(:status AS text), error_msg = CAST(:error AS text),"
    " delivered_at = CASE WHEN CAST(:status AS text) = 'delivered' THEN now() ELSE delivered_at END"
    " WHERE dedupe_key = :dedupe_key AND type = 'email'"
    " AND (delivery_status IS NULL OR (delivery_status = 'bounced' AND CAST(:status AS text) = 'delivered')) RETURNING id"
)


class Fate(StrEnum):
    """What a reported failure asks of us."""

    LOST = "lost"
    SECOND_TRY = "second_try"
    BAD_NUMBER = "bad_number"
    OPTED_OUT = "opted_out"
    OUR_SETUP = "our_setup"


class Result(StrEnum):
    """What a callback changed."""

    APPLIED = "applied"
    OLDER = "older"
    UNKNOWN = "unknown"
    DUPLICATE = "duplicate"


@dataclass(frozen=True)
class Event:
    """One callback by the provider's own name for it."""

    provider: str
    id: str
    payload_hash: bytes


@dataclass(frozen=True)
class Report:
    """What a callback says of a text: its own name at the provider, a status, and for a failure its code and meaning."""

    notification_id: uuid.UUID
    external_id: str
    status: str
    code: str | None = None
    fate: Fate = Fate.LOST


def note(session: Session, event: Event, result: Result) -> bool:
    """Keep that a callback came. Answer False when it has been here before."""
    values = vars(event) | {"event_id": event.id, "result": result}
    return session.execute(NOTE_EVENT, values).one_or_none() is not None


def record(session: Session, event: Event, report: Report) -> Result:
    """Store a newer status of a text, and do what its failure asks for."""
    values = {"id": report.notification_id, "external_id": report.external_id}
    if report.status in FAILURES:
        session.execute(LOCK_BOOKING, values)  # the order of locks is everyone's: the booking first
    row = session.execute(CURRENT, values).one_or_none()
    result = Result.UNKNOWN
    if row is not None:
        result = Result.APPLIED if is_newer(row.delivery_status, report.status) else Result.OLDER
    if not note(session, event, result):
        return Result.DUPLICATE
    if row is not None and result is Result.APPLIED:
        error = f"{report.code} reported after sending" if report.code else None
        session.execute(MARK, values | {"status": report.status, "error": error})
        if report.status in FAILURES:
            follow_up(session, row, report)
    return result


def is_newer(known: str | None, status: str) -> bool:
    """Say whether a status may follow another: what is final stays, but a text that did arrive after all did arrive."""
    if status not in FINAL and status not in RANKS:
        return False
    if known is None:
        return True
    if known in FINAL:
        return (known, status) in CORRECTIONS
    return status in FINAL or RANKS[status] > RANKS[known]


def follow_up(session: Session, row: Row[Any], report: Report) -> None:
    """Do what this failure asks for."""
    if report.fate is Fate.SECOND_TRY:
        try_again(session, row)
    elif report.fate is Fate.BAD_NUMBER:
        words = f"Texts do not reach this phone number ({report.code})"
        session.execute(FLAG, {"booking_id": row.booking_id, "words": words})
    elif report.fate is Fate.OPTED_OUT and row.recipient_hash is not None:
        if not ledger.is_opted_out(session, row.recipient_hash):
            said = Withdrawal(Method.WEBHOOK, provider_ref=report.external_id, booking_id=row.booking_id)
            ledger.stop(session, row.recipient_hash, said)
    elif report.fate is Fate.OUR_SETUP:
        session.execute(ALARM, {"reason": f"{report.code} reported after sending"})
        log.error("provider_setup", provider="twilio", code=report.code)


def try_again(session: Session, row: Row[Any]) -> None:
    """Send the text once more after a while, as a message of its own; never a third time."""
    values = {"id": row.id, "wait": SECOND_TRY_AFTER.total_seconds()}
    again = session.execute(SECOND_TRY, values).scalar_one_or_none()
    if again is None:
        return
    values = {"id": str(row.id), "booking_id": row.booking_id, "job_type": JobType.SEND_SMS}
    payload = session.execute(FIRST_JOB, values).scalar_one_or_none() or {"version": 1}
    job = outbox.NewJob(
        JobType.SEND_SMS,
        row.booking_id,
        f"{JobType.SEND_SMS}:resend:{row.id}",
        dict(payload) | {"notification_id": str(again)},
        due_in=SECOND_TRY_AFTER,
    )
    outbox.add(session, job)


def record_email(session: Session, dedupe_key: str, status: str, error: str | None) -> Result:
    """Store what became of an e-mail."""
    values = {"dedupe_key": dedupe_key, "status": status, "error": error}
    found = session.execute(MARK_EMAIL, values).one_or_none()
    return Result.APPLIED if found else Result.OLDER
