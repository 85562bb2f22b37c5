"""Notifications to be sent: a row for each message and its job in the outbox, both in the caller's transaction."""

import json
import uuid
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import outbox
from app.models.notification import Channel
from app.notifications.recipients import email_hash, phone_hash
from app.outbox import RULES, JobType, NewJob


class MessageKind(StrEnum):
    """What we ever write to a homeowner about."""

    CONFIRMATION = "confirmation"
    MOVED = "moved"
    CANCELLED = "cancelled"
    REMINDER_DAY = "reminder_day"
    REMINDER_SOON = "reminder_soon"
    WINDOW_LOST = "window_lost"


JOB_TYPES = {Channel.EMAIL: JobType.SEND_EMAIL, Channel.SMS: JobType.SEND_SMS}

# Two parts of a WITH, and the statement after it. What is wanted without a channel is a job and no message.
MESSAGES = (
    "wanted AS (SELECT * FROM jsonb_to_recordset(CAST(:wanted AS jsonb)) AS r (channel text, provider text, recipient_hash text,"
    " message_key text, queue_name text, job_type text, priority int, max_attempts int, payload jsonb, dedupe_key text,"
    " due_in interval, give_up_after interval){only_if}),"
    " message AS (INSERT INTO notifications (booking_id, type, provider, template, locale, recipient_hash, due_at, dedupe_key)"
    " SELECT :booking_id, channel, provider, :kind, :locale, decode(recipient_hash, 'hex'),"
    " now() + due_in, message_key FROM wanted WHERE channel IS NOT NULL"
    " ON CONFLICT (dedupe_key) DO NOTHING RETURNING id, dedupe_key AS message_key)"
)
JOBS = (
    "INSERT INTO queue_jobs (queue_name, job_type, booking_id, priority, max_attempts, payload, dedupe_key, request_id,"
    " scheduled_at, deadline_at) SELECT queue_name, job_type, :booking_id, priority, max_attempts,"
    " coalesce(payload, jsonb_build_object('notification_id', id, 'version', CAST(:version AS int))), dedupe_key, :request_id,"
    " now() + due_in, now() + due_in + give_up_after"
    " FROM wanted LEFT JOIN message USING (message_key) WHERE channel IS NULL OR id IS NOT NULL"
    " ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING"
)
ADD = text(f"WITH {MESSAGES.format(only_if='')} {JOBS}")


@dataclass(frozen=True)
class Message:
    """What to write to whom: always by e-mail, and by SMS to those who opted in.

    A message is named by kind, channel, booking and the booking's version.
    """

    booking_id: uuid.UUID
    version: int
    locale: str
    kind: MessageKind
    sms: bool
    phone: str
    email: str
    due_in: timedelta = timedelta(0)

    def values(self, privacy_key: str, *jobs: NewJob) -> dict[str, object]:
        """Return the parameters of the statement; `jobs` are other work for the same booking."""
        recipients = {Channel.EMAIL: email_hash(self.email, privacy_key)}
        if self.sms:
            recipients[Channel.SMS] = phone_hash(self.phone, privacy_key)
        wanted = [self._row(channel, hashed) for channel, hashed in recipients.items()]
        return {
            "wanted": json.dumps([*map(outbox.row, jobs), *wanted]),
            "booking_id": self.booking_id,
            "version": self.version,
            "kind": self.kind,
            "locale": self.locale,
            "request_id": outbox.request_id(),
        }

    def _row(self, channel: Channel, recipient_hash: bytes) -> dict[str, object]:
        job_type = JOB_TYPES[channel]
        name = f"{self.kind}:{channel}:{self.booking_id}:{self.version}"
        job = outbox.row(NewJob(job_type, self.booking_id, f"{job_type}:{name}", {}, self.due_in))
        return job | {
            "payload": None,
            "channel": channel,
            "provider": RULES[job_type].provider,
            "recipient_hash": recipient_hash.hex(),
            "message_key": name,
        }


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
    """Queue one message by e-mail and, for those who opted in, one by SMS: one statement, safe to repeat."""
    message = Message(booking_id, version, locale, kind, sms, phone, email, due_in)
    session.execute(ADD, message.values(privacy_key))
