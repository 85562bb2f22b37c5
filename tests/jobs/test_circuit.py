"""A provider that does not answer is left alone for longer and longer, and one answer is enough to trust it again."""

import threading
from typing import Any

import pytest
from sqlalchemy import Row, text
from structlog.testing import capture_logs

from app.jobs import circuit, runner
from app.jobs.circuit import Way
from app.jobs.process import Process
from app.outbox import JobType
from app.providers.ports import Outcome, ProviderError
from tests.jobs.booked import Wish, book, do, during, job_of, one, rows, run_type
from tests.providers.simulated import JOBS, Simulator

CREATE = JobType.CREATE_JOB
BAD, GOOD = Outcome.TRANSIENT, Outcome.OK


def note(
    process: Process, *outcomes: Outcome, provider: str = "klaviyo", answered: int = 0, **more: Any
) -> None:
    for outcome in outcomes:
        error = None if outcome is GOOD else ProviderError(outcome, f"events.create: {outcome}", **more)
        process.transact(lambda session, error=error: circuit.note(session, provider, error, answered))


def health(process: Process, provider: str = "klaviyo") -> Row[Any]:
    return one(
        process,
        "SELECT *, extract(epoch FROM next_probe_at - now()) AS pause FROM provider_health WHERE provider = :provider",
        provider=provider,
    )


def way(process: Process, provider: str = "klaviyo") -> Way:
    return process.transact(lambda session: circuit.way(session, provider))


def probe(process: Process, provider: str = "klaviyo") -> bool:
    """Let the pause be over and begin a probe."""
    do(process, "UPDATE provider_health SET next_probe_at = now() - interval '1 second'")
    return process.transact(lambda session: circuit.take_probe(session, provider, 60))


@pytest.mark.parametrize("outcome", [Outcome.TRANSIENT, Outcome.UNCERTAIN])
def test_five_failures_in_a_row_open_it(process: Process, outcome: Outcome) -> None:
    note(process, *[outcome] * 4)
    assert (health(process).state, way(process)) == ("closed", Way.FREE)
    note(process, outcome)
    assert (health(process).state, way(process)) == ("open", Way.SHUT)
    assert 1 < health(process).pause < 3


@pytest.mark.parametrize("answer", [Outcome.OK, Outcome.PERMANENT])
def test_an_answer_in_between_starts_the_count_again(process: Process, answer: Outcome) -> None:
    note(process, *[BAD] * 4, answer, *[BAD] * 4)
    assert health(process).state == "closed"


def test_calls_that_were_answered_before_the_failing_one_count_too(process: Process) -> None:
    note(process, *[BAD] * 30, answered=2)
    assert (health(process).state, health(process).failures) == ("closed", 1)
    note(process, *[BAD] * 20, answered=1)
    assert health(process).state == "open"


@pytest.mark.parametrize(("status", "state"), [(401, "open"), (403, "open"), (307, "closed")])
def test_refused_credentials_open_it_whatever_was_answered_before_and_a_redirect_does_not(
    process: Process, status: int, state: str
) -> None:
    note(process, Outcome.CONFIG, answered=1, status=status)
    assert health(process).state == state


def test_a_probe_that_got_further_closes_it_and_counts_as_one_failure(process: Process) -> None:
    note(process, *[BAD] * 5)
    assert probe(process)
    note(process, BAD, answered=3)
    assert (health(process).state, health(process).failures, way(process)) == ("closed", 1, Way.FREE)


def test_a_job_whose_first_calls_were_answered_does_not_open_it(process: Process, sim: Simulator) -> None:
    for hour in range(8, 8 + circuit.OPENS_AFTER):
        booking_id = book(process, Wish(hour=hour, email=f"p{hour}@example.com", sms=False))
        sim.fault("servicetitan", "error", "POST", JOBS, status=503)
        assert run_type(process, booking_id, CREATE).status == "pending"
    assert (health(process, "servicetitan").state, health(process, "servicetitan").failures) == ("closed", 1)


def test_it_says_whether_others_fail_too(process: Process) -> None:
    def is_troubled(outcome: Outcome) -> bool:
        error = None if outcome is GOOD else ProviderError(outcome, "events.create")
        return process.transact(lambda session: circuit.note(session, "klaviyo", error))

    assert [is_troubled(outcome) for outcome in (BAD, GOOD, BAD, GOOD, BAD)] == [
        False,
        False,
        False,
        False,
        True,
    ]
    note(process, *[GOOD] * 20)
    assert not is_troubled(BAD)


def test_every_other_call_failing_opens_it_once_twenty_are_known(process: Process) -> None:
    note(process, *[GOOD, BAD] * 9, GOOD)
    assert (health(process).state, health(process).calls) == ("closed", 19)
    note(process, BAD)
    assert (health(process).state, health(process).recent.bit_count()) == ("open", 10)
    assert 1 < health(process).pause < 3


