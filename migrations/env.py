"""Alembic's entry: migrations run as the owner of the database, and partitions are nobody's drift."""

import os
from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import create_engine, pool

from app.pooling import Client, startup_options

config = context.config
db = current_app.extensions["migrate"].db
url = os.environ.get("MIGRATION_DATABASE_URL") or db.engine.url.render_as_string(hide_password=False)


def leave_out_partitions(
    partitions: set[str],
) -> Any:  # Any: Alembic's callback has five loosely typed arguments
    """Answer Alembic's include_object: a partition, or a key cloned for one, belongs to its parent."""

    def include(item: Any, name: str | None, kind: str, reflected: bool, _compare_to: Any) -> bool:  # noqa: FBT001
        if not reflected:
            return True
        if kind == "table":
            return name not in partitions
        if kind == "foreign_key_constraint":
            return item.elements[0].target_fullname.split(".")[-2] not in partitions
        return True

    return include


def run() -> None:
    """Apply migrations in one transaction that gives up early instead of queueing behind others."""
    limits = {"application_name": str(Client.MIGRATE), "options": startup_options(Client.MIGRATE)}
    engine = create_engine(url, poolclass=pool.NullPool, connect_args=limits)
    with engine.connect() as connection:
        with connection.begin():
            rows = connection.exec_driver_sql("SELECT relname FROM pg_class WHERE relispartition")
            partitions = {row[0] for row in rows}
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            include_name=lambda name, kind, _parents: not (kind == "table" and name in partitions),
            include_object=leave_out_partitions(partitions),
            compare_type=True,
        )
        with context.begin_transaction():
            connection.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
            context.run_migrations()


run()
