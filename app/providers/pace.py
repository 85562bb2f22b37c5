"""A pace for calls that all processes keep together: a provider's limit is reached, and not run into.

Without it every worker calls as fast as it can, is refused, and rests a whole second while the window is long open again.
The count lies in Redis and ends by Redis' own clock, so a process with a wrong one keeps the pace too. It is a courtesy and
no guard: while Redis is away everybody calls at will, and a provider that refuses is obeyed as ever.
"""

import time
from typing import Protocol

from limits import RateLimitItemPerSecond
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

LOOK_AGAIN = 0.04
PATIENCE = 0.25  # seconds that Redis may take to answer
FORGET_REDIS = 10.0


class Pace(Protocol):
    """Says when the next call may go out."""

    def wait(self, longest: float) -> None:
        """Wait for a turn, but no longer than so many seconds."""


class AtWill:
    """No pace: for providers that allow more than we ever ask of them."""

    def wait(self, longest: float) -> None:
        """Go at once."""


AT_WILL = AtWill()


class SharedPace:
    """At most so many calls a second to one provider from all processes that use the same Redis."""

    def __init__(self, redis_url: str, provider: str, calls_per_second: int) -> None:
        storage = RedisStorage(redis_url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
        self._limiter = FixedWindowRateLimiter(storage)
        self._rule = RateLimitItemPerSecond(calls_per_second, namespace="pace")
        self._provider = provider
        self._without_redis_until = 0.0

    def wait(self, longest: float) -> None:
        """Wait for a turn, but no longer than so many seconds: then the provider itself may refuse."""
        give_up_at = time.monotonic() + longest
        while not self._is_my_turn() and time.monotonic() < give_up_at:
            time.sleep(LOOK_AGAIN)

    def _is_my_turn(self) -> bool:
        if time.monotonic() < self._without_redis_until:
            return True
        try:
            return self._limiter.hit(self._rule, self._provider)
        except RedisError:
            self._without_redis_until = time.monotonic() + FORGET_REDIS
            return True
