"""RQ's side of a worker: one queue, no fork, and a fresh start as soon as Redis is lost.

No fork: a job here mostly waits for a provider, and a fork with a database connection of its own costs more than the rest
of the work (empty jobs: 13 a second with forks, 40 without). Nor would a fork be safer. When a job kills its process the
lease runs out and another worker takes over, and no orphan goes on calling the provider. RQ by itself would come back after
a lost Redis with a pause that grows to a minute; here another worker begins in the same process as soon as Redis answers,
because a new process costs a second of CPU for its imports, on a machine where every worker has just lost its Redis.
"""

import signal
import time
from types import FrameType
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rq import Queue, SimpleWorker
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer

from app.jobs import killpoint
from app.jobs.killpoint import Point
from app.log import log

WORKER_TTL = 30  # an idle worker blocks for 15 s less; between pops it does RQ's housekeeping
HOUSEKEEPING = 30


class RedisLostError(Exception):
    """Redis went away while the worker waited; not a redis error, because RQ would sleep on those."""


class WatchedQueue(Queue):
    """A queue whose waiting ends when Redis does."""

    @classmethod
    def dequeue_any(cls, *arguments: Any, **options: Any) -> Any:  # Any: passed through to RQ as they come
        """Wait for a ring."""
        try:
            found = super().dequeue_any(*arguments, **options)
        except (RedisConnectionError, RedisTimeoutError) as error:
            raise RedisLostError from error
        if found is not None:
            killpoint.reach(Point.IN_POP, str(found[0].args[0]))
        return found


class QueueWorker(SimpleWorker):
    """Runs the jobs of one queue in its own process; knows whether it ended because it was told to."""

    queue_class = WatchedQueue
    job_class = RqJob
    is_told_to_stop = False

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """End after the job under way."""
        self.is_told_to_stop = True
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]  # RQ has no types here

    def subscribe(self) -> None:
        """Take no commands through Redis: signals do, and the thread that listens would outlive a lost Redis."""


def wait_for_redis(url: str) -> None:
    """Wait here while Redis is away; a signal ends the process, because nothing is under way."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    with Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as connection:
        while True:
            try:
                connection.ping()
            except (RedisConnectionError, RedisTimeoutError):
                time.sleep(0.5)
            else:
                return


def work(url: str, queue: str) -> None:
    """Work until told to stop, and begin anew whenever Redis was lost."""
    is_told_to_stop = False
    while not is_told_to_stop:
        wait_for_redis(url)
        with Redis.from_url(url, socket_connect_timeout=2) as connection:
            is_told_to_stop = listen(connection, queue)


def listen(connection: Redis, queue: str) -> bool:
    """Do jobs until told to stop or until Redis is lost; answer which, true for the former."""
    worker = QueueWorker(
        [WatchedQueue(queue, connection=connection, serializer=JSONSerializer)],
        connection=connection,
        serializer=JSONSerializer,
        worker_ttl=WORKER_TTL,
        maintenance_interval=HOUSEKEEPING,
        log_job_description=False,
    )
    try:
        worker.work(logging_level="WARNING")
    except (RedisConnectionError, RedisTimeoutError) as error:
        log.warning("redis_lost", queue=queue, reason=type(error).__name__)
    return worker.is_told_to_stop
