"""Which ZIP codes we serve: import, add, list, and the ready-made start."""

from pathlib import Path

import click
from flask.cli import AppGroup
from sqlalchemy import select

from app.booking import area_import
from app.cli.console import as_json, commit, print_rows, progress
from app.models import ServiceArea

COLUMNS = ("zip_code", "city", "state", "timezone", "active")

areas = AppGroup("areas", help="ZIP codes that can be booked.")


@areas.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_file(file: Path) -> None:
    """Add or change areas from a CSV file: zip_code,city,state,timezone,active.

    Nothing is written when one row is wrong.

    Example: flask --app wsgi areas import areas.csv
    """
    try:
        wanted = area_import.read_csv(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file.name} is not UTF-8 text") from error
    except area_import.AreasRefused as error:
        raise click.ClickException(str(error)) from error
    changed = commit(lambda session: area_import.save(session, wanted))
    click.echo(f"{len(wanted)} areas read, {changed} added or changed")


@areas.command("add")
@click.argument("zip_codes", nargs=-1, required=True, metavar="ZIP...")
def add(zip_codes: tuple[str, ...]) -> None:
    """Serve these ZIP codes, with the place and time zone the reference table knows.

    Example: flask --app wsgi areas add 85004 85006
    """
    try:
        added = commit(lambda session: area_import.add(session, list(dict.fromkeys(zip_codes))))
    except area_import.AreasRefused as error:
        raise click.ClickException(str(error)) from error
    for area in added:
        click.echo(f"{area.zip_code} {area.city}, {area.state} ({area.timezone})")


@areas.command("list")
@as_json
def list_areas(as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """List all areas.

    Example: flask --app wsgi areas list --json
    """
    rows = commit(
        lambda session: session.execute(
            select(*(getattr(ServiceArea, name) for name in COLUMNS)).order_by(ServiceArea.zip_code)
        ).all()
    )
    print_rows(
        COLUMNS,
        rows,
        as_json=as_json,
        empty="No areas yet: `areas seed`, `areas add ZIP` or `areas import FILE.csv`",
    )


@areas.command("seed")
def seed() -> None:
    """Fill the table of all ZIP codes, and serve the Phoenix metro area where no area exists yet.

    Example: flask --app wsgi areas seed
    """
    if not commit(area_import.is_reference_filled):
        progress("Filling the table of all ZIP codes ...")
        click.echo(f"{commit(area_import.fill_reference)} ZIP codes known")
    click.echo(f"{commit(area_import.seed_metro)} areas added")
