"""Due jobs reach a worker once and soon; Redis may be away, frozen or empty and nothing is lost."""

import socket
import time
from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from app.jobs import dispatch, dispatcher, entry, runner
from app.jobs.doorbell import Doorbell
from app.jobs.process import Process
from app.outbox import ORDERED, RULES, JobType
from tests.jobs.booked import Wish, book, booking, do, hand_out, job_of, one, rows
from tests.providers.simulated import Simulator

CREATE = JobType.CREATE_JOB


@pytest.fixture
def dead_doorbell() -> Iterator[Doorbell]:
    """A Redis that refuses connections."""
    opened = Doorbell("redis://127.0.0.1:1/0", 2)
    yield opened
    opened.close()


@pytest.fixture
def frozen_doorbell() -> Iterator[Doorbell]:
    """A Redis that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        opened = Doorbell(f"redis://127.0.0.1:{server.getsockname()[1]}/0", 2)
        yield opened
        opened.close()


def rq_ids(redis_url: str, queue: str) -> list[str]:
    with Redis.from_url(redis_url) as redis:
        return Queue(queue, connection=redis, serializer=JSONSerializer).get_job_ids()


def work_off(process: Process, queue: str) -> None:
    """Let a real RQ worker do what is queued, then go."""
    entry.use(process)
    with Redis.from_url(process.settings.redis_url) as redis:
        SimpleWorker([queue], connection=redis, serializer=JSONSerializer).work(
            burst=True, logging_level="ERROR"
        )


def test_a_ring_reaches_a_worker_which_does_the_job(process: Process, doorbell: Doorbell) -> None:
    booking_id = book(process)
    assert dispatch.dispatch(process, doorbell) == 1
    assert rq_ids(process.settings.redis_url, "critical") == [f"{job_of(process, booking_id, CREATE).id}-1"]
    work_off(process, "critical")
    assert booking(process, booking_id).status == "confirmed"
    dispatch.dispatch(process, doorbell)
    for queue in ("notify", "sync"):
        work_off(process, queue)
    assert {row.status for row in rows(process, "SELECT status FROM notifications")} == {"sent"}
    with Redis.from_url(process.settings.redis_url) as redis:
        assert redis.keys("rq:job:*") == []


@pytest.mark.parametrize("kind", ["dead", "frozen"])
def test_a_ring_that_does_not_get_through_is_taken_back_within_a_second(
    process: Process, kind: str, request: pytest.FixtureRequest
) -> None:
    booking_id = book(process)
    broken = request.getfixturevalue(f"{kind}_doorbell")
    rings = hand_out(process)
    assert job_of(process, booking_id, CREATE).dispatched_at is not None
    started = time.monotonic()
    with pytest.raises(RedisError):
        dispatch.ring_all(process, broken, rings)
    assert time.monotonic() - started < 1
    waiting = job_of(process, booking_id, CREATE)
    assert (waiting.dispatched_at, waiting.dispatch_count) == (None, 0)


def test_without_redis_nothing_is_marked_at_all(process: Process, dead_doorbell: Doorbell) -> None:
    booking_id = book(process)
    assert (
        dispatcher.one_round(process, dead_doorbell, dispatcher.Pace(), is_slow_round=True) == dispatcher.REST
    )
    assert job_of(process, booking_id, CREATE).dispatch_count == 0
    assert one(process, "SELECT now() - beat_at < interval '10 seconds' AS fresh FROM heartbeat").fresh


def test_a_full_window_does_not_slow_the_dispatcher_down(process: Process, doorbell: Doorbell) -> None:
    pace = dispatcher.Pace()
    assert dispatcher.one_round(process, doorbell, pace, is_slow_round=False) == dispatcher.POLL
    for hour in range(8, 14):
        book(process, Wish(hour=hour, email=f"pat{hour}@example.com"))
    rests = [dispatcher.one_round(process, doorbell, pace, is_slow_round=False) for _ in range(2)]
    assert rests == [dispatcher.BUSY, dispatcher.BUSY]


def test_only_a_small_window_is_handed_out(process: Process, doorbell: Doorbell) -> None:
    for hour in range(8, 14):
        book(process, Wish(hour=hour, email=f"pat{hour}@example.com"))
    assert dispatch.dispatch(process, doorbell) == dispatch.WINDOW
    assert dispatch.dispatch(process, doorbell) == 0
    do(process, "UPDATE queue_jobs SET status = 'completed' WHERE dispatched_at IS NOT NULL")
    assert dispatch.dispatch(process, doorbell) == dispatch.WINDOW


def test_the_urgent_goes_first_and_what_waited_long_before_that(process: Process) -> None:
    first, second, third = (book(process, Wish(hour=hour)) for hour in (8, 10, 12))
    do(process, "UPDATE queue_jobs SET priority = 20 WHERE booking_id = :id", id=second)
    do(
        process,
        "UPDATE queue_jobs SET priority = 0, scheduled_at = now() - interval '6 minutes' WHERE booking_id = :id AND job_type = :type",
        id=third, type=CREATE,
    )  # fmt: skip
    order = [hand_out(process, room=1)[0].job_id for _ in range(1)]
    do(process, "UPDATE queue_jobs SET status = 'completed' WHERE dispatched_at IS NOT NULL")
    order += [ring.job_id for ring in hand_out(process, room=1) if ring.queue == "critical"]
    assert order[0] == job_of(process, third, CREATE).id
    assert order[1] == job_of(process, second, CREATE).id
    assert job_of(process, first, CREATE).dispatched_at is None


def test_an_unheard_ring_is_repeated_only_when_redis_has_lost_it(
    process: Process, doorbell: Doorbell
) -> None:
    booking_id = book(process)
    dispatch.dispatch(process, doorbell)
    do(
        process,
        "UPDATE queue_jobs SET dispatched_at = now() - interval '4 seconds' WHERE dispatched_at IS NOT NULL",
    )
    assert dispatch.ring_again(process, doorbell) == 0
    with Redis.from_url(process.settings.redis_url) as redis:
        redis.flushdb()
    assert dispatch.ring_again(process, doorbell) == 1
    assert dispatch.dispatch(process, doorbell) == 1
    assert job_of(process, booking_id, CREATE).dispatch_count == 2


def test_a_ring_that_died_with_its_worker_is_repeated(process: Process, doorbell: Doorbell) -> None:
    booking_id = book(process)
    dispatch.dispatch(process, doorbell)
    with Redis.from_url(process.settings.redis_url) as redis:
        taken = redis.lmove("rq:queue:critical", "rq:queue:critical:intermediate")
        redis.hset(f"rq:job:{taken.decode()}", mapping={"status": "started", "worker_name": "killed"})
        redis.hset("rq:worker:killed", "birth", "now")
    do(
        process,
        "UPDATE queue_jobs SET dispatched_at = now() - interval '4 seconds' WHERE job_type = :type",
        type=CREATE,
    )
    assert dispatch.ring_again(process, doorbell) == 1
    assert job_of(process, booking_id, CREATE).dispatched_at is None


def test_the_pause_before_another_ring_doubles(process: Process, doorbell: Doorbell) -> None:
    book(process)
    for count, seconds in ((1, 3), (2, 6), (3, 12), (9, 600)):
        for age, expected in ((seconds - 1, 0), (seconds + 1, 1)):
            do(
                process,
                "UPDATE queue_jobs SET dispatched_at = now() - make_interval(secs => :age), dispatch_count = :count"
                " WHERE job_type = :type",
                age=age, count=count, type=CREATE,
            )  # fmt: skip
            assert dispatch.ring_again(process, doorbell) == expected, (count, age)


def test_a_provider_that_does_not_answer_is_left_alone_and_then_asked_once(process: Process) -> None:
    for hour in (8, 10, 12):
        book(process, Wish(hour=hour))
    do(
        process,
        "INSERT INTO provider_health (provider, state, failures, opened_at, next_probe_at)"
        " VALUES ('servicetitan', 'open', 5, now(), now() + interval '30 seconds')",
    )
    assert hand_out(process) == []
    do(process, "UPDATE provider_health SET next_probe_at = now() - interval '1 second'")
    assert len(hand_out(process)) == 1
    assert hand_out(process) == []
    run_out(process)
    assert one(process, "SELECT state FROM provider_health").state == "closed"
    assert [ring.job_type for ring in hand_out(process) if ring.queue == "critical"] == [CREATE, CREATE]


def run_out(process: Process) -> None:
    """Run what was rung for."""
    for row in rows(
        process, "SELECT id FROM queue_jobs WHERE status = 'pending' AND dispatched_at IS NOT NULL"
    ):
        runner.run(process, row.id)


def test_after_a_failed_probe_nobody_follows(process: Process, sim: Simulator) -> None:
    for hour in (8, 10):
        book(process, Wish(hour=hour))
    do(
        process,
        "INSERT INTO provider_health (provider, state, failures, next_probe_at) VALUES ('servicetitan', 'open', 5, now())",
    )
    sim.fault("servicetitan", "error", status=503, times=0)
    assert len(hand_out(process)) == 1
    run_out(process)
    assert hand_out(process) == []
    assert one(process, "SELECT failures FROM provider_health").failures == 6


def test_other_providers_keep_flowing(process: Process) -> None:
    book(process)
    do(process, "UPDATE queue_jobs SET scheduled_at = now()")
    do(
        process,
        "INSERT INTO provider_health (provider, state, failures, next_probe_at)"
        " VALUES ('servicetitan', 'open', 5, now() + interval '1 hour'), ('twilio', 'open', 5, now() + interval '1 hour')",
    )
    assert [ring.queue for ring in hand_out(process)] == ["notify"]


def test_two_dispatchers_at_the_same_time_keep_to_one_window(process: Process) -> None:
    for hour in (8, 10, 12, 14):
        book(process, Wish(hour=hour, email=f"pat{hour}@example.com"))
    with process.sessions.begin() as other:
        assert len(dispatch.mark(other, {"critical": 2}, 3)) == 2
        assert hand_out(process, room=2) == []


def test_a_worker_that_was_killed_is_not_counted_for_long(process: Process, doorbell: Doorbell) -> None:
    with Redis.from_url(process.settings.redis_url) as redis:
        for name in ("alive", "alive-too", "killed"):
            redis.sadd("rq:workers:notify", f"rq:worker:{name}")
            if name != "killed":
                redis.hset(f"rq:worker:{name}", "birth", "now")
    assert doorbell.workers("notify") == 2
    assert doorbell.workers("critical") == 1


def test_every_job_type_has_rules_and_ordered_ones_are_of_one_provider() -> None:
    assert set(RULES) == set(JobType)
    assert {RULES[kind].provider for kind in ORDERED} == {"servicetitan"}
