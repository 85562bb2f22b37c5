"""A seeded schedule of faults, and providers of which a share of all calls goes wrong."""

import random
import time
from collections import Counter
from typing import Self

from tests.chaos.faults import WEIGHTS, Fault, inflict
from tests.chaos.product import Product

SHARE = 0.22
# Nothing here is a refusal for good: a call that goes wrong in one of these ways must still end well.
MODES = {
    "error": 6, "rate_limit": 3, "expire_token": 1, "drop_before": 3, "drop_after_commit": 6, "garbage": 2, "empty": 2,
    "latency": 3, "half_answer": 1, "malformed": 1, "wrong_type": 1, "redirect": 1, "huge": 1,
}  # fmt: skip


def planned(seed: int, count: int) -> list[Fault]:
    """Return what will go wrong, in order: the same for the same seed, every kind at least once where there is room."""
    rng = random.Random(seed)
    kinds = list(WEIGHTS)
    drawn = rng.choices(kinds, list(WEIGHTS.values()), k=max(0, count - len(kinds)))
    plan = (kinds + drawn)[:count]
    rng.shuffle(plan)
    return plan


class Saboteur:
    """Works through the plan as long as it has something left, at a steady pace."""

    def __init__(self, product: Product, plan: list[Fault], seed: int) -> None:
        self.product, self.plan, self.done = product, plan, Counter[str]()
        self.last_at = 0.0
        self._rng = random.Random(seed + 1)

    def work(self, pace: float) -> None:
        """Inflict all of it; `pace` seconds lie between two on average."""
        for fault in self.plan:
            inflict(self.product, fault, self._rng)
            self.done[fault] += 1
            self.last_at = time.monotonic()
            time.sleep(pace * self._rng.uniform(0.5, 1.5))


class BadProviders:
    """Lets a share of all provider calls go wrong, each in a random way; `calls` and `spoiled` are known afterwards."""

    def __init__(self, product: Product, seed: int, share: float = SHARE) -> None:
        self._simulator = product.simulator
        self._order = {
            "seed": seed, "share": share, "modes": MODES, "statuses": [500, 502, 503], "latency_ms": 600, "retry_after": 1,
        }  # fmt: skip
        self.calls = self.spoiled = 0

    def __enter__(self) -> Self:
        self._simulator.post("/__sim__/faults", json={"random": self._order}).raise_for_status()
        return self

    def __exit__(self, *_: object) -> None:
        seen = self._simulator.get("/__sim__/faults").json()["random"]
        self.calls, self.spoiled = sum(seen["requests"].values()), seen["total"]
        self._simulator.delete("/__sim__/faults").raise_for_status()
