"""How slow and how picky a provider is at the moment: latency, call limits and outages, all set by the control API."""

import math
import random
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

OUTAGE_WAYS = ("refuse", "reset", "error", "silent")


@dataclass
class Latency:
    """A log-normal spread, known by its middle and its slowest twentieth."""

    p50_ms: float
    p95_ms: float
    dice: random.Random

    def seconds(self) -> float:
        """Throw one."""
        spread = math.log(max(self.p95_ms, self.p50_ms) / self.p50_ms) / 1.645
        return min(30.0, self.p50_ms * math.exp(self.dice.gauss(0, 1) * spread) / 1000)


@dataclass
class Outage:
    """No service until a time of the simulated clock."""

    until: datetime
    how: str


@dataclass
class Limits:
    """What holds for each provider; `*` is for all that have nothing of their own."""

    latencies: dict[str, Latency] = field(default_factory=dict)
    rates: dict[str, int] = field(default_factory=dict)
    outages: dict[str, Outage] = field(default_factory=dict)
    _calls: dict[str, deque[float]] = field(default_factory=dict)

    def delay(self, provider: str) -> float:
        """Tell how long this call takes."""
        latency = self.latencies.get(provider) or self.latencies.get("*")
        return latency.seconds() if latency else 0.0

    def allows(self, provider: str) -> bool:
        """Count a call against the limit that the control API has set; without one there is none."""
        limit = self.rates.get(provider) or self.rates.get("*")
        if not limit:
            return True
        calls, now = self._calls.setdefault(provider, deque()), time.monotonic()
        while calls and calls[0] <= now - 1:
            calls.popleft()
        if len(calls) >= limit:
            return False
        calls.append(now)
        return True

    def outage(self, provider: str, now: datetime) -> Outage | None:
        """Find the outage a provider is in, if any."""
        for name in (provider, "*"):
            outage = self.outages.get(name)
            if outage and outage.until > now:
                return outage
        return None
