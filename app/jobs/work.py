"""The words handlers and runner share: a claimed job, how its claim may be declined, how its call may end."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy.orm import Session

from app.jobs.process import Process
from app.models.queue_job import JobOutcome
from app.outbox import JobType


@dataclass(frozen=True)
class Job:
    """A row of queue_jobs as its claim found it. `ref` is what is known so far of the provider's side."""

    id: uuid.UUID
    job_type: JobType
    booking_id: uuid.UUID | None
    payload: Mapping[str, Any]  # Any: JSON that the handler of this job type reads
    ref: Mapping[str, Any]  # Any: JSON that the handler of this job type wrote
    attempts: int
    max_attempts: int
    defer_count: int
    rescue_count: int
    request_id: str | None

    @property
    def never_started(self) -> bool:
        """Say whether no worker ever got as far as a call: there is nothing of it at the provider."""
        return self.attempts == 0 and not self.ref


class Verdict(StrEnum):
    """Why a claim declines to call the provider."""

    CANCELLED = "cancelled"
    NOTHING_TO_DO = "ok"


@dataclass(frozen=True)
class Declined:
    """No call is needed: the job ends here, for this reason."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Deferred:
    """Not now, by our own choice: the job comes back then, with its attempts and its patience untouched."""

    until: datetime
    reason: str


@dataclass(frozen=True)
class Abandoned:
    """A job that will not be tried again, and the provider's own code where there is one."""

    outcome: JobOutcome
    reason: str
    code: str | None = None


class LookAgainError(Exception):
    """The provider's side is still unclear: come back after a while, without using up an attempt."""


class UnresolvedError(Exception):
    """It cannot be found out whether the call had its effect, and repeating it could double it: a person must look."""


class FencedError(Exception):
    """The lease has passed to another worker: stop before the next side effect and write nothing."""


class CrashedError(Exception):
    """Our own side broke or ran out of time in mid-call: whether the call had its effect is unknown."""


class Progress(Protocol):
    """Store what became known, fenced by the lease; the worker's proof that it moves on."""

    def __call__(self, **known: object) -> None:
        """Merge values into the job's `ref`. Raise FencedError when the lease is no longer ours."""


@dataclass(frozen=True)
class Desk:
    """What a call works with outside any transaction."""

    process: Process
    job: Job
    claimed_at: datetime
    progress: Progress


@dataclass(frozen=True)
class Handler:
    """How one kind of job is done, in four steps.

    `prepare` reads all the call needs, under the claim's locks, or declines, or defers. `call` talks to the provider outside any
    transaction. `settle` writes what follows from success, together with the fenced finish. `abandon` writes what
    follows from giving up. What `prepare` returns is handed to `call` and `settle`, what `call` returns to `settle`.
    """

    prepare: Callable[[Session, Process, Job], Any]  # Any: each handler's own facts, Declined or Deferred
    call: Callable[[Desk, Any], Any]  # Any: the same facts in, the handler's own result out
    settle: Callable[[Session, Job, Any, Any], JobOutcome]  # Any: facts and result
    abandon: Callable[[Session, Process, Job, Abandoned], None]