def test_less_than_half_of_the_last_twenty_does_not_open_it(process: Process) -> None:
    note(process, *[GOOD, GOOD, BAD] * 14)
    assert (health(process).state, health(process).calls) == ("closed", 20)


def test_what_is_longer_ago_than_twenty_calls_is_forgotten(process: Process) -> None:
    note(process, *[BAD, BAD, BAD, GOOD] * 2, *[GOOD] * 14, BAD)
    assert health(process).state == "closed"
    assert health(process).recent.bit_count() <= 7


def test_each_failed_probe_doubles_the_pause_up_to_five_minutes(process: Process) -> None:
    note(process, *[BAD] * 5)
    for pause in (4, 8, 16, 32, 64, 128, 256, 300, 300):
        assert probe(process)
        note(process, BAD)
        assert health(process).state == "open"
        assert pause * 0.75 < health(process).pause < pause * 1.25


def test_the_pause_is_never_the_same_twice(process: Process) -> None:
    pauses = set()
    for provider in "abcdef":
        note(process, *[BAD] * 5, provider=provider)
        pauses.add(round(health(process, provider).pause, 1))
    assert len(pauses) > 1


def test_calls_that_began_before_it_opened_neither_lengthen_the_pause_nor_close_it(process: Process) -> None:
    note(process, *[BAD] * 5)
    before = health(process)
    note(process, *[BAD] * 9)
    assert (health(process).failures, health(process).next_probe_at) == (5, before.next_probe_at)
    note(process, GOOD)
    assert health(process).state == "open"


def test_wrong_credentials_open_it_at_once_and_a_good_probe_closes_it(process: Process) -> None:
    note(process, GOOD, Outcome.CONFIG)
    assert (health(process).state, health(process).last_outcome) == ("open", "config")
    assert probe(process)
    with capture_logs() as lines:
        note(process, GOOD)
    closed = health(process)
    assert (closed.state, closed.failures, closed.recent, closed.opened_at) == ("closed", 0, 0, None)
    assert [line["event"] for line in lines] == ["circuit_closed"]


def test_an_operator_is_told_when_it_opens(process: Process) -> None:
    with capture_logs() as lines:
        note(process, Outcome.CONFIG)
    (line,) = lines
    assert (line["event"], line["provider"], line["log_level"]) == ("circuit_opened", "klaviyo", "error")


def test_it_remembers_the_last_answer_and_the_last_failure(process: Process) -> None:
    note(process, GOOD, BAD)
    known = health(process)
    assert known.last_ok_at < known.last_failure_at
    assert (known.last_outcome, known.last_reason) == ("transient", "events.create: transient")


def test_a_conflict_is_an_answer(process: Process) -> None:
    note(process, *[BAD] * 4)
    note(process, Outcome.UNCERTAIN, status=409)
    assert health(process).failures == 0


def test_being_throttled_says_nothing_about_health_and_gives_the_provider_a_rest(process: Process) -> None:
    note(process, BAD)
    note(process, Outcome.THROTTLED, retry_after=12)
    assert (health(process).failures, health(process).state) == (1, "closed")
    assert 5 < health(process).pause <= 12
    assert way(process) is Way.SHUT
    do(process, "UPDATE provider_health SET next_probe_at = now() - interval '1 second'")
    assert way(process) is Way.FREE


@pytest.mark.parametrize(("asked", "least", "most"), [(None, 0, 1), (0, 0, 1), (3000, 25, 30)])
def test_the_rest_of_all_is_short_whatever_one_call_was_told(
    process: Process, asked: float | None, least: float, most: float
) -> None:
    note(process, Outcome.THROTTLED, retry_after=asked)
    assert least <= health(process).pause <= most


def test_a_throttled_probe_is_repeated_without_a_longer_pause(process: Process) -> None:
    note(process, *[BAD] * 5)
    assert probe(process)
    note(process, Outcome.THROTTLED)
    assert (health(process).state, health(process).failures) == ("open", 5)
    assert health(process).pause <= 1


