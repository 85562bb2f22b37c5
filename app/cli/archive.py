"""Months of bookings that live in files: which there are, whether they are whole, and what is in them."""

import json
import sys
from pathlib import Path

import click
from flask.cli import AppGroup
from sqlalchemy import text

from app.cli.console import as_json, commit, print_rows
from app.maintenance import archive as maintenance
from app.maintenance.archive import ArchiveFault

COLUMNS = ("month", "file", "rows", "archived_at", "dropped_at", "sha256")
ALL = text(f"SELECT {', '.join(COLUMNS)} FROM booking_archives ORDER BY month")  # noqa: S608 - our own columns
REMEMBERED = text("SELECT rows, sha256 FROM booking_archives WHERE file = :file")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

archive = AppGroup("archive", help="Months of bookings in files.")


@archive.command("list")
@as_json
def list_files(*, as_json: bool) -> None:
    """List the months that were written to a file.

    Example: flask --app wsgi archive list
    """
    rows = commit(lambda session: [tuple(row) for row in session.execute(ALL)])
    print_rows(COLUMNS, rows, as_json=as_json, empty="No month was archived yet")


@archive.command("verify")
@click.argument("file", type=FILE)
def verify(file: Path) -> None:
    """Compare a file with its checksum and with what the database remembers of it, and read it to the end.

    Example: flask --app wsgi archive verify bookings_2019_03.csv.gz
    """
    known = commit(lambda session: session.execute(REMEMBERED, {"file": file.name}).one_or_none())
    try:
        rows = maintenance.verify(file, None if known is None else known.sha256)
    except ArchiveFault as fault:
        raise click.ClickException(str(fault)) from fault
    if known is not None and rows != known.rows:
        raise click.ClickException(f"{file.name}: has {rows} bookings, {known.rows} were written")
    click.echo(f"{file.name}: {rows} bookings, as they were written")


@archive.command("read")
@click.argument("file", type=FILE)
def read(file: Path) -> None:
    """Print a file's bookings, one JSON object a line, the oldest first.

    Example: flask --app wsgi archive read bookings_2019_03.csv.gz
    """
    try:
        for booking in maintenance.read(file):
            sys.stdout.write(json.dumps(booking, ensure_ascii=False) + "\n")
    except ArchiveFault as fault:
        raise click.ClickException(str(fault)) from fault
