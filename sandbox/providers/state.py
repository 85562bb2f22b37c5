"""Everything the simulated providers know, under one lock, on a clock that tests may push forward."""

import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from flask import current_app

from sandbox.providers.config import SimConfig
from sandbox.providers.faults import FaultBook
from sandbox.providers.ledger import Effect, Ledger
from sandbox.providers.records import FieldOffice, MailHouse, PhoneCompany

KEPT_REQUESTS = 5000


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


class World:
    """The simulator's whole state; hold `lock` while touching it. `changes` counts what is worth keeping."""

    def __init__(self, config: SimConfig) -> None:
        self.config = config
        self.lock = threading.RLock()
        self.faults = FaultBook()
        self.changes = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything but the credentials."""
        with self.lock:
            self.offset = timedelta(0)
            self.faults.faults.clear()
            self.ledger = Ledger()
            self.requests: deque[Seen] = deque(maxlen=KEPT_REQUESTS)
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

    def record(self, provider: str, kind: str, key: str | None, known_as: str, **data: object) -> None:
        """Write an effect into the ledger."""
        self.ledger.record(Effect(provider, kind, key, known_as, self.stamp(), data))


def world() -> World:
    """Return the state behind the present request."""
    return cast(World, current_app.extensions["world"])


def wire(moment: datetime) -> str:
    """Write a time the way APIs do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
