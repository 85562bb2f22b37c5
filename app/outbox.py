"""The outbox: what must happen outside the database is a row written in the caller's own transaction, or it never happens."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session


class JobType(StrEnum):
    """Every kind of outside work there is."""

    CREATE_JOB = "servicetitan.create_job"
    MOVE_JOB = "servicetitan.move_job"
    CANCEL_JOB = "servicetitan.cancel_job"
    ATTRIBUTE_JOB = "servicetitan.attribute_job"
    ADD_NOTE = "servicetitan.add_note"
    CONFIRM_VISIT = "servicetitan.confirm_visit"
    POLL_FEEDS = "servicetitan.poll_feeds"
    COMPARE_JOBS = "servicetitan.compare_jobs"
    SEND_EMAIL = "klaviyo.send_event"
    SEND_SMS = "twilio.send_sms"
    SUBSCRIBE = "klaviyo.subscribe"
    ERASE_PROFILE = "klaviyo.erase_profile"
    SYNC_SLOTS = "slots.sync"


@dataclass(frozen=True)
class Rules:
    """Who does a kind of work, which provider it needs, and how long we try. Higher priorities go first.

    `time_factor` is how many times a job's usual time one run may take.
    """

    queue: str
    provider: str
    priority: int
    max_attempts: int
    give_up_after: timedelta
    time_factor: int = 1


RULES: Mapping[JobType, Rules] = MappingProxyType(
    {
        JobType.CREATE_JOB: Rules("critical", "servicetitan", 10, 20, timedelta(hours=24)),
        JobType.MOVE_JOB: Rules("critical", "servicetitan", 10, 20, timedelta(hours=24)),
        JobType.CANCEL_JOB: Rules("critical", "servicetitan", 10, 20, timedelta(hours=24)),
        JobType.ATTRIBUTE_JOB: Rules("sync", "servicetitan", 2, 20, timedelta(hours=24)),
        JobType.ADD_NOTE: Rules("critical", "servicetitan", 5, 20, timedelta(hours=24)),
        JobType.CONFIRM_VISIT: Rules("critical", "servicetitan", 5, 8, timedelta(hours=24)),
        JobType.POLL_FEEDS: Rules("sync", "servicetitan", 1, 3, timedelta(minutes=10), time_factor=5),
        JobType.COMPARE_JOBS: Rules("sync", "servicetitan", 0, 5, timedelta(hours=6), time_factor=5),
        JobType.SEND_EMAIL: Rules("notify", "klaviyo", 5, 20, timedelta(hours=24)),
        JobType.SEND_SMS: Rules("notify", "twilio", 5, 8, timedelta(hours=4)),
        JobType.SUBSCRIBE: Rules("notify", "klaviyo", 1, 20, timedelta(hours=24)),
        JobType.ERASE_PROFILE: Rules("notify", "klaviyo", 1, 20, timedelta(hours=72)),
        JobType.SYNC_SLOTS: Rules("sync", "servicetitan", 0, 3, timedelta(minutes=10), time_factor=5),
    }
)
QUEUES = tuple(dict.fromkeys(rules.queue for rules in RULES.values()))
ORDERED = (
    JobType.CREATE_JOB,
    JobType.MOVE_JOB,
    JobType.CANCEL_JOB,
)  # of one booking, these run one after the other, by `seq`


@dataclass(frozen=True)
class NewJob:
    """Work to be done once the transaction commits. A job whose `dedupe_key` is known already is not added again."""

    job_type: JobType
    booking_id: uuid.UUID | None
    dedupe_key: str
    payload: Mapping[str, Any]  # Any: a JSON document, read only by the handler of this job type
    due_in: timedelta = timedelta(0)


ADD = text(
    "INSERT INTO queue_jobs (queue_name, job_type, booking_id, priority, max_attempts, payload, dedupe_key, request_id,"
    " scheduled_at, deadline_at)"
    " SELECT queue_name, job_type, booking_id, priority, max_attempts, payload, dedupe_key, request_id,"
    " now() + make_interval(secs => due_in), now() + make_interval(secs => due_in + give_up_after)"
    " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS new (queue_name text, job_type text, booking_id uuid, priority integer,"
    " max_attempts integer, payload jsonb, dedupe_key text, request_id text, due_in double precision,"
    " give_up_after double precision)"
    " ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING"
)
RETRY = text(
    "UPDATE queue_jobs SET status = 'pending', outcome = NULL, attempts = 0, rescue_count = 0, dispatched_at = NULL,"
    " scheduled_at = now(), deadline_at = now() + make_interval(secs => :give_up_after), completed_at = NULL"
    " WHERE id = :id AND status = 'failed' RETURNING id"
)
TYPE_OF = text("SELECT job_type FROM queue_jobs WHERE id = :id")


def dedupe_key(job_type: JobType, booking_id: uuid.UUID, version: int) -> str:
    """Name a job of a booking at one version: a replay has the same name, a later change a new one."""
    return f"{job_type}:{booking_id}:{version}"


def request_id() -> str | None:
    """Return the id of the request at work, which ties the job's log lines to it."""
    value = structlog.contextvars.get_contextvars().get("request_id")
    return value[:64] if isinstance(value, str) else None


def add(session: Session, *jobs: NewJob) -> None:
    """Write jobs down in one statement; they run after the commit, in the order given where order counts."""
    if jobs:
        session.execute(ADD, {"rows": json.dumps([row(job) for job in jobs])})


def row(job: NewJob) -> dict[str, Any]:
    """Return a job as statements take it, with the rules of its type."""
    rules = RULES[job.job_type]
    return {
        "queue_name": rules.queue,
        "job_type": job.job_type,
        "booking_id": str(job.booking_id) if job.booking_id else None,
        "priority": rules.priority,
        "max_attempts": rules.max_attempts,
        "payload": dict(job.payload),
        "dedupe_key": job.dedupe_key,
        "request_id": request_id(),
        "due_in": job.due_in.total_seconds(),
        "give_up_after": rules.give_up_after.total_seconds(),
    }


def retry(session: Session, job_id: uuid.UUID) -> bool:
    """Take a job out of the dead letter box, with new attempts and the same keys. Answer False when it is not in there."""
    job_type = session.execute(TYPE_OF, {"id": job_id}).scalar_one_or_none()
    if job_type is None:
        return False
    values = {"id": job_id, "give_up_after": RULES[JobType(job_type)].give_up_after.total_seconds()}
    return session.execute(RETRY, values).one_or_none() is not None
