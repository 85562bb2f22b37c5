"""How each kind of job is done: the table of contents of the work that leaves the house."""

from collections.abc import Mapping
from types import MappingProxyType

from app.jobs import (
    add_note,
    attribute_job,
    cancel_job,
    compare_jobs,
    confirm_visit,
    create_job,
    erase_profile,
    move_job,
    poll_feeds,
    send_email,
    send_sms,
    slot_sync,
    subscribe,
)
from app.jobs.work import Handler
from app.outbox import JobType

HANDLERS: Mapping[JobType, Handler] = MappingProxyType(
    {
        JobType.CREATE_JOB: create_job.HANDLER,
        JobType.MOVE_JOB: move_job.HANDLER,
        JobType.CANCEL_JOB: cancel_job.HANDLER,
        JobType.ATTRIBUTE_JOB: attribute_job.HANDLER,
        JobType.ADD_NOTE: add_note.HANDLER,
        JobType.CONFIRM_VISIT: confirm_visit.HANDLER,
        JobType.POLL_FEEDS: poll_feeds.HANDLER,
        JobType.COMPARE_JOBS: compare_jobs.HANDLER,
        JobType.SEND_EMAIL: send_email.HANDLER,
        JobType.SEND_SMS: send_sms.HANDLER,
        JobType.SUBSCRIBE: subscribe.HANDLER,
        JobType.ERASE_PROFILE: erase_profile.HANDLER,
        JobType.SYNC_SLOTS: slot_sync.HANDLER,
    }
)
