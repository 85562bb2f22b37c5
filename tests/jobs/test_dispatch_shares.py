"""Two providers share a queue: one that hangs takes its share of the workers and no more, and nobody starves."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from app.jobs import dispatch, sweep
from app.jobs.doorbell import Doorbell
from app.jobs.process import Process
from app.outbox import RULES, JobType
from tests.jobs.booked import Wish, book, do, hand_out, one, rows
from tests.jobs.worker_processes import running, wait_until
from tests.providers.simulated import Simulator

EMAIL, SMS, CREATE = JobType.SEND_EMAIL, JobType.SEND_SMS, JobType.CREATE_JOB


@pytest.fixture
def black_hole() -> Iterator[str]:
    """A provider that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def book_many(process: Process, count: int) -> None:
    """Bookings whose messages are due, the SMS before all the e-mails."""
    for number in range(count):
        book(process, Wish(hour=8 + number % 10, day=2 + number // 10, email=f"p{number}@example.com"))
    do(
        process,
        "UPDATE queue_jobs SET scheduled_at = now() - interval '2 minutes' WHERE job_type = :sms",
        sms=SMS,
    )
    do(
        process,
        "UPDATE queue_jobs SET scheduled_at = now() - interval '1 minute' WHERE job_type = :mail",
        mail=EMAIL,
    )


def kinds(process: Process, room: int) -> list[JobType]:
    return [ring.job_type for ring in hand_out(process, room) if ring.queue == "notify"]


@pytest.mark.parametrize(
    ("window", "providers", "expected"),
    [(2, 1, 2), (8, 1, 8), (2, 2, 1), (4, 2, 1), (8, 2, 3), (8, 3, 2), (2, 3, 1)],
)
def test_a_share_leaves_a_worker_to_each_other_provider(window: int, providers: int, expected: int) -> None:
    assert dispatch.share(window, providers) == expected


def test_with_one_worker_the_providers_take_turns(process: Process) -> None:
    book_many(process, 3)
    assert sorted(kinds(process, 2)) == [EMAIL, SMS]
    assert kinds(process, 2) == []
    do(
        process,
        "UPDATE queue_jobs SET status = 'completed' WHERE job_type = :mail AND dispatched_at IS NOT NULL",
        mail=EMAIL,
    )
    assert kinds(process, 2) == [EMAIL]


def test_what_a_provider_leaves_free_is_not_filled_with_the_others_jobs(process: Process) -> None:
    book_many(process, 6)
    do(process, "UPDATE queue_jobs SET status = 'completed' WHERE job_type = :mail", mail=EMAIL)
    assert kinds(process, 8) == [SMS] * 3


def test_a_provider_alone_on_its_queue_has_the_whole_window(process: Process) -> None:
    book_many(process, 6)
    assert [ring.job_type for ring in hand_out(process, 4) if ring.queue == "critical"] == [CREATE] * 4


def test_a_job_whose_worker_is_gone_does_not_keep_its_provider_waiting_for_a_whole_lease(
    process: Process,
) -> None:
    book_many(process, 2)
    assert SMS in kinds(process, 2)
    do(
        process,
        "UPDATE queue_jobs SET status = 'processing', lease_token = gen_random_uuid(), attempts = 1,"
        " lease_until = clock_timestamp() + make_interval(secs => :left) WHERE job_type = :sms AND dispatched_at IS NOT NULL",
        left=process.lease_seconds, sms=SMS,
    )  # fmt: skip
    assert SMS not in kinds(process, 2)
    do(
        process,
        "UPDATE queue_jobs SET lease_until = clock_timestamp() + interval '0.5 seconds' WHERE status = 'processing'",
    )
    assert SMS in kinds(process, 4)


def test_what_waited_longest_goes_first_of_all_that_waited_long(process: Process) -> None:
    low, high = (book(process, Wish(hour=hour)) for hour in (8, 10))
    set_due = "UPDATE queue_jobs SET priority = :priority, scheduled_at = now() - make_interval(mins => :age) WHERE booking_id = :id"
    do(process, set_due, priority=0, age=9, id=low)
    do(process, set_due, priority=10, age=8, id=high)
    (first,) = [ring.job_id for ring in hand_out(process, 1) if ring.queue == "critical"]
    assert one(process, "SELECT booking_id FROM queue_jobs WHERE id = :id", id=first).booking_id == low


def test_what_waited_long_goes_before_another_providers_fresh_jobs(process: Process) -> None:
    book(process)
    do(
        process,
        "UPDATE queue_jobs SET priority = 0, scheduled_at = now() - interval '6 minutes' WHERE job_type = :mail",
        mail=EMAIL,
    )
    do(
        process,
        "UPDATE queue_jobs SET scheduled_at = now() - interval '1 second' WHERE job_type = :sms",
        sms=SMS,
    )
    assert kinds(process, 1) == [EMAIL]


def test_no_backlog_of_the_urgent_keeps_the_least_urgent_waiting_for_ten_minutes(process: Process) -> None:
    """Each minute brings more urgent jobs than are done; the plain one is handed out before ten minutes are over."""
    plain = book(process, Wish(hour=8))
    do(
        process,
        "UPDATE queue_jobs SET priority = 0, scheduled_at = now() WHERE booking_id = :id AND job_type = :type",
        id=plain,
        type=CREATE,
    )
    for minute in range(10):
        for number in range(2):
            book(process, Wish(hour=9 + number, day=2 + minute, email=f"p{minute}{number}@example.com"))
        rung = [ring.job_id for ring in hand_out(process, 1) if ring.queue == "critical"]
        done = rows(
            process,
            "UPDATE queue_jobs SET status = 'completed' WHERE id = ANY(:ids) RETURNING booking_id",
            ids=rung,
        )
        if any(row.booking_id == plain for row in done):
            break
        do(
            process,
            "UPDATE queue_jobs SET scheduled_at = scheduled_at - interval '1 minute' WHERE status = 'pending'",
        )
    assert 4 <= minute < 9


def test_a_provider_that_hangs_leaves_workers_to_the_other(
    process: Process, doorbell: Doorbell, sim: Simulator, black_hole: str, tmp_path: Path
) -> None:
    book_many(process, 6)
    do(process, "UPDATE queue_jobs SET status = 'completed' WHERE job_type = :create", create=CREATE)
    settings = replace(process.settings, twilio_api_base=black_hole, job_lease_seconds=36)
    hung: list[int] = []

    def all_mail_is_out() -> bool:
        dispatch.dispatch(process, doorbell)
        hung.append(
            one(
                process,
                "SELECT count(*) AS n FROM queue_jobs WHERE job_type = :sms AND status = 'processing'",
                sms=SMS,
            ).n
        )
        return (
            one(
                process,
                "SELECT count(*) AS n FROM queue_jobs WHERE job_type = :mail AND status = 'completed'",
                mail=EMAIL,
            ).n
            == 6
        )

    with ExitStack() as workers, Redis.from_url(settings.redis_url) as redis:
        for _ in range(2):
            workers.enter_context(running(settings, tmp_path / "log", "worker", "notify"))
        wait_until(lambda: redis.scard("rq:workers:notify") == 2)
        wait_until(all_mail_is_out)
        sweep.sweep(process)
    assert max(hung) == 1
    assert len(sim.effects("klaviyo", "event")) == 6


def test_with_a_single_worker_the_other_provider_still_moves_on(
    process: Process, doorbell: Doorbell, sim: Simulator, black_hole: str, tmp_path: Path
) -> None:
    book_many(process, 3)
    do(process, "UPDATE queue_jobs SET status = 'completed' WHERE job_type = :create", create=CREATE)
    settings = replace(process.settings, twilio_api_base=black_hole, job_lease_seconds=24)

    def two_are_out() -> bool:
        sweep.sweep(process)
        dispatch.dispatch(process, doorbell)
        return (
            one(
                process,
                "SELECT count(*) AS n FROM queue_jobs WHERE job_type = :mail AND status = 'completed'",
                mail=EMAIL,
            ).n
            >= 2
        )

    with running(settings, tmp_path / "log", "worker", "notify"):
        wait_until(two_are_out)
    assert (
        len(
            rows(
                process,
                "SELECT 1 FROM queue_jobs WHERE job_type = :sms AND (attempts > 0 OR defer_count > 0)",
                sms=SMS,
            )
        )
        <= 3
    )


def test_every_queue_knows_its_providers() -> None:
    assert {(queue, provider) for queue, table in dispatch.BY_QUEUE.items() for provider in table} == {
        (rules.queue, rules.provider) for rules in RULES.values()
    }
