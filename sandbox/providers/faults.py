"""The orders for what shall go wrong: a certain request, the next callbacks, or a share of everything by chance."""

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from sandbox.providers.chance import Chance


class Mode(StrEnum):
    """What goes wrong. Up to DROP_BEFORE nothing takes effect; from LATENCY on the effect has happened."""

    ERROR = "error"
    RATE_LIMIT = "rate_limit"
    EXPIRE_TOKEN = "expire_token"  # noqa: S105 a word of the control API
    SILENT = "silent"
    DROP_BEFORE = "drop_before"
    LATENCY = "latency"
    DROP_AFTER_COMMIT = "drop_after_commit"
    HALF_ANSWER = "half_answer"
    GARBAGE = "garbage"
    MALFORMED = "malformed"
    WRONG_TYPE = "wrong_type"
    EMPTY = "empty"
    REDIRECT = "redirect"
    DRIP = "drip"
    HUGE = "huge"
    DUPLICATE_WEBHOOK = "duplicate_webhook"
    REORDER_WEBHOOKS = "reorder_webhooks"
    LATE_WEBHOOK = "late_webhook"
    FORGED_WEBHOOK = "forged_webhook"


CALLBACK_MODES = frozenset(mode for mode in Mode if "webhook" in mode)


@dataclass
class Fault:
    """One order: the next `times` requests that match (None: until reset). `path` is a glob for the path's end."""

    id: int
    provider: str
    mode: Mode
    method: str | None = None
    path: str = "*"
    times: int | None = 1
    status: int = 503
    latency_ms: int = 0
    retry_after: int | str | None = None

    def matches(self, provider: str, method: str, path: str) -> bool:
        """Tell whether this request is meant."""
        if self.provider not in {"*", provider} or self.method not in {None, method}:
            return False
        return fnmatchcase(path, "*" + self.path)


@dataclass
class FaultBook:
    """The orders that are still open, and the chance that anything at all goes wrong."""

    faults: list[Fault] = field(default_factory=list)
    chance: Chance | None = None
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def add(self, order: dict[str, object]) -> Fault:
        """Read an order of the control API; raise ValueError where it makes no sense."""
        match = order.get("match") or {}
        if not isinstance(match, dict):
            raise ValueError("match must be an object")  # noqa: TRY004 the caller answers 400 to any of these
        times = order.get("times", 1)
        after = order.get("retry_after")
        fault = Fault(
            id=next(self._ids),
            provider=str(order.get("provider") or "*"),
            mode=Mode(str(order.get("mode"))),
            method=str(match["method"]).upper() if match.get("method") else None,
            path=str(match.get("path") or "*"),
            times=_number(times) if times else None,
            status=_number(order.get("status") or 503),
            latency_ms=_number(order.get("latency_ms") or 0),
            retry_after=after if isinstance(after, str) or after is None else _number(after),
        )
        self.faults.append(fault)
        return fault

    def take(self, provider: str, method: str, path: str) -> Fault | None:
        """Use up one time of the first order that matches; without one, let chance decide."""
        for fault in self.faults:
            if fault.mode not in CALLBACK_MODES and fault.matches(provider, method, path):
                return self._use(fault)
        kind = self.chance.throw(provider) if self.chance else None
        if kind is None or self.chance is None:
            return None
        return Fault(
            0, provider, Mode(kind.mode), status=kind.status, latency_ms=kind.latency_ms, retry_after=kind.retry_after
        )  # fmt: skip

    def take_callback(self, provider: str) -> Mode | None:
        """Use up one time of the first order for this provider's callbacks."""
        for fault in self.faults:
            if fault.mode in CALLBACK_MODES and fault.provider in {"*", provider}:
                return self._use(fault).mode
        return None

    def _use(self, fault: Fault) -> Fault:
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self.faults.remove(fault)
        return fault

    def clear(self) -> None:
        """Drop every order and the chance."""
        self.faults.clear()
        self.chance = None

    def open_orders(self) -> list[dict[str, object]]:
        """List them for the control API."""
        return [asdict(fault) for fault in self.faults]


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"not a whole number: {value!r}")  # noqa: TRY004 as above
    return value
