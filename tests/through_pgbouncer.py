"""What only a pooler can show: run by `make compat`, which names PgBouncer when it is missing."""

import threading
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from app.config import Settings
from app.jobs.process import open_engine
from app.pooling import Client, connect_args
from sandbox.pgbouncer import Pooler, throwaway_pooler
from sandbox.postgres import throwaway_cluster

MANY = 60


@pytest.fixture(scope="module")
def pooler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pooler]:
    """PgBouncer as deployed, in front of a cluster of our own."""
    top = tmp_path_factory.mktemp("pooled")
    with throwaway_cluster(top / "cluster") as cluster, throwaway_pooler(top / "pooler", cluster) as running:
        yield running


def settings_for(pooler: Pooler, kind: str) -> Settings:
    return Settings(
        secret_key="s", privacy_hash_key="p", public_base_url="http://127.0.0.1", app_env="local",
        database_url=pooler.through(pooler.cluster.app_url), db_pooler=kind,
    )  # fmt: skip


def test_a_process_that_knows_of_no_pooler_is_refused_and_not_left_without_limits(pooler: Pooler) -> None:
    engine = open_engine(settings_for(pooler, "direct"))
    with pytest.raises(OperationalError, match="unsupported startup parameter"):
        engine.connect()
    engine.dispose()


def test_many_clients_share_few_connections_and_keep_their_limits(pooler: Pooler) -> None:
    settings = settings_for(pooler, "pgbouncer")
    args = connect_args(settings, Client.WEB)
    engine = create_engine(settings.database_url, pool_size=MANY, connect_args=args)
    seen: list[tuple[str, int]] = []
    start = threading.Barrier(MANY)

    def use() -> None:
        with engine.connect() as connection:
            start.wait(60)
            for _ in range(8):
                row = connection.execute(
                    text("SELECT current_setting('statement_timeout'), pg_backend_pid()")
                )
                seen.append(tuple(row.one()))
                connection.commit()

    threads = [threading.Thread(target=use) for _ in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    engine.dispose()
    assert len(seen) == 8 * MANY
    assert {limit for limit, _ in seen} == {"5s"}
    assert len({pid for _, pid in seen}) <= 8


def test_what_a_transaction_sets_is_gone_with_it(pooler: Pooler) -> None:
    settings = settings_for(pooler, "pgbouncer")
    engine = open_engine(settings)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '200ms'"))
        connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
        assert connection.execute(text("SHOW lock_timeout")).scalar() == "2s"
        connection.execute(text("SET LOCAL statement_timeout = '60s'"))
    for _ in range(5):
        with engine.begin() as connection:
            assert connection.execute(text("SHOW statement_timeout")).scalar() == "5s"
    engine.dispose()


def test_a_lock_of_a_transaction_is_free_afterwards(pooler: Pooler) -> None:
    url = pooler.through(pooler.cluster.libpq("a1_app"))
    key = uuid.uuid4().int % 2**31
    with (
        psycopg.connect(url, prepare_threshold=None) as one,
        psycopg.connect(url, prepare_threshold=None) as two,
    ):
        assert one.execute("SELECT pg_try_advisory_xact_lock(%s)", [key]).fetchone() == (True,)
        assert two.execute("SELECT pg_try_advisory_xact_lock(%s)", [key]).fetchone() == (False,)
        two.rollback()
        one.commit()
        assert two.execute("SELECT pg_try_advisory_xact_lock(%s)", [key]).fetchone() == (True,)


def test_without_the_setting_prepared_statements_collide(pooler: Pooler) -> None:
    """The control: this is what DB_POOLER=pgbouncer is for."""
    url = pooler.through(pooler.cluster.libpq("a1_app"))
    with (
        psycopg.connect(url, prepare_threshold=0) as one,
        psycopg.connect(url, prepare_threshold=0) as two,
    ):
        one.execute("SELECT 1")
        one.commit()
        with pytest.raises(psycopg.errors.DuplicatePreparedStatement):
            two.execute("SELECT 1")
