"""What a restored copy must stand up to."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from app.maintenance.backups import programs, sums, trial
from app.maintenance.backups.manifest import Manifest
from app.maintenance.backups.store import BackupError, Store
from app.maintenance.backups.trial import Running

FOREIGN_KEYS = text(
    "SELECT c.conname, c.conrelid::regclass::text, c.confrelid::regclass::text,"
    " (SELECT array_agg(quote_ident(a.attname) ORDER BY k.place) FROM unnest(c.conkey) WITH ORDINALITY AS k (n, place)"
    " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n),"
    " (SELECT array_agg(quote_ident(a.attname) ORDER BY k.place) FROM unnest(c.confkey) WITH ORDINALITY AS k (n, place)"
    " JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n)"
    " FROM pg_constraint c WHERE c.contype = 'f' AND c.conparentid = 0 ORDER BY 1"
)
HEAD = text("SELECT version_num FROM alembic_version")


@dataclass(frozen=True)
class Finding:
    """One check: its name, whether the copy stood up to it, and a sentence."""

    name: str
    ok: bool
    says: str


def look(name: str, check: Callable[[], str]) -> Finding:
    """Make one check; what it raises is its finding."""
    try:
        return Finding(name, ok=True, says=check())
    except (BackupError, SQLAlchemyError) as error:
        return Finding(name, ok=False, says=programs.reason(error))


def contents(connection: Connection, manifest: Manifest) -> str:
    """Compare rows and ids of every table with what was written down."""
    found = sums.read(connection)
    wrong = sums.differences(manifest.tables, found)
    if wrong:
        raise BackupError("; ".join(wrong))
    return f"{sum(table.rows for table in found.values()):,} rows in {len(found)} tables, ids equal"


def orphans(connection: Connection) -> str:
    """Look for rows whose parent is not there, whatever the constraints believe."""
    keys, found = connection.execute(FOREIGN_KEYS).all(), []
    for name, child, parent, columns, references in keys:
        match = " AND ".join(f"p.{there} = c.{here}" for here, there in zip(columns, references, strict=True))
        present = " AND ".join(f"c.{column} IS NOT NULL" for column in columns)
        query = f"SELECT count(*) FROM {child} c WHERE {present} AND NOT EXISTS (SELECT 1 FROM {parent} p WHERE {match})"  # noqa: S608 - names from the catalogue, quoted
        count = connection.execute(text(query)).scalar_one()
        if count:
            found.append(f"{name}: {count}")
    if found:
        raise BackupError(f"rows without their parent: {', '.join(found)}")
    return f"none in {len(keys)} foreign keys"


def migration(connection: Connection, wanted: str) -> str:
    """Compare the copy's migration with the one the backup was taken at."""
    found = connection.execute(HEAD).scalar_one_or_none()
    if found != wanted:
        raise BackupError(f"the copy is at {found}, the backup was taken at {wanted}")
    return wanted


def structure(store: Store, copy: Running) -> str:
    """Have pg_amcheck read every table and index, and look up every row in its indexes."""
    url = copy.url(trial.SUPERUSER)
    programs.run(
        store, "pg_amcheck", "--heapallindexed", "--install-missing", f"--database={copy.database}", url=url
    )
    return "every table and index is sound"


def checksums(store: Store, data: Path) -> str:
    """Have pg_checksums read every page of the stopped copy."""
    said = programs.run(
        store, "pg_checksums", "--check", f"--pgdata={data}", user=programs.server_user()
    ).stdout
    counted = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    return f"{int(counted.get('Blocks scanned', '0').strip() or 0):,} pages, none bad"
