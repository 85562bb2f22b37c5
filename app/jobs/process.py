"""What a worker or dispatcher process holds: settings, a small pool of connections, the providers' adapters."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from app.config import Settings
from app.log import log
from app.pooling import Client, connect_args
from app.providers import Adapters, build_adapters
from app.sqlstate import OUT_OF_TIME, TRIES, can_retry, sqlstate

T = TypeVar("T")


@dataclass(frozen=True)
class Process:
    """Everything a job needs from the process it runs in."""

    settings: Settings
    sessions: sessionmaker[Session]
    adapters: Adapters

    @property
    def lease_seconds(self) -> int:
        """How long a worker owns a job before another may take it over."""
        return self.settings.job_lease_seconds

    @property
    def look_again_seconds(self) -> float:
        """How long to wait before asking a provider again whether an unclear call had its effect: 60 s of a full lease."""
        return self.settings.job_lease_seconds / 3

    def transact(self, work: Callable[[Session], T]) -> T:
        """Run `work` as one transaction, whole, and again when the database asks for that: at most three tries."""
        return transact(self.sessions, work)


def open_process(settings: Settings, client: Client = Client.WORKER) -> Process:
    """Build what a process holds; nothing is connected before it is needed."""
    return Process(settings, sessionmaker(open_engine(settings, client)), build_adapters(settings))


def open_engine(settings: Settings, client: Client = Client.WORKER) -> Engine:
    """Open a pool of two connections: a job uses one at a time, a dispatcher's periodic tasks the other."""
    return create_engine(
        settings.database_url,
        pool_size=2,
        max_overflow=0,
        pool_timeout=5,
        pool_recycle=1800,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args=connect_args(settings, client) | {"prepare_threshold": None},
    )


def is_away(error: Exception) -> bool:
    """Say whether the database is away or busy, which passes; any other error is a fault of ours and comes again."""
    code = sqlstate(error)
    return can_retry(code) or code in OUT_OF_TIME


def transact(sessions: sessionmaker[Session], work: Callable[[Session], T]) -> T:
    """Run `work` and commit; on a broken connection, deadlock or lock time-out run it again from the start."""
    for attempt in range(1, TRIES + 1):
        try:
            with sessions.begin() as session:
                return work(session)
        except (DBAPIError, PoolTimeout) as error:
            code = sqlstate(error)
            if not can_retry(code) or attempt == TRIES:
                raise
            log.warning("transaction_retry", sqlstate=code, attempt=attempt)
            time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311 - jitter, not a secret
    raise AssertionError("unreachable")
