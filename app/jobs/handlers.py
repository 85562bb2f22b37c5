"""How each kind of job is done: the table of contents of the work that leaves the house."""

from collections.abc import Mapping
from types import MappingProxyType

from app.jobs import cancel_job, create_job, send_email, send_sms, slot_sync
from app.jobs.work import Handler
from app.outbox import JobType

HANDLERS: Mapping[JobType, Handler] = MappingProxyType(
    {
        JobType.CREATE_JOB: create_job.HANDLER,
        JobType.CANCEL_JOB: cancel_job.HANDLER,
        JobType.SEND_EMAIL: send_email.HANDLER,
        JobType.SEND_SMS: send_sms.HANDLER,
        JobType.SYNC_SLOTS: slot_sync.HANDLER,
    }
)
