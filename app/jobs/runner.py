"""One job from claim to finish: three short transactions, with the provider's call between them and outside of all."""

import time
import traceback
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from sqlalchemy.orm import Session

from app.jobs import backoff, circuit, killpoint
from app.jobs import lease as leases
from app.jobs.backoff import Later
from app.jobs.circuit import Way
from app.jobs.handlers import HANDLERS
from app.jobs.killpoint import Point
from app.jobs.lease import Lease
from app.jobs.process import Process, is_away
from app.jobs.work import (
    Abandoned,
    CrashedError,
    Declined,
    Deferred,
    Desk,
    FencedError,
    Job,
    LookAgainError,
    UnresolvedError,
)
from app.log import log
from app.models.queue_job import JobOutcome
from app.outbox import RULES
from app.providers import answers
from app.providers.ports import CONFLICT, Outcome, ProviderError


@dataclass(frozen=True)
class Claimed:
    """A job that is ours, and what its handler read for the call. A probe asks on behalf of every job that waits."""

    lease: Lease
    facts: object
    is_probe: bool = False
    answered: int = 0  # calls of this attempt that went well before its last


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
            killpoint.reach(Point.AFTER_CLAIM)
            started = time.monotonic()
            with answers.counted() as counted:
                ended = call(process, claimed)
            log.info("job_ran", duration_ms=round((time.monotonic() - started) * 1000, 1))
            killpoint.reach(Point.BEFORE_FINISH)
            finish(process, replace(claimed, answered=counted.understood), ended)


def log_context(job: Job) -> dict[str, str]:
    """Return the ids that tie this job's log lines to the booking and to the request that asked for it."""
    ids = {"job_type": job.job_type, "booking_id": job.booking_id, "request_id": job.request_id}
    return {name: str(value) for name, value in ids.items() if value is not None}


def claim(process: Process, job_id: uuid.UUID) -> Claimed | None:
    """Claim the job; one whose facts cannot even be read uses an attempt up, so that it ends in the dead letter box."""
    try:
        return process.transact(lambda session: try_claim(session, process, job_id))
    except Exception as error:  # whatever a handler trips over must not ring for ever
        if is_away(error):
            raise
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
    if row.job_type not in HANDLERS:
        log.warning("job_unknown", job_type=row.job_type)  # a newer version wrote it and will do it
        return None
    job = leases.job_of(row)
    provider = RULES[job.job_type].provider
    way = circuit.way(session, provider)
    if row.is_late:
        abandon(session, process, job, too_late(row.error_msg))
    elif way is Way.SHUT or leases.must_wait(session, row):
        leases.leave(session, job)
        log.info("job_held_back", provider_way=way.value)
    else:
        facts = HANDLERS[job.job_type].prepare(session, process, job)
        if isinstance(facts, Declined):
            leases.complete(session, job, JobOutcome(facts.verdict), facts.reason)
            log.info("job_declined", job_type=job.job_type.value, reason=facts.reason)
        elif isinstance(facts, Deferred):
            leases.wait(session, job, facts.until, facts.reason)
            log.info("job_deferred", reason=facts.reason, until=facts.until.isoformat())
        elif way is Way.PROBE and not circuit.take_probe(session, provider, process.lease_seconds):
            leases.leave(session, job)
        else:
            lease = leases.take(session, job, process.lease_seconds)
            return Claimed(lease, facts, is_probe=way is Way.PROBE)
    return None


def too_late(last_error: str | None) -> Abandoned:
    """Give up at the deadline, keeping in mind what went wrong until then."""
    reason = "not done in time" + (f", last: {last_error}" if last_error else "")
    return Abandoned(JobOutcome.DEADLINE, reason)


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
        return Success(ask(desk, claimed.facts))
    except (ProviderError, LookAgainError, UnresolvedError, FencedError) as ended:
        return ended
    except Exception as error:  # noqa: BLE001 - a bug or a time-out in mid-call must not end the worker
        log.error("job_crashed", **where(error))
        return CrashedError(type(error).__name__)


def ask(desk: Desk, facts: object) -> object:
    """Make the call. A conflict may be with an earlier call of ours: once more at once, because it begins by looking."""
    make = HANDLERS[desk.job.job_type].call
    try:
        return make(desk, facts)
    except ProviderError as error:
        if error.status != CONFLICT:
            raise
        return make(desk, facts)


def finish(
    process: Process,
    claimed: Claimed,
    ended: Ending | FencedError,
) -> None:
    """Write outcome and consequences in one transaction, where the lease is still ours."""
    try:
        if isinstance(ended, FencedError):
            raise ended
        try:
            process.transact(lambda session: write(session, process, claimed, ended))
        except (
            Exception
        ) as error:  # what cannot be written would keep the job until its lease ends, and then again
            if isinstance(error, FencedError) or is_away(error):
                raise
            log.error("job_crashed", **where(error))
            crash = CrashedError(type(error).__name__)
            process.transact(lambda session: write(session, process, claimed, crash))
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
    is_troubled = not isinstance(
        ended, CrashedError
    ) and circuit.note(  # a crash says nothing about the provider
        session, RULES[job.job_type].provider, provider_error(ended), claimed.answered
    )
    if isinstance(ended, Success):
        outcome = HANDLERS[job.job_type].settle(session, job, claimed.facts, ended.result)
        leases.complete(session, job, outcome)
        log.info("job_completed", outcome=outcome.value)
    elif isinstance(ended, LookAgainError):
        later = Later(process.look_again_seconds, uses_attempt=False, reason=str(ended))
        settle_failure(session, process, job, later)
    elif isinstance(ended, UnresolvedError):
        settle_failure(session, process, job, Abandoned(JobOutcome.UNCERTAIN, str(ended)))
    elif isinstance(ended, CrashedError):
        unknown = ProviderError(Outcome.UNCERTAIN, str(ended))
        settle_failure(session, process, job, backoff.decide(job, unknown))
    else:
        next_step = backoff.decide(job, ended, is_probe=claimed.is_probe, is_troubled=is_troubled)
        settle_failure(session, process, job, next_step)


def provider_error(ended: Ending) -> ProviderError | None:
    """Return what the provider itself did wrong, also where the handler made something else of it."""
    error = ended.__cause__ if isinstance(ended, LookAgainError | UnresolvedError) else ended
    return error if isinstance(error, ProviderError) else None


def settle_failure(session: Session, process: Process, job: Job, next_step: Later | Abandoned) -> None:
    """Postpone a claimed job or give it up."""
    if isinstance(next_step, Abandoned):
        abandon(session, process, job, next_step)
    else:
        leases.postpone(session, job, next_step)
        log.info("job_postponed", seconds=round(next_step.seconds, 1), reason=next_step.reason)


def abandon(session: Session, process: Process, job: Job, abandoned: Abandoned) -> None:
    """Move a locked job to the dead letter box, with what its handler makes of that; a fault in there does not save it."""
    try:
        with session.begin_nested():
            HANDLERS[job.job_type].abandon(session, process, job, abandoned)
    except Exception as error:
        if is_away(error):
            raise
        log.error("job_crashed", **where(error))
    leases.fail(session, job, abandoned)
    log.error(
        "job_failed",
        queue_job_id=str(job.id),
        job_type=job.job_type.value,
        outcome=abandoned.outcome.value,
        reason=abandoned.reason,
    )
