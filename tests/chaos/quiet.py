"""Waiting until nothing is under way any more, and what is left if that does not come."""

from contextlib import suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.chaos import verdict
from tests.chaos.clients import Crowd
from tests.chaos.product import Product

# A ring that nobody heard is repeated after half a minute and then ever later: let that time have passed.
UNHEARD = (
    "UPDATE queue_jobs SET dispatched_at = dispatched_at - interval '31 seconds' * 2 ^ greatest(dispatch_count - 1, 0)"
    " WHERE status = 'pending' AND dispatched_at > now() - interval '30 seconds' AND dispatched_at < now() - interval '2 seconds'"
)


def wait(product: Product, within: float, *, hurry: bool = False) -> float | None:
    """Wait until nothing is due or under way; return the seconds, None for never.

    In a hurry, the times after which a lost ring is repeated and a dead worker forgotten have always passed.
    """

    def look() -> bool:
        if hurry:
            product.rows(UNHEARD)
            forget_dead_workers(product)
        return is_quiet(product)

    return product.wait(look, within, every=0.5)


def is_quiet(product: Product) -> bool:
    """Say whether no job and no message is due or under way."""
    return bool(product.one(verdict.OPEN_JOBS) == 0 and product.one(verdict.OPEN_MESSAGES) == 0)


def forget_dead_workers(product: Product) -> None:
    """Remove what RQ knows of workers of this machine that are gone."""
    with suppress(RedisError), Redis.from_url(product.env["REDIS_URL"], socket_timeout=2) as redis:
        for key in redis.scan_iter("rq:worker:*"):
            pid = redis.hget(key, "pid")
            if pid and not Path(f"/proc/{int(pid)}").exists():
                redis.delete(key)


def undelivered(product: Product, crowd: Crowd) -> int:
    """Count jobs of these people that did not end well; an SMS that stays uncertain is a documented end."""
    return int(
        product.one(
            "SELECT count(*) FROM queue_jobs q JOIN bookings b ON b.id = q.booking_id WHERE b.reference = ANY(:references)"
            " AND q.outcome IS DISTINCT FROM 'ok' AND NOT (q.job_type = 'twilio.send_sms' AND q.outcome = 'uncertain')"
            " AND NOT (q.status = 'pending' AND q.attempts = 0 AND q.scheduled_at > now())",
            references=crowd.references,
        )
    )
