"""When a call is tried again, at whose cost, and when we give up."""

import uuid
from dataclasses import replace

import pytest

from app.jobs import backoff
from app.jobs.backoff import Later
from app.jobs.handlers import HANDLERS
from app.jobs.work import Abandoned, Job
from app.models.queue_job import JobOutcome
from app.outbox import JobType
from app.providers.ports import Outcome, ProviderError

JOB = Job(uuid.uuid4(), JobType.CREATE_JOB, uuid.uuid4(), {}, {}, 0, 3, 0, 0, None)


@pytest.mark.parametrize(("tries", "longest"), [(0, 5), (1, 20), (2, 80), (3, 320), (5, 3600), (40, 3600)])
def test_the_pause_grows_to_an_hour(tries: int, longest: float) -> None:
    pauses = [backoff.delay(tries) for _ in range(50)]
    assert longest / 2 <= min(pauses) <= max(pauses) <= longest
    assert len(set(pauses)) > 1


@pytest.mark.parametrize("outcome", [Outcome.TRANSIENT, Outcome.UNCERTAIN])
def test_a_failure_uses_an_attempt_until_there_are_none(outcome: Outcome) -> None:
    error = ProviderError(outcome, "jobs.find: 503")
    assert backoff.decide(JOB, error).uses_attempt
    last = backoff.decide(replace(JOB, attempts=2), error)
    assert last == Abandoned(JobOutcome.EXHAUSTED, "jobs.find: 503")


@pytest.mark.parametrize("outcome", [Outcome.THROTTLED, Outcome.CONFIG])
def test_what_is_not_the_jobs_fault_costs_it_nothing(outcome: Outcome) -> None:
    later = backoff.decide(replace(JOB, attempts=99), ProviderError(outcome, "later"))
    assert isinstance(later, Later)
    assert not later.uses_attempt


def test_a_refusal_for_good_is_not_repeated() -> None:
    error = ProviderError(Outcome.PERMANENT, "messages.create: 400", code="21610")
    assert backoff.decide(JOB, error) == Abandoned(JobOutcome.PERMANENT, "messages.create: 400", "21610")


@pytest.mark.parametrize(("asked", "least", "most"), [(600, 600, 600), (99_999, 3600, 3600), (1, 2.5, 5)])
def test_the_providers_wish_wins_when_it_is_longer(asked: float, least: float, most: float) -> None:
    later = backoff.decide(JOB, ProviderError(Outcome.TRANSIENT, "busy", retry_after=asked))
    assert least <= later.seconds <= most


def test_every_kind_of_job_has_a_handler() -> None:
    assert set(HANDLERS) == set(JobType)


def test_a_provider_that_fails_others_too_costs_a_job_nothing_for_a_while() -> None:
    error = ProviderError(Outcome.TRANSIENT, "jobs.create: 503")
    for spared in (0, backoff.PATIENCE - 1):
        later = backoff.decide(replace(JOB, attempts=2, defer_count=spared), error, is_troubled=True)
        assert isinstance(later, Later)
        assert not later.uses_attempt
        assert later.seconds <= 80
    last = backoff.decide(replace(JOB, attempts=2, defer_count=backoff.PATIENCE), error, is_troubled=True)
    assert last == Abandoned(JobOutcome.EXHAUSTED, "jobs.create: 503")


def test_what_others_hold_up_is_looked_at_again_soon_however_often_it_waited() -> None:
    later = backoff.decide(replace(JOB, defer_count=50), ProviderError(Outcome.THROTTLED, "busy"))
    assert 40 <= later.seconds <= 80


def test_a_pause_is_never_shorter_for_being_asked_for() -> None:
    later = backoff.decide(JOB, ProviderError(Outcome.THROTTLED, "busy", retry_after=0))
    assert later.seconds >= 2.5


def test_a_conflict_is_tried_again_and_counts() -> None:
    conflict = ProviderError(Outcome.PERMANENT, "jobs.create: 409", status=409)
    assert backoff.decide(JOB, conflict).uses_attempt
    assert backoff.decide(replace(JOB, attempts=2), conflict).outcome is JobOutcome.EXHAUSTED
