"""One real PostgreSQL for all tests, a database for each test process, and one transaction for each test."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, has_app_context
from flask_migrate import upgrade
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from app import create_app
from app.config import Settings
from app.extensions import db
from app.wizard import embed
from app.wizard.page import EventsRest
from sandbox.test_servers import running_databases
from tests.pages import PageClient

APPEND_ONLY = ("audit_log", "consent_texts", "consents")
KEPT_TABLES = "('alembic_version', 'zip_codes', 'report_state')"


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Addresses of the shared test servers, or of a cluster of our own when nobody started any."""
    names = ("TEST_DATABASE_URL", "TEST_APP_DATABASE_URL")
    if all(name in os.environ for name in names):
        yield {name: value for name, value in os.environ.items() if name.startswith("TEST_")}
        return
    with running_databases(tmp_path_factory.mktemp("cluster")) as addresses:
        yield addresses


@pytest.fixture(scope="session")
def environ(servers: dict[str, str]) -> dict[str, str]:
    """Settings of the app under test, with a fresh database of its own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    owner = make_url(servers["TEST_DATABASE_URL"])
    engine = create_engine(owner, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    urls = {
        "DATABASE_URL": make_url(servers["TEST_APP_DATABASE_URL"]).set(database=name),
        "MIGRATION_DATABASE_URL": owner.set(database=name),
    }
    return {key: url.render_as_string(hide_password=False) for key, url in urls.items()} | {
        "APP_ENV": "local",
        "SECRET_KEY": "a-secret-for-tests-only",
        "PRIVACY_HASH_KEY": "another-secret-for-tests-only",
        "PUBLIC_BASE_URL": "http://127.0.0.1:8000",
        "METRICS_TOKEN": "metrics-token-for-tests",
        "ABUSE_LIMITS": "off",
        "TWILIO_AUTH_TOKEN": "twilio-token-for-tests",
        "TRUSTED_PROXY_COUNT": "1",
        "DB_POOL_SIZE": "10",
        "DB_POOL_OVERFLOW": "50",
        "DB_POOLER": servers.get("TEST_DB_POOLER", "direct"),
    }


@pytest.fixture(scope="session")
def app(environ: dict[str, str]) -> Iterator[Flask]:
    """The app on its migrated database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIGRATION_DATABASE_URL", environ["MIGRATION_DATABASE_URL"])
        app = create_app(environ)
        app.test_client_class = PageClient
        with app.app_context():
            upgrade(directory=str(Path(__file__).parents[1] / "migrations"))
        yield app
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def settings(app: Flask) -> Settings:
    """The app's settings."""
    return app.extensions["a1_settings"]


@pytest.fixture(autouse=True)
def fresh_process_state() -> None:
    """Forget what the process remembers between requests."""
    embed.forget()
    EventsRest.until = 0.0


@pytest.fixture(autouse=True)
def no_context_left() -> Iterator[None]:
    """A test that leaves an app's context behind gives the next one another app's settings."""
    yield
    assert not has_app_context(), "this test left an app context in its process"


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """A session inside one transaction that is never committed; the app's own requests take part in it."""
    with app.app_context():
        engines = db.engines
        engine = engines[None]
        with engine.connect() as connection:
            outer = connection.begin()
            engines[None] = connection
            db.session.session_factory.configure(join_transaction_mode="create_savepoint")
            try:
                yield db.session()
                db.session.rollback()
                connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
            finally:
                db.session.remove()
                outer.rollback()
                engines[None] = engine
                db.session.session_factory.configure(join_transaction_mode="conditional_savepoint")


@pytest.fixture
def client(app: Flask, session: Session) -> PageClient:
    """A browser without JavaScript whose every HTML answer is checked."""
    return app.test_client()


@pytest.fixture
def owner(environ: dict[str, str]) -> Iterator[Engine]:
    """A connection pool of the database's owner."""
    engine = create_engine(environ["MIGRATION_DATABASE_URL"])
    yield engine
    engine.dispose()


@pytest.fixture
def database(app: Flask, owner: Engine) -> Iterator[Engine]:
    """The database for tests that commit for real; emptied afterwards."""
    with app.app_context():
        engine = db.engine
    yield engine
    with owner.begin() as connection:
        tables = connection.execute(
            text(
                "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
                f" AND relnamespace = 'public'::regnamespace AND relname NOT IN {KEPT_TABLES}"
            )
        ).scalars()
        names = ", ".join(tables)
        for table in APPEND_ONLY:
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        connection.execute(text(f"TRUNCATE {names}"))
        for table in APPEND_ONLY:
            connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
        connection.execute(text("INSERT INTO partners (key, name) VALUES ('direct', 'Our own pages')"))
