"""Bring the database up to date and fill it: run once at each start, in a process of its own.

Answers the supervisor in JSON on standard output; a refusal is one clear line and exit code 3.
"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import flask_migrate
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine
from sqlalchemy.engine import URL, make_url

from app import create_app
from sandbox import seed
from sandbox.account import Account
from sandbox.binaries import postgres_bin

_MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"
_REFUSED = 3


class Refused(RuntimeError):
    """The database cannot be used by this code; the message says what to do."""


def main() -> int:
    """Migrate, then seed; tell what was done."""
    answer = os.dup(1)
    os.dup2(2, 1)  # whatever the product logs meanwhile goes where errors go
    notes: list[str] = []
    app = create_app()
    try:
        with app.app_context():
            notes += migrate(os.environ["MIGRATION_DATABASE_URL"], Path(os.environ["A1_LOCAL"]))
        partner_key, said = seed.fill(app)
    except (Refused, seed.SeedFailed) as error:
        os.write(answer, str(error).encode())
        return _REFUSED
    os.write(answer, json.dumps({"partner_key": partner_key, "notes": [*notes, *said]}).encode())
    return 0


def migrate(url: str, local: Path) -> list[str]:
    """Apply the migrations that are missing, after a backup when there is data; refuse data newer than the code."""
    current, scripts = _revision(url), ScriptDirectory(str(_MIGRATIONS))
    if current == scripts.get_current_head():
        return []
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        raise Refused(
            f"The data is newer than this code: it is at {current}, which is unknown here. "
            "Use the newer code, or start over with ./run --reset."
        )
    backup = [f"Backup           {back_up(make_url(url), local / 'backups', current)}"] if current else []
    flask_migrate.upgrade(directory=str(_MIGRATIONS))
    return [*backup, f"Database         migrated to {scripts.get_current_head()}"]


def _revision(url: str) -> str | None:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def back_up(url: URL, folder: Path, revision: str) -> Path:
    """Dump the database into `folder` before it changes."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{revision}.dump"
    ourselves = Account(os.geteuid(), os.getegid(), change=False)
    pg_dump = postgres_bin(ourselves, folder) / "pg_dump"
    place = {
        "PGHOST": url.host,
        "PGPORT": str(url.port or 5432),
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
    }
    done = subprocess.run(
        [str(pg_dump), "--format=custom", f"--file={target}"],
        env=os.environ | {name: str(value) for name, value in place.items() if value},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        target.unlink(missing_ok=True)
        raise Refused(f"The data is older than this code, and its backup failed: {done.stderr.strip()}")
    return target


if __name__ == "__main__":
    sys.exit(main())
