"""The replica that reports read: no other part of the product may, because what was just committed may not be there yet."""

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from flask import Flask, current_app
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.extensions import db
from app.log import log
from app.pooling import Client, connect_args
from app.sqlstate import OUT_OF_TIME, sqlstate

T = TypeVar("T")

MOST_LAG = 30.0  # seconds
REST = 15.0  # seconds in which a replica that did not answer is not asked again
KNOCK = 0.5  # seconds for its door to open: a driver's own time limit cannot be shorter than two seconds
EXTENSION = "a1_replica"
BEAT = text("SELECT beat_at FROM heartbeat")


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What was read, and whether from the replica; `lag` is how far that was behind, in seconds."""

    value: T
    from_replica: bool
    lag: float | None = None


@dataclass
class Replica:
    """The other server: read only, one connection for each page, and left alone for a while after a failure."""

    engine: Engine
    rests_until: float = field(default=0.0)

    @property
    def is_resting(self) -> bool:
        """Say whether it failed a moment ago."""
        return time.monotonic() < self.rests_until

    def rest(self, reason: str) -> None:
        """Leave it alone for a while."""
        self.rests_until = time.monotonic() + REST
        log.warning("replica_unused", reason=reason)

    def open(self) -> Session:
        """Return a session on it; raise OSError when its machine does not even answer."""
        url = self.engine.url
        if url.host:
            socket.create_connection((url.host, url.port or 5432), timeout=KNOCK).close()
        return Session(self.engine)


def init_app(app: Flask) -> None:
    """Know the replica, if there is one, and show how far it is behind."""
    known = app.extensions["a1_settings"]
    if known.reporting_database_url:
        app.extensions[EXTENSION] = Replica(
            open_engine(known.reporting_database_url, connect_args(known, Client.REPORT))
        )
        app.extensions.setdefault("a1_figures", []).append(figures)


def open_engine(url: str, arguments: dict[str, object]) -> Engine:
    """Return an engine whose every transaction is read only; a dead peer is noticed after two seconds."""
    return create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        execution_options={"postgresql_readonly": True},
        connect_args=arguments | {"tcp_user_timeout": 2000, "prepare_threshold": None},
    )


def read(work: Callable[[Session], T]) -> Answer[T]:
    """Read from the replica when there is one that is fresh, else from the primary.

    A statement that runs out of time on the replica is not tried on the primary: that would only move the load.
    """
    replica: Replica | None = current_app.extensions.get(EXTENSION)
    if replica is not None and not replica.is_resting:
        try:
            with replica.open() as session:
                lag = measure_lag(session)
                if lag is not None and lag <= MOST_LAG:
                    return Answer(work(session), from_replica=True, lag=lag)
                log.warning("replica_unused", reason="late", lag=lag)
        except (SQLAlchemyError, OSError) as error:
            if isinstance(error, SQLAlchemyError) and sqlstate(error) in OUT_OF_TIME:
                raise
            replica.rest(type(error).__name__)
    return Answer(work(db.session()), from_replica=False)


def measure_lag(replica: Session) -> float | None:
    """Return by how many seconds the replica's heartbeat is behind the primary's, or nothing where it has none.

    Compared with the primary and not with the clock: when the dispatcher is down, both stand still at the same beat.
    """
    there: datetime | None = replica.execute(BEAT).scalar_one_or_none()
    here: datetime | None = db.session().execute(BEAT).scalar_one_or_none()
    if here is None:
        return 0.0
    return None if there is None else max((here - there).total_seconds(), 0.0)


def figures() -> Iterator[GaugeMetricFamily]:
    """Yield how far the replica is behind: without end when it cannot be asked."""
    replica: Replica = current_app.extensions[EXTENSION]
    lag: float | None = None
    if not replica.is_resting:
        try:
            with replica.open() as session:
                lag = measure_lag(session)
        except (SQLAlchemyError, OSError) as error:
            replica.rest(type(error).__name__)
    family = GaugeMetricFamily(
        "a1_replica_lag_seconds", "How far the replica that reports read is behind the primary"
    )
    family.add_metric((), float("inf") if lag is None else lag)
    yield family
