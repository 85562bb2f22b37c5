"""Notifications to be sent: a row for each message and its job in the outbox, both in the caller's transaction."""

import json
import uuid
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.models.notification import Channel
from app.notifications.recipients import email_hash, phone_hash
from app.outbox import RULES, JobType, request_id


class MessageKind(StrEnum):
    """What we ever write to a homeowner about."""

    CONFIRMATION = "confirmation"
    MOVED = "moved"
    CANCELLED = "cancelled"
    REMINDER_DAY = "reminder_day"
    REMINDER_SOON = "reminder_soon"
    WINDOW_LOST = "window_lost"


JOB_TYPES = {Channel.EMAIL: JobType.SEND_EMAIL, Channel.SMS: JobType.SEND_SMS}

ADD = text(
    "WITH new AS (SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (channel text, provider text, recipient_hash text,"
    " dedupe_key text, job_key text, queue_name text, job_type text, priority integer, max_attempts integer,"
    " give_up_after double precision)),"
    " message AS (INSERT INTO notifications (booking_id, type, provider, template, locale, recipient_hash, due_at, dedupe_key)"
    " SELECT :booking_id, channel, provider, :kind, :locale, decode(recipient_hash, 'hex'),"
    " now() + make_interval(secs => :due_in), dedupe_key FROM new"
    " ON CONFLICT (dedupe_key) DO NOTHING RETURNING id, dedupe_key)"
    " INSERT INTO queue_jobs (queue_name, job_type, booking_id, priority, max_attempts, payload, dedupe_key, request_id,"
    " scheduled_at, deadline_at)"
    " SELECT new.queue_name, new.job_type, :booking_id, new.priority, new.max_attempts,"
    " jsonb_build_object('notification_id', message.id, 'version', CAST(:version AS integer)), new.job_key, :request_id,"
    " now() + make_interval(secs => :due_in), now() + make_interval(secs => :due_in + new.give_up_after)"
    " FROM new JOIN message USING (dedupe_key)"
    " ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING"
)


def add(
    session: Session,
    *,
    booking_id: uuid.UUID,
    version: int,
    locale: str,
    kind: MessageKind,
    sms: bool,
    phone: str,
    email: str,
    privacy_key: str,
    due_in: timedelta = timedelta(0),
) -> None:
    """Queue one message by e-mail and, for those who opted in, one by SMS: one statement, safe to repeat.

    A message is named by kind, channel, booking and the booking's version.
    """
    recipients = {Channel.EMAIL: email_hash(email, privacy_key)}
    if sms:
        recipients[Channel.SMS] = phone_hash(phone, privacy_key)
    rows = [
        _row(channel, f"{kind}:{channel}:{booking_id}:{version}", hashed)
        for channel, hashed in recipients.items()
    ]
    session.execute(
        ADD,
        {
            "rows": json.dumps(rows),
            "booking_id": booking_id,
            "version": version,
            "kind": kind,
            "locale": locale,
            "request_id": request_id(),
            "due_in": due_in.total_seconds(),
        },
    )


def _row(channel: Channel, name: str, recipient_hash: bytes) -> dict[str, object]:
    job_type = JOB_TYPES[channel]
    rules = RULES[job_type]
    return {
        "channel": channel,
        "provider": rules.provider,
        "recipient_hash": recipient_hash.hex(),
        "dedupe_key": name,
        "job_key": f"{job_type}:{name}",
        "queue_name": rules.queue,
        "job_type": job_type,
        "priority": rules.priority,
        "max_attempts": rules.max_attempts,
        "give_up_after": rules.give_up_after.total_seconds(),
    }
