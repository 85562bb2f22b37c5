"""Who is connected says its name and its limits, directly or through the pooler; nothing of ours outlives a transaction."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import LockNotAvailable, QueryCanceled
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.cli import doctor
from app.config import Settings, SettingsError, load_settings
from app.factory import flask_config
from app.jobs.process import open_engine
from app.pooling import LIMITS, Client, connect_args, startup_options
from app.sqlstate import sqlstate
from sandbox.pgbouncer import set_limits
from sandbox.postgres import Cluster, throwaway_cluster

ROOT = Path(__file__).parents[1]
ROLES = {
    Client.WEB: "a1_app",
    Client.REPORT: "a1_report",
    Client.WORKER: "a1_worker",
    Client.DISPATCHER: "a1_worker",
}
SHOWN = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'), current_setting('timezone')"
SOURCES = [*(ROOT / "app").rglob("*.py"), *(ROOT / "migrations").rglob("*.sql"), ROOT / "worker.py"]
OF_A_SESSION = re.compile(
    r"pg_(try_)?advisory_lock|(?<!pg_)\bLISTEN\b|\bUNLISTEN\b|WITH HOLD|CREATE TEMP|\bPREPARE\s+\w+\s+(AS|\()"
    r"|set_config\([^)]*,\s*false\)|\"SET (?!LOCAL|CONSTRAINTS|TRANSACTION)",
    re.MULTILINE,
)


def settings_for(url: str, pooler: str = "direct") -> Settings:
    """The product's settings for a database."""
    return Settings(
        secret_key="s", privacy_hash_key="p", public_base_url="http://127.0.0.1", database_url=url,
        app_env="local", db_pooler=pooler,
    )  # fmt: skip


def expected(client: Client) -> tuple[str, str, str, str]:
    limits = LIMITS[client]
    return (f"{limits.statement}s", f"{limits.lock}s", f"{limits.idle}s", "UTC")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose roles carry the limits that deployments give them."""
    with throwaway_cluster(tmp_path_factory.mktemp("pooled")) as cluster:
        set_limits(cluster)
        with psycopg.connect(cluster.libpq("postgres"), autocommit=True) as admin:
            admin.execute("ALTER ROLE a1_worker LOGIN PASSWORD 'worker-of-a-test'")
            admin.execute("CREATE TABLE ours (n integer); INSERT INTO ours VALUES (1)")
            admin.execute("GRANT ALL ON ours TO a1_app; GRANT SELECT ON ours TO a1_report")
        yield cluster


def address(cluster: Cluster, client: Client) -> str:
    """The address that this client uses, of its own role."""
    if ROLES[client] != "a1_worker":
        return cluster.url(ROLES[client])
    app = make_url(cluster.app_url).set(username="a1_worker", password="worker-of-a-test")
    return app.render_as_string(hide_password=False)


@pytest.mark.parametrize("client", ROLES, ids=str)
def test_directly_each_client_brings_its_name_and_limits(cluster: Cluster, client: Client) -> None:
    args = connect_args(settings_for(""), client)
    engine = create_engine(cluster.url("postgres"), connect_args=args)
    with engine.connect() as connection:
        assert tuple(connection.execute(text(SHOWN)).one()) == expected(client)
        assert connection.execute(text("SHOW application_name")).scalar() == client
    engine.dispose()


@pytest.mark.parametrize("client", ROLES, ids=str)
def test_roles_carry_the_same_limits_for_a_pooler(cluster: Cluster, client: Client) -> None:
    args = connect_args(settings_for("", "pgbouncer"), client)
    assert "options" not in args
    engine = create_engine(address(cluster, client), connect_args=args)
    with engine.connect() as connection:
        assert tuple(connection.execute(text(SHOWN)).one()) == expected(client)
    engine.dispose()


def test_web_workers_and_migrations_go_by_their_names(cluster: Cluster) -> None:
    options = flask_config(settings_for(cluster.app_url))["SQLALCHEMY_ENGINE_OPTIONS"]
    assert options["connect_args"]["application_name"] == "a1-web"
    for client in (Client.WORKER, Client.DISPATCHER):
        engine = open_engine(settings_for(cluster.app_url), client)
        with engine.connect() as connection:
            assert connection.execute(text("SHOW application_name")).scalar() == client
        engine.dispose()
    assert "Client.MIGRATE" in (ROOT / "migrations/env.py").read_text()
    assert "Client.DISPATCHER" in (ROOT / "worker.py").read_text()
    assert "lock_timeout=2s" in startup_options(Client.MIGRATE)


def test_a_statement_and_a_wait_for_a_lock_end_at_the_limit(cluster: Cluster) -> None:
    short = {"options": "-c statement_timeout=300ms -c lock_timeout=100ms"}
    engine = create_engine(cluster.url("a1_app"), connect_args=short)
    with engine.connect() as connection, pytest.raises(DBAPIError) as too_long:
        connection.execute(text("SELECT pg_sleep(30)"))
    assert isinstance(too_long.value.orig, QueryCanceled)
    assert sqlstate(too_long.value) == "57014"
    with psycopg.connect(cluster.libpq("postgres")) as holder, engine.connect() as waiter:
        holder.execute("UPDATE ours SET n = n")
        with pytest.raises(DBAPIError) as too_late:
            waiter.execute(text("UPDATE ours SET n = n"))
    assert isinstance(too_late.value.orig, LockNotAvailable)
    engine.dispose()


def test_no_other_pooler_is_known() -> None:
    names = {"SECRET_KEY": "s", "PRIVACY_HASH_KEY": "p", "PUBLIC_BASE_URL": "http://x", "DATABASE_URL": "x"}
    with pytest.raises(SettingsError, match="DB_POOLER must be direct or pgbouncer"):
        load_settings(names | {"APP_ENV": "local", "DB_POOLER": "odyssey"})


def test_the_size_of_the_pool_is_a_setting() -> None:
    names = {"SECRET_KEY": "s", "PRIVACY_HASH_KEY": "p", "PUBLIC_BASE_URL": "http://x", "DATABASE_URL": "x"}
    settings = load_settings(names | {"APP_ENV": "local", "DB_POOL_SIZE": "10", "DB_POOL_OVERFLOW": "40"})
    options = flask_config(settings)["SQLALCHEMY_ENGINE_OPTIONS"]
    assert (options["pool_size"], options["max_overflow"]) == (10, 40)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_lasts_longer_than_a_transaction(path: Path) -> None:
    assert OF_A_SESSION.findall(path.read_text()) == []


def test_the_doctor_finds_a_connection_without_limits(session: Session) -> None:
    assert doctor.check_database().startswith("PostgreSQL")
    session.execute(text("SET LOCAL statement_timeout = 0"))
    with pytest.raises(doctor.Fault, match=r"deploy/postgres/roles\.sql"):
        doctor.check_database()
