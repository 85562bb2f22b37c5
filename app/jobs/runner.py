"""One job from claim to finish: three short transactions, with the provider's call between them and outside of all."""

import traceback
import uuid
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from app.jobs import backoff, circuit
from app.jobs import lease as leases
from app.jobs.backoff import Later
from app.jobs.handlers import HANDLERS
from app.jobs.lease import Lease
from app.jobs.process import Process
from app.jobs.work import (
    Abandoned,
    CrashedError,
    Declined,
    Desk,
    FencedError,
    Job,
    LookAgainError,
    UnresolvedError,
)
from app.log import log
from app.models.queue_job import JobOutcome
from app.outbox import RULES
from app.providers.ports import Outcome, ProviderError


@dataclass(frozen=True)
class Claimed:
    """A job that is ours, and what its handler read for the call."""

    lease: Lease
    facts: object


@dataclass(frozen=True)
class Success:
    """The call went well, with this result."""

    result: object


Ending = Success | ProviderError | LookAgainError | UnresolvedError | CrashedError


def run(process: Process, job_id: uuid.UUID) -> None:
    """Do a job if it is due and nobody else has it; a duplicate doorbell ends here without a trace."""
    with structlog.contextvars.bound_contextvars(queue_job_id=str(job_id)):
        claimed = claim(process, job_id)
        if claimed is None:
            return
        with structlog.contextvars.bound_contextvars(**log_context(claimed.lease.job)):
            finish(process, claimed, call(process, claimed))


def log_context(job: Job) -> dict[str, str]:
    """Return the ids that tie this job's log lines to the booking and to the request that asked for it."""
    ids = {"job_type": job.job_type, "booking_id": job.booking_id, "request_id": job.request_id}
    return {name: str(value) for name, value in ids.items() if value is not None}


def claim(process: Process, job_id: uuid.UUID) -> Claimed | None:
    """Claim the job; one whose facts cannot even be read uses an attempt up, so that it ends in the dead letter box."""
    try:
        return process.transact(lambda session: try_claim(session, process, job_id))
    except (DBAPIError, PoolTimeout):
        raise
    except Exception as error:  # noqa: BLE001 - whatever a handler trips over must not ring for ever
        log.error("job_crashed", **where(error))
        reason = type(error).__name__
        process.transact(lambda session: stumble(session, process, job_id, reason))
        return None


def try_claim(session: Session, process: Process, job_id: uuid.UUID) -> Claimed | None:
    """Lock booking and job, look whether the job still makes sense, and take it."""
    row = leases.lock_due(session, job_id)
    if row is None:
        log.info("job_not_due")
        return None
    job, handler = leases.job_of(row), HANDLERS[leases.job_of(row).job_type]
    pause = circuit.pause_left(session, RULES[job.job_type].provider)
    if leases.must_wait(session, row):
        leases.leave(session, job)
    elif row.is_late:
        abandon(session, process, job, Abandoned(JobOutcome.DEADLINE, "not done in time"))
    elif pause is not None:
        leases.postpone(
            session, job, Later(pause + 1, uses_attempt=False, reason="provider paused"), claimed=False
        )
    else:
        facts = handler.prepare(session, process, job)
        if not isinstance(facts, Declined):
            return Claimed(leases.take(session, job, process.lease_seconds), facts)
        leases.complete(session, job, JobOutcome(facts.verdict), facts.reason)
        log.info("job_declined", reason=facts.reason)
    return None


def where(error: Exception) -> dict[str, str]:
    """Name an unexpected error and its place; its message may repeat what a person typed."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return {"error": type(error).__name__, "at": f"{Path(last.filename).name}:{last.lineno} {last.name}"}


def stumble(session: Session, process: Process, job_id: uuid.UUID, reason: str) -> None:
    """Count a failed claim as an attempt."""
    row = leases.lock_due(session, job_id)
    if row is None:
        return
    lease = leases.take(session, leases.job_of(row), process.lease_seconds)
    settle_failure(
        session, process, lease.job, backoff.decide(lease.job, ProviderError(Outcome.TRANSIENT, reason))
    )


def call(process: Process, claimed: Claimed) -> Ending | FencedError:
    """Call the provider with no transaction open, and return how that ended, whatever it was."""
    lease = claimed.lease

    def progress(**known: object) -> None:
        process.transact(lambda session: leases.keep(session, lease, known))

    desk = Desk(process, lease.job, lease.claimed_at, progress)
    try:
        return Success(HANDLERS[lease.job.job_type].call(desk, claimed.facts))
    except (ProviderError, LookAgainError, UnresolvedError, FencedError) as ended:
        return ended
    except Exception as error:  # noqa: BLE001 - a bug or a time-out in mid-call must not end the worker
        log.error("job_crashed", **where(error))
        return CrashedError(type(error).__name__)


def finish(
    process: Process,
    claimed: Claimed,
    ended: Ending | FencedError,
) -> None:
    """Write outcome and consequences in one transaction, where the lease is still ours."""
    try:
        if isinstance(ended, FencedError):
            raise ended
        process.transact(lambda session: write(session, process, claimed, ended))
    except FencedError:
        log.warning("job_fenced")


def write(
    session: Session,
    process: Process,
    claimed: Claimed,
    ended: Ending,
) -> None:
    """Fence, then write what follows from how the call ended."""
    job = claimed.lease.job
    leases.fence(session, claimed.lease)
    if isinstance(ended, Success):
        outcome = HANDLERS[job.job_type].settle(session, job, claimed.facts, ended.result)
        leases.complete(session, job, outcome)
        circuit.note(session, RULES[job.job_type].provider, Outcome.OK)
        log.info("job_completed", outcome=outcome.value)
    elif isinstance(ended, LookAgainError):
        later = Later(process.look_again_seconds, uses_attempt=False, reason=str(ended))
        settle_failure(session, process, job, later)
    elif isinstance(ended, UnresolvedError):
        settle_failure(session, process, job, Abandoned(JobOutcome.UNCERTAIN, str(ended)))
    elif isinstance(ended, CrashedError):
        unknown = ProviderError(Outcome.UNCERTAIN, str(ended))  # says nothing about the provider's health
        settle_failure(session, process, job, backoff.decide(job, unknown))
    else:
        settle_failure(session, process, job, backoff.decide(job, ended))
        circuit.note(session, RULES[job.job_type].provider, ended.outcome)


def settle_failure(session: Session, process: Process, job: Job, next_step: Later | Abandoned) -> None:
    """Postpone a claimed job or give it up."""
    if isinstance(next_step, Abandoned):
        abandon(session, process, job, next_step)
    else:
        leases.postpone(session, job, next_step, claimed=True)
        log.info("job_postponed", seconds=round(next_step.seconds, 1), reason=next_step.reason)


def abandon(session: Session, process: Process, job: Job, abandoned: Abandoned) -> None:
    """Move a locked job to the dead letter box, with what its handler makes of that."""
    HANDLERS[job.job_type].abandon(session, process, job, abandoned)
    leases.fail(session, job, abandoned)
    log.error("job_failed", outcome=abandoned.outcome.value, reason=abandoned.reason)
