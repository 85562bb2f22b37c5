"""What happens after a call that did not end well: when to try again, at whose cost, or that we give up."""

import random
from dataclasses import dataclass

from app.jobs.work import Abandoned, Job
from app.models.queue_job import JobOutcome
from app.providers.ports import CONFLICT, Outcome, ProviderError

LONGEST = 3600.0
FIRST = 5.0
LONGEST_FREE = 2  # steps: what others hold up is looked at again within 80 seconds
PATIENCE = 20  # times that a job is spared because its provider is in trouble; it may be the job itself
FREE = {Outcome.THROTTLED, Outcome.CONFIG}  # the provider did nothing and it is not this job's fault


@dataclass(frozen=True)
class Later:
    """Try again after so many seconds; `uses_attempt` says whether this one counts."""

    seconds: float
    uses_attempt: bool
    reason: str


def delay(tries: int) -> float:
    """Return 5, 20, 80, 320 s ... up to an hour, cut by a random half so that a crowd does not come back at once."""
    return min(LONGEST, FIRST * 4.0 ** min(tries, 8)) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


def decide(
    job: Job, error: ProviderError, *, is_probe: bool = False, is_troubled: bool = False
) -> Later | Abandoned:
    """Choose by the outcome's class. `job.attempts` counts the attempts before this one.

    A conflict may be our own earlier call: the next try looks for it, or repeats the same key. A probe that failed costs
    its job nothing: the provider was known to be away, and the same job may be asked to look again and again. Nor does a
    failure at a provider that fails others too: it passes for all of them at once.
    """
    if error.outcome is Outcome.PERMANENT and error.status != CONFLICT:
        return Abandoned(JobOutcome.PERMANENT, error.reason, error.code)
    free = error.outcome in FREE or is_probe or (is_troubled and job.defer_count < PATIENCE)
    if not free and job.attempts + 1 >= job.max_attempts:
        return Abandoned(JobOutcome.EXHAUSTED, error.reason, error.code)
    wait = delay(min(job.defer_count, LONGEST_FREE) if free else job.attempts)
    if error.retry_after is not None:
        wait = max(wait, min(error.retry_after, LONGEST))
    return Later(wait, uses_attempt=not free, reason=str(error))
