"""What a database holds, as one comparable value."""

from pathlib import Path

from sqlalchemy import Engine, text

TABLES = text(
    "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
    " AND relnamespace = 'public'::regnamespace ORDER BY 1"
)
PARTITIONS = text("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY 1")
# When something happened, and how often it was tried, may differ between two runs that end the same.
CLOCKS = {
    "report_state": "name, raw_from",
    "report_views": "view",
    "booking_archives": "month, file, rows, sha256, digest, dropped_at IS NOT NULL",
}


def contents(database: Engine, *, without: tuple[str, ...] = ()) -> dict[str, tuple[object, ...]]:
    """Return each table's rows and a checksum of them, and the names of all partitions."""
    with database.connect() as connection:
        found = {
            table: tuple(
                connection.execute(
                    text(
                        "SELECT count(*), md5(coalesce(string_agg(row::text, '' ORDER BY row::text), ''))"
                        f" FROM (SELECT {CLOCKS.get(table, '*')} FROM {table}) row"
                    )
                ).one()
            )
            for table in connection.execute(TABLES).scalars()
            if table not in without
        }
        found["partitions"] = tuple(connection.execute(PARTITIONS).scalars())
    return found


def files(folder: Path | None) -> dict[str, bytes]:
    """Return every file of a folder."""
    if folder is None or not folder.is_dir():
        return {}
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
