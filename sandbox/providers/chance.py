"""Lets a share of all requests go wrong, the same ones again with the same seed."""

import random
from collections import Counter
from dataclasses import dataclass, field

WEIGHTS = {
    "error": 20, "rate_limit": 15, "drop_before": 15, "drop_after_commit": 15, "latency": 10, "half_answer": 5,
    "garbage": 4, "malformed": 4, "wrong_type": 4, "empty": 4, "expire_token": 3, "silent": 1,
}  # fmt: skip
STATUSES = (500, 502, 503, 504)


@dataclass(frozen=True)
class Kind:
    """What chance has chosen for one request."""

    mode: str
    status: int
    latency_ms: int
    retry_after: int | None


@dataclass
class Chance:
    """Decides for the n-th request of a provider by seed, provider and n alone, so that threads do not change it."""

    seed: int
    share: float
    provider: str = "*"
    weights: dict[str, int] = field(default_factory=lambda: dict(WEIGHTS))
    statuses: tuple[int, ...] = STATUSES
    latency_ms: int = 1500
    retry_after: int | None = 1
    requests: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)

    def throw(self, provider: str) -> Kind | None:
        """Decide about one request."""
        if self.provider not in {"*", provider}:
            return None
        self.requests[provider] += 1
        dice = random.Random(f"{self.seed}:{provider}:{self.requests[provider]}")  # noqa: S311 chaos, no secrets
        if dice.random() >= self.share:
            return None
        (mode,) = dice.choices(list(self.weights), weights=list(self.weights.values()))
        self.hits[f"{provider}:{mode}"] += 1
        latency = dice.randint(self.latency_ms // 3, self.latency_ms) if mode in {"latency", "silent"} else 0
        return Kind(mode, dice.choice(self.statuses), latency, self.retry_after)

    def describe(self) -> dict[str, object]:
        """Tell what it was set to and what it has done."""
        return {
            "seed": self.seed, "share": self.share, "provider": self.provider, "modes": self.weights,
            "requests": dict(self.requests), "hits": dict(self.hits), "total": self.hits.total(),
        }  # fmt: skip


def read_chance(order: dict[str, object], modes: set[str]) -> Chance | None:
    """Read an order of the control API (share 0: none); raise ValueError where it makes no sense."""
    try:
        share, seed = float(str(order.get("share", 0.22))), int(str(order.get("seed", 1)))
        latency, after = int(str(order.get("latency_ms", 1500))), order.get("retry_after", 1)
        retry_after = None if after is None else int(str(after))
    except ValueError as error:
        raise ValueError(f"random: {error}") from error
    wanted = order.get("modes") or dict(WEIGHTS)
    if isinstance(wanted, list):
        wanted = {str(mode): WEIGHTS.get(str(mode), 5) for mode in wanted}
    if not isinstance(wanted, dict) or not set(wanted) <= modes or not 0 <= share <= 1:
        raise ValueError(
            "random: share is 0 to 1, modes are a list of modes or an object of modes and weights"
        )
    statuses = order.get("statuses") or list(STATUSES)
    if not isinstance(statuses, list) or not all(isinstance(status, int) for status in statuses):
        raise ValueError("random: statuses is a list of numbers")
    return Chance(
        seed, share, str(order.get("provider") or "*"), {k: int(v) for k, v in wanted.items()}, tuple(statuses),
        latency, retry_after,
    ) if share else None  # fmt: skip
