"""A cluster of its own in a folder of choice, careless and large, for more rows than a throw-away one should hold."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import flask_migrate
import psycopg
from psycopg import sql

from app import create_app
from app.extensions import db
from sandbox import ports
from sandbox.account import server_account
from sandbox.home import server_home
from sandbox.postgres import Cluster, open_cluster
from sandbox.stack import ROOT
from sandbox.supervisor import Supervisor

TUNING = (
    "shared_buffers=2GB",
    "maintenance_work_mem=512MB",
    "max_locks_per_transaction=512",
)
FULL, EMPTY = "a1", "a1_empty"


@contextmanager
def scratch_cluster(folder: Path, *settings: str) -> Iterator[Cluster]:
    """Run the cluster in `folder`, made first if there is none, with more settings where wished; its files stay."""
    folder.mkdir(parents=True, exist_ok=True)
    home = server_home(folder, server_account(folder / "postgres" / "data"), lasting=False)
    cluster = open_cluster(home / "postgres", port=ports.pick(), spare=home / "programs", careful=False)
    cluster.forget_last_run()
    supervisor = Supervisor(folder / "log")
    program = cluster.program()
    more = [word for setting in (*TUNING, *settings) for word in ("-c", setting)]
    try:
        supervisor.start(replace(program, argv=[*program.argv, *more], stop_seconds=120.0), within=300.0)
        cluster.add_roles(for_tests=True)
        yield cluster
    finally:
        supervisor.stop()


def superuser(cluster: Cluster, database: str = FULL) -> str:
    """Return the address of the one who may switch triggers off."""
    return cluster.libpq("postgres", database)


def add_database(cluster: Cluster, name: str) -> None:
    """Make a database beside the first one unless it is there."""
    with psycopg.connect(superuser(cluster, "postgres"), autocommit=True) as admin:
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            admin.execute(sql.SQL("CREATE DATABASE {} OWNER a1_owner").format(sql.Identifier(name)))


def environment(cluster: Cluster, database: str = FULL) -> dict[str, str]:
    """Return what the product's commands need to work on a database of the cluster."""
    return {
        "APP_ENV": "local",
        "SECRET_KEY": "only-for-benches-on-this-machine",
        "PRIVACY_HASH_KEY": "only-for-benches-on-this-machine-too",
        "PUBLIC_BASE_URL": "http://127.0.0.1:8000",
        "METRICS_TOKEN": "only-for-benches",
        "REPORT_TIMEZONE": "America/Phoenix",
        "DATABASE_URL": cluster.url("a1_app", database),
        "MIGRATION_DATABASE_URL": cluster.url("a1_owner", database),
    }


def migrate(cluster: Cluster, database: str = FULL) -> None:
    """Bring a database up to date."""
    words = environment(cluster, database)
    os.environ["MIGRATION_DATABASE_URL"] = words["MIGRATION_DATABASE_URL"]
    with create_app(words).app_context():
        flask_migrate.upgrade(directory=str(ROOT / "migrations"))
        db.engine.dispose()
