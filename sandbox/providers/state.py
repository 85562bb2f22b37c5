"""Everything the simulated providers know, under one lock, on a clock that tests may push forward."""

import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from flask import current_app

from sandbox.providers.clockwork import Clockwork
from sandbox.providers.config import SimConfig
from sandbox.providers.faults import FaultBook
from sandbox.providers.flags import Flags
from sandbox.providers.klaviyo_records import MailHouse
from sandbox.providers.ledger import Effect, Ledger
from sandbox.providers.limits import Limits
from sandbox.providers.servicetitan_records import FieldOffice
from sandbox.providers.twilio_records import PhoneCompany

KEPT_REQUESTS = 5000
KEPT_CALLBACKS = 10_000


@dataclass
class Seen:
    """One request as it came in, for assertions."""

    at: str
    provider: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str
    status: int | None = None
    fault: str | None = None


@dataclass
class Told:
    """One callback as it went out, and what the application answered (None: nobody did)."""

    at: str
    provider: str
    url: str
    subject: str
    status: int | None
    note: str


class World:
    """The simulator's whole state; hold `lock` while touching it. `changes` counts what is worth keeping."""

    def __init__(self, config: SimConfig) -> None:
        self.config = config
        self.lock = threading.RLock()
        self.faults = FaultBook()
        self.offset = timedelta(0)
        self.clockwork = Clockwork(self.now)
        self.changes = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything but the credentials."""
        with self.lock:
            self.clockwork.clear()
            self.offset = timedelta(0)
            self.faults.clear()
            self.flags = Flags(self.config.sim_flags)
            self.flags.set("sim_token_seconds", self.config.sim_token_seconds)
            self.limits = Limits()
            self.ledger = Ledger()
            self.requests: deque[Seen] = deque(maxlen=KEPT_REQUESTS)
            self.told: deque[Told] = deque(maxlen=KEPT_CALLBACKS)
            self.office = FieldOffice()
            self.mail = MailHouse()
            self.phone = PhoneCompany()
            self.changes += 1

    def now(self) -> datetime:
        """Return the simulated time, aware, in UTC."""
        return datetime.now(UTC) + self.offset

    def stamp(self) -> str:
        """Return the simulated time the way APIs write it."""
        return wire(self.now())

    def advance(self, seconds: float) -> None:
        """Push the clock; what becomes due by that is done at once."""
        with self.lock:
            self.offset += timedelta(seconds=seconds)
        self.clockwork.wake()

    def record(self, provider: str, kind: str, key: str | None, known_as: str, **data: object) -> None:
        """Write an effect into the ledger."""
        self.ledger.record(Effect(provider, kind, key, known_as, self.stamp(), data))


def world() -> World:
    """Return the state behind the present request."""
    return cast(World, current_app.extensions["world"])


def wire(moment: datetime) -> str:
    """Write a time the way APIs do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def wire_or_none(moment: datetime | None) -> str | None:
    """Write a time that may be missing."""
    return wire(moment) if moment else None
