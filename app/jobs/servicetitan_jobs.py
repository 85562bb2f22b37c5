"""Booking and cancelling the visit in ServiceTitan, whose API knows no idempotency key.

Creating is therefore always: look, and only then ask. Before the one request that makes the job, `create_sent` is stored;
a later run that finds it set and no job looks twice, a minute apart, before it asks again.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import outbox
from app.analytics.attribution import touch_from_json
from app.analytics.events import Event, EventType, record
from app.booking import status
from app.booking.issues import BY_CODE, Urgency
from app.jobs.process import Process
from app.jobs.work import Abandoned, Declined, Desk, Handler, Job, LookAgainError, Verdict
from app.log import log
from app.models.booking import BookingStatus
from app.models.queue_job import JobOutcome
from app.outbox import JobType, NewJob
from app.providers.ports import (
    FieldAddress,
    FieldCustomer,
    JobOrder,
    JobRef,
    JobStatus,
    Outcome,
    Priority,
    ProviderError,
)

ACTOR = "servicetitan"
ATTENTION = "ServiceTitan: "
PRIORITIES = {
    Urgency.EMERGENCY: Priority.URGENT,
    Urgency.HIGH: Priority.HIGH,
    Urgency.NORMAL: Priority.NORMAL,
    Urgency.LOW: Priority.LOW,
    Urgency.PLANNED: Priority.LOW,
}
NOT_DONE = {Outcome.THROTTLED, Outcome.CONFIG, Outcome.PERMANENT}
