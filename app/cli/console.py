"""How commands talk: tables and JSON on standard output, progress on standard error, one line when something is wrong."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from app.web import transaction

T = TypeVar("T")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")


def commit(work: Callable[[Session], T]) -> T:
    """Run `work` as one transaction; a database that is away or refuses is one clear line."""
    with database_faults():
        return transaction.run(work)


@contextmanager
def database_faults() -> Iterator[None]:
    """Turn a database that is away or refuses into one clear line."""
    try:
        yield
    except transaction.Unavailable as error:
        raise click.ClickException(f"the database did not answer in time (SQLSTATE {error})") from error
    except (DBAPIError, PoolTimeout) as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        raise click.ClickException(f"the database refused: {reason}") from error


def progress(line: str) -> None:
    """Say what is going on, beside the result."""
    click.echo(line, err=True)


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, as_json: bool, empty: str) -> None:
    """Print rows as a table, or as JSON objects with the columns as keys."""
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    elif not rows:
        click.echo(empty)
    else:
        cells = [tuple(columns), *(tuple(in_words(value) for value in row) for row in rows)]
        widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
        for row in cells:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_json(value: object) -> None:
    """Print a value as JSON; moments, dates and ids become strings."""
    click.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def in_words(value: object) -> str:
    """Return a table cell."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "-"
    return str(value)
