"""A product's database on a cluster of its own, with a place for backups, commanded the way an operator does."""

import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import NullPool, create_engine, text

from app import create_app
from app.config import load_settings
from app.extensions import db
from app.maintenance.backups import copies, keeper, restore, store, sums, trial
from app.maintenance.backups.manifest import TableSum
from app.maintenance.backups.restore import Target
from app.maintenance.backups.store import Store
from app.maintenance.backups.trial import Running
from sandbox.postgres import Cluster
from tests.faults import power

ROOT = Path(__file__).parents[2]
PATIENCE = 180.0
BOOK = text(
    "WITH who AS (INSERT INTO customers (first_name, last_name, email, phone)"
    " VALUES ('Ana', 'Canary', 'ana-' || gen_random_uuid() || '@example.com', '+16025550123') RETURNING id)"
    " INSERT INTO bookings (id, customer_id, service_area_id, issue_type, door_count, homeowner_status, preferred_time, window_end,"
    " address_line1, contact_first_name, contact_last_name, contact_email, contact_phone)"
    " SELECT uuid_v7(), who.id, a.id, 'broken_spring', 1, 'owner', now() + interval '3 days', now() + interval '3 days 2 hours',"
    " '12 Canary Street', 'Ana', 'Canary', 'ana@example.com', '+16025550123' FROM who, service_areas a LIMIT 1 RETURNING id"
)


@dataclass(frozen=True)
class Shop:
    """One product with its cluster; `env` is what its commands get."""

    cluster: Cluster
    env: dict[str, str]

    @property
    def store(self) -> Store:
        """The place of backups."""
        return store.open_store(load_settings(self.env))

    def at(self, folder: Path) -> "Shop":
        """The same product with an empty place for backups."""
        places = {
            "BACKUP_DIR": str(folder / "backups"),
            "BACKUP_SPOOL_DIR": str(folder / "spool"),
            "ERASURE_LOG_DIR": str(folder / "backups"),
        }
        return replace(self, env={**self.env, **places})

    def command(self, *words: str, **settings: str) -> Result:
        """Run a command as the operator does; what it starts itself gets the same settings."""
        env = {**self.env, **settings}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            before = signal.getsignal(signal.SIGTERM)
            app = create_app(env)
            try:
                with app.app_context():  # an operator's shell has no other
                    return app.test_cli_runner().invoke(args=list(words))
            finally:
                signal.signal(signal.SIGTERM, before)
                forget(app)

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Receive WAL meanwhile."""
        stop = threading.Event()
        thread = threading.Thread(target=keeper.keep, args=(self.store, stop), name="keeper")
        thread.start()
        try:
            until(
                lambda: bool(self.one("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"))
            )
            yield
        finally:
            stop.set()
            thread.join()

    @contextmanager
    def brought_back(self, folder: Path, instant: datetime | None = None) -> Iterator[Running]:
        """Restore and start a copy."""
        folder.mkdir()
        folder.chmod(0o755)
        with copies.folder(self.store, "a1-restore-", None) as place:
            laid = restore.lay_out(self.store, restore.newest_for(self.store, instant), place)
            with trial.running(self.store, laid, Target(instant)) as copy:
                yield copy

    def one(self, statement: str, **values: object) -> Any:
        """Run a statement in a transaction of its own and return its one value."""
        return ask(self.cluster.url("postgres"), statement, **values)

    def add_lead(self) -> uuid.UUID:
        """Commit a row that nothing else depends on."""
        found: uuid.UUID = self.one(
            "INSERT INTO leads (zip_code, kind) VALUES ('85004', 'callback') RETURNING id"
        )
        return found

    def now(self) -> datetime:
        """The database's time."""
        found: datetime = self.one("SELECT clock_timestamp()")
        return found

    def sum_of(self, table: str) -> TableSum:
        """Rows and ids of a table at this moment."""
        return sum_at(self.cluster.url("postgres"), table)

    def last_run(self, name: str) -> Any:
        """How the newest run of a task ended."""
        return self.one(
            "SELECT jsonb_build_array(ok, figures) FROM task_runs WHERE name = :name ORDER BY started_at DESC LIMIT 1",
            name=name,
        )

    def wait_streamed(self) -> None:
        """Wait until all that is committed by now has been received."""
        place = self.one("SELECT pg_current_wal_insert_lsn()::text")
        until(
            lambda: (
                self.one("SELECT flush_lsn >= CAST(:at AS pg_lsn) FROM pg_stat_replication", at=place) is True
            )
        )

    def kill(self) -> None:
        """Take the server away as a power cut would."""
        power.cut(int((self.cluster.home / "data/postmaster.pid").read_text().split()[0]))

    @contextmanager
    def booking(self) -> Iterator[dict[str, float]]:
        """Book all the time; every booking whose commit was acknowledged is written down, with the moment of that."""
        stop, acknowledged = threading.Event(), dict[str, float]()
        engine = create_engine(self.cluster.url("postgres"), poolclass=NullPool)

        def book() -> None:
            with engine.connect() as connection:
                try:
                    while not stop.is_set():
                        made = connection.execute(BOOK).scalar_one()
                        connection.commit()
                        acknowledged[str(made)] = time.monotonic()
                        time.sleep(0.01)
                except Exception:  # noqa: BLE001 - the server was taken away: nothing more is acknowledged
                    connection.invalidate()

        threads = [threading.Thread(target=book, name=f"books-{n}") for n in range(2)]
        for thread in threads:
            thread.start()
        try:
            until(lambda: len(acknowledged) > 5)
            yield acknowledged
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def open_shop(cluster: Cluster) -> Shop:
    """A migrated database with one area, and everything its commands need."""
    env = {
        "APP_ENV": "local",
        "SECRET_KEY": "a-secret-for-tests-only",
        "PRIVACY_HASH_KEY": "another-secret-for-tests-only",
        "PUBLIC_BASE_URL": "http://127.0.0.1:8000",
        "DATABASE_URL": cluster.app_url,
        "MIGRATION_DATABASE_URL": cluster.owner_url,
        "BACKUP_DATABASE_URL": cluster.backup_url,
        "BACKUP_KEY": store.new_key(),
        "POSTGRES_BINDIR": str(cluster.bin),
        "ABUSE_LIMITS": "off",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIGRATION_DATABASE_URL", cluster.owner_url)
        app = create_app(env)
        with app.app_context():
            upgrade(directory=str(ROOT / "migrations"))
        forget(app)
    shop = Shop(cluster, env)
    shop.one(
        "INSERT INTO zip_codes (zip_code, type, city, state, timezone)"
        " VALUES ('85004', 'STANDARD', 'Phoenix', 'AZ', 'America/Phoenix') RETURNING 1"
    )
    shop.one(
        "INSERT INTO service_areas (zip_code, city, state, timezone)"
        " VALUES ('85004', 'Phoenix', 'AZ', 'America/Phoenix') RETURNING 1"
    )
    return shop


def forget(app: Flask) -> None:
    """Close an app's connections."""
    with app.app_context():
        db.engine.dispose()


def ask(url: str, statement: str, **values: object) -> Any:
    """Run a statement in a transaction of its own and return its one value."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        return connection.execute(text(statement), values).scalar_one_or_none()


def sum_at(url: str, table: str) -> TableSum:
    """Rows and ids of a table."""
    with sums.connect(url).connect() as connection:
        return sums.read_table(connection, table, ["id"])


def until(ready: Callable[[], bool]) -> None:
    """Wait for something that is bound to happen."""
    end = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)