def test_of_many_workers_one_is_the_probe(process: Process) -> None:
    note(process, *[BAD] * 5)
    do(process, "UPDATE provider_health SET next_probe_at = now() - interval '1 second'")
    taken: list[bool] = []
    ask = lambda session: circuit.take_probe(session, "klaviyo", 60)  # noqa: E731
    threads = [threading.Thread(target=lambda: taken.append(process.transact(ask))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False] * 7 + [True]
    assert way(process) is Way.SHUT


def test_a_probe_that_never_reports_is_followed_by_another(process: Process) -> None:
    note(process, *[BAD] * 5)
    assert probe(process)
    assert way(process) is Way.SHUT
    assert probe(process)


def test_jobs_that_were_rung_for_before_it_opened_wait_without_an_attempt(
    process: Process, sim: Simulator
) -> None:
    first, second = (book(process, Wish(hour=hour, email=f"p{hour}@example.com")) for hour in (8, 10))
    note(process, *[BAD] * 5, provider="servicetitan")
    do(process, "UPDATE queue_jobs SET dispatched_at = now(), dispatch_count = 1")
    for booking_id in (first, second):
        runner.run(process, job_of(process, booking_id, CREATE).id)
        waiting = job_of(process, booking_id, CREATE)
        assert (waiting.status, waiting.attempts, waiting.defer_count) == ("pending", 0, 1)
        assert waiting.dispatched_at is None
    assert sim.calls("/jobs") == []


def test_while_one_job_asks_the_others_wait(process: Process, sim: Simulator) -> None:
    first, second = (book(process, Wish(hour=hour, email=f"p{hour}@example.com")) for hour in (8, 10))
    note(process, *[BAD] * 5, provider="servicetitan")
    do(process, "UPDATE provider_health SET next_probe_at = now() - interval '1 second'")
    service = process.adapters.field_service
    other = job_of(process, second, CREATE).id
    service.create_job = during(service, "create_job", lambda: runner.run(process, other))
    runner.run(process, job_of(process, first, CREATE).id)
    assert len([call for call in sim.calls(JOBS) if call["method"] == "POST"]) == 1
    assert (job_of(process, first, CREATE).status, job_of(process, second, CREATE).attempts) == (
        "completed",
        0,
    )
    assert health(process, "servicetitan").state == "closed"


def test_a_job_that_needs_no_call_is_no_probe(process: Process) -> None:
    booking_id = book(process)
    note(process, *[BAD] * 5, provider="servicetitan")
    do(process, "UPDATE provider_health SET next_probe_at = now() - interval '1 second'")
    do(process, "UPDATE bookings SET servicetitan_job_id = '1'")
    runner.run(process, job_of(process, booking_id, CREATE).id)
    assert job_of(process, booking_id, CREATE).outcome == "ok"
    assert way(process, "servicetitan") is Way.PROBE


def test_an_unclear_end_counts_although_the_handler_will_look_again(process: Process) -> None:
    booking_id = book(process)

    def unclear(*_: object) -> None:
        raise ProviderError(Outcome.UNCERTAIN, "messages.create: 500", status=500)

    process.adapters.sms.send = unclear
    do(process, "UPDATE queue_jobs SET scheduled_at = now() - interval '1 second'")
    runner.run(process, job_of(process, booking_id, JobType.SEND_SMS).id)
    assert (health(process, "twilio").failures, health(process, "twilio").last_outcome) == (1, "uncertain")


def test_a_provider_that_answers_is_written_down_every_few_seconds_and_not_with_every_call(
    process: Process,
) -> None:
    note(process, *[GOOD] * 20)
    version = "SELECT xmin::text AS x FROM provider_health"
    before = one(process, version)
    note(process, *[GOOD] * 50)
    assert one(process, version) == before
    do(process, "UPDATE provider_health SET last_ok_at = now() - interval '11 seconds'")
    note(process, GOOD)
    assert one(
        process, "SELECT now() - last_ok_at < interval '5 seconds' AS fresh FROM provider_health"
    ).fresh


def test_the_first_answers_of_many_workers_make_one_row(process: Process) -> None:
    threads = [threading.Thread(target=note, args=(process, GOOD)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows(process, "SELECT 1 FROM provider_health")) == 1


def test_two_providers_have_two_switches(process: Process) -> None:
    note(process, *[BAD] * 5)
    assert (way(process, "klaviyo"), way(process, "twilio")) == (Way.SHUT, Way.FREE)
    gates = process.transact(circuit.gates)
    assert (gates.shut, gates.probe) == (frozenset({"klaviyo"}), frozenset())


def test_what_the_memory_keeps_fits_the_rule(process: Process) -> None:
    note(process, *[GOOD] * 30, *[BAD] * 3)
    with process.sessions() as session:
        recent = session.execute(text("SELECT recent, calls FROM provider_health")).one()
    assert tuple(recent) == (0b111, circuit.MEMORY)


def test_a_probe_that_fails_costs_its_job_no_attempt(process: Process, sim: Simulator) -> None:
    booking = book(process, Wish(sms=False))
    do(process, "UPDATE queue_jobs SET max_attempts = 2")
    for state in ("closed", "open", "open", "open"):
        do(
            process,
            "INSERT INTO provider_health (provider, state, next_probe_at) VALUES ('servicetitan', :state, now())"
            " ON CONFLICT (provider) DO UPDATE SET state = :state, next_probe_at = now()",
            state=state,
        )
        sim.fault("servicetitan", "error", status=503)
        job = run_type(process, booking, CREATE)
        assert (job.status, job.attempts) == ("pending", 1)
    assert job.defer_count == 3
