"""A provider that does not answer is left alone for longer and longer, and one answer is enough to trust it again."""

from typing import Any

from sqlalchemy import Row

from app.jobs import circuit, runner
from app.jobs.process import Process
from app.outbox import JobType
from app.providers.ports import Outcome
from tests.jobs.booked import book, do, job_of, one
from tests.providers.simulated import Simulator


def note(process: Process, *outcomes: Outcome) -> None:
    for outcome in outcomes:
        process.transact(lambda session, outcome=outcome: circuit.note(session, "klaviyo", outcome))


def health(process: Process) -> Row[Any]:
    return one(
        process,
        "SELECT state, failures, extract(epoch FROM next_probe_at - now()) AS pause FROM provider_health WHERE provider = 'klaviyo'",
    )


def test_five_failures_in_a_row_open_it(process: Process) -> None:
    note(process, *[Outcome.TRANSIENT] * 4)
    assert health(process).state == "closed"
    note(process, Outcome.UNCERTAIN)
    assert health(process).state == "open"
    assert 20 < health(process).pause < 40


def test_an_answer_in_between_starts_the_count_again(process: Process) -> None:
    note(process, *[Outcome.TRANSIENT] * 4, Outcome.PERMANENT, *[Outcome.TRANSIENT] * 4)
    assert health(process).state == "closed"


def test_each_failed_probe_doubles_the_pause_up_to_five_minutes(process: Process) -> None:
    note(process, *[Outcome.TRANSIENT] * 6)
    assert 44 < health(process).pause < 76
    note(process, *[Outcome.TRANSIENT] * 10)
    assert 230 < health(process).pause < 365


def test_wrong_credentials_open_it_at_once_and_one_success_closes_it(process: Process) -> None:
    note(process, Outcome.CONFIG)
    assert health(process).state == "open"
    note(process, Outcome.OK)
    assert (health(process).state, health(process).failures) == ("closed", 0)


def test_being_throttled_says_nothing_about_health(process: Process) -> None:
    note(process, Outcome.TRANSIENT, Outcome.THROTTLED)
    assert health(process).failures == 1


def test_a_job_that_was_rung_for_before_it_opened_waits_without_an_attempt(
    process: Process, sim: Simulator
) -> None:
    booking_id = book(process)
    do(
        process,
        "INSERT INTO provider_health (provider, state, failures, next_probe_at)"
        " VALUES ('servicetitan', 'open', 5, now() + interval '30 seconds')",
    )
    runner.run(process, job_of(process, booking_id, JobType.CREATE_JOB).id)
    waiting = job_of(process, booking_id, JobType.CREATE_JOB)
    assert (waiting.status, waiting.attempts) == ("pending", 0)
    assert one(
        process,
        "SELECT max(scheduled_at) > now() + interval '20 seconds' AS later FROM queue_jobs WHERE job_type LIKE 'serv%'",
    ).later
    assert sim.calls("/jobs") == []
