"""How often one address may do what costs us something; counted in this process, switched by ABUSE_LIMITS."""

import structlog
from flask import abort, request
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.web import settings

RULES: dict[str, list[RateLimitItem]] = {
    "visit": parse_many("30/minute;300/hour"),
    "lead": parse_many("5/minute;20/hour"),
    "login": parse_many("10/minute;50/hour"),
    "manage": parse_many("30/minute"),
    "move": parse_many("10/minute;40/hour"),
}
log = structlog.get_logger()
_limiter = MovingWindowRateLimiter(MemoryStorage())


def refuse_too_many(rule: str) -> None:
    """Answer 429 when this address did this too often."""
    if settings().abuse_limits and not all(
        _limiter.hit(item, rule, request.remote_addr or "-") for item in RULES[rule]
    ):
        log.info("rate_limited", rule=rule)
        abort(429)
