"""Databases of a test's own: copies of the migrated one, removed afterwards."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from app.config import Settings, load_settings
from app.extensions import db
from app.pooling import PGBOUNCER, Client, connect_args

# People only: nobody but a superuser may end an autovacuum worker, and that one makes way by itself.
SEND_AWAY = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name AND usename IS NOT NULL"
)


@dataclass(frozen=True)
class Copy:
    """One database under two roles, and the settings that say how the product connects."""

    owner: Engine
    app: Engine
    settings: Settings

    @property
    def app_url(self) -> str:
        """For the settings of a process."""
        return self.app.url.render_as_string(hide_password=False)


def close_all(app: Flask) -> None:
    """Leave the app's database, so that it can be copied."""
    with app.app_context():
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


@contextmanager
def copy_of(source: str, environ: dict[str, str]) -> Iterator[Copy]:
    """Copy a database that nobody is connected to."""
    name = f"copy_{uuid.uuid4().hex[:12]}"
    admin = create_engine(
        make_url(environ["MIGRATION_DATABASE_URL"]).set(database="a1"), isolation_level="AUTOCOMMIT"
    )
    settings = load_settings(environ)
    pooled = settings.db_pooler == PGBOUNCER
    patiently(admin, f"CREATE DATABASE {name} TEMPLATE {source}", source, pooled=pooled)
    made = Copy(
        create_engine(make_url(environ["MIGRATION_DATABASE_URL"]).set(database=name)),
        create_engine(
            make_url(environ["DATABASE_URL"]).set(database=name),
            connect_args=connect_args(settings, Client.WORKER),
        ),
        settings,
    )
    try:
        yield made
    finally:
        made.owner.dispose()
        made.app.dispose()
        patiently(admin, f"DROP DATABASE {name}", name, pooled=pooled)
        admin.dispose()


def patiently(admin: Engine, statement: str, database: str, *, pooled: bool) -> None:
    """Wait until those who have just left the database are really gone; a pooler would stay for minutes."""
    for _attempt in range(5):
        try:
            with admin.connect() as connection:
                if pooled:
                    connection.execute(SEND_AWAY, {"name": database})
                connection.execute(text(statement))
            return
        except OperationalError as error:
            last = error
    raise last
