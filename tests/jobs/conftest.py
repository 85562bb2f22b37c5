"""A worker's process around the test database and the simulator, and a Redis of the run's own."""

import os
from collections.abc import Iterator

import pytest
from redis import Redis
from sqlalchemy import Engine

from app.jobs.doorbell import Doorbell
from app.jobs.process import Process, open_engine, open_process
from app.pooling import Client
from sandbox.valkey import throwaway_valkey
from tests.providers.conftest import sim, simulator_server
from tests.providers.simulated import Simulator

__all__ = ["sim", "simulator_server"]


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Redis for this test process alone: a database of the shared server, or a server of our own."""
    shared = os.environ.get("TEST_REDIS_URL")
    if shared:
        number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) + 1
        yield shared.rpartition("/")[0] + f"/{number}"
        return
    with throwaway_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server.url


@pytest.fixture
def process(database: Engine, environ: dict[str, str], sim: Simulator, redis_url: str) -> Iterator[Process]:
    """What a worker holds: three seconds of lease, so that dead workers are found soon."""
    settings = sim.settings(
        database_url=environ["DATABASE_URL"],
        db_pooler=environ["DB_POOLER"],
        redis_url=redis_url,
        app_env="local",
        job_lease_seconds=3,
    )
    opened = open_process(settings)
    yield opened
    opened.sessions.kw["bind"].dispose()


@pytest.fixture
def doorbell(redis_url: str) -> Iterator[Doorbell]:
    """The dispatcher's side of an empty Redis."""
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
    opened = Doorbell(redis_url, 20)  # longer than any job here takes, also on a busy machine
    yield opened
    opened.close()


@pytest.fixture
def second_engine(process: Process) -> Iterator[Engine]:
    """Connections of somebody else."""
    engine = open_engine(process.settings, Client.DISPATCHER)
    yield engine
    engine.dispose()
