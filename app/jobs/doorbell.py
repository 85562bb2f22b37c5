"""Redis and RQ from the dispatcher's side: ring for a job, ask whether a ring is still there. Nothing here is the truth.

The client gives up within half a second and never tries again by itself: the dispatcher's loop must not hang on Redis.
"""

import time
import uuid
from dataclasses import dataclass

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from app.outbox import RULES, JobType

ENTRY = "app.jobs.entry.run"
PATIENCE = 0.5
COUNT_FOR = 5.0


@dataclass(frozen=True)
class Ring:
    """One try to wake a worker for a job. RQ knows it under a name of its own, so that it never meets an older one."""

    job_id: uuid.UUID
    queue: str
    count: int
    job_type: JobType

    @property
    def rq_id(self) -> str:
        """Return RQ's id of this ring; RQ allows no colon in it."""
        return f"{self.job_id}-{self.count}"


class Doorbell:
    """The dispatcher's connection to Redis."""

    def __init__(self, url: str, job_timeout: int) -> None:
        self._client = Redis.from_url(
            url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=Retry(NoBackoff(), 0)
        )
        self._job_timeout = job_timeout
        self._workers: dict[str, tuple[float, int]] = {}

    def answers(self) -> bool:
        """Say whether Redis is there."""
        try:
            return bool(self._client.ping())
        except RedisError:
            return False

    def ring(self, ring: Ring) -> None:
        """Wake a worker. Raise RedisError."""
        self._queue(ring.queue).enqueue(
            ENTRY,
            str(ring.job_id),
            job_id=ring.rq_id,
            job_timeout=self._job_timeout * RULES[ring.job_type].time_factor,
            result_ttl=0,
            failure_ttl=60,
        )

    def is_waiting(self, ring: Ring) -> bool:
        """Say whether the ring is queued. Raise RedisError.

        What RQ says of a ring that was taken is not asked for: a worker claims within milliseconds, and RQ believes for
        minutes that one which was killed before it did is at work.
        """
        return self._client.lpos(self._queue(ring.queue).key, ring.rq_id) is not None

    def workers(self, queue: str) -> int:
        """Return how many workers listen, at least one; asked for every few seconds only. Raise RedisError.

        One that was killed stays on the list for a while, but its own key expires.
        """
        known = self._workers.get(queue)
        if known is None or time.monotonic() - known[0] > COUNT_FOR:
            listed = self._client.smembers(WORKERS_BY_QUEUE_KEY % queue)
            known = (time.monotonic(), int(self._client.exists(*listed)) if listed else 0)
            self._workers[queue] = known
        return max(1, known[1])

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _queue(self, name: str) -> Queue:
        return Queue(name, connection=self._client, serializer=JSONSerializer)
