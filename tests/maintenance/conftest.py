"""Databases that tests of upkeep may pull to pieces: each test has a copy of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.engine import make_url

from app.maintenance.keeping import Keeping
from app.maintenance.retention import Round
from tests.maintenance.copies import Copy, close_all, copy_of
from tests.maintenance.years import add_years

USUAL = Keeping("30 days", "30 days", "365 days", "365 days", "730 days", "7 years")


@pytest.fixture
def spare(app: Flask, environ: dict[str, str]) -> Iterator[Copy]:
    """An empty, migrated database."""
    close_all(app)
    with copy_of(str(make_url(environ["DATABASE_URL"]).database), environ) as made:
        yield made


@pytest.fixture(scope="session")
def seven_years(app: Flask, environ: dict[str, str]) -> Iterator[str]:
    """The name of a database with years behind it; nobody works in it, it is only copied."""
    close_all(app)
    with copy_of(str(make_url(environ["DATABASE_URL"]).database), environ) as made:
        with made.owner.begin() as connection:
            add_years(connection)
        made.owner.dispose()
        yield str(made.owner.url.database)


@pytest.fixture
def years(seven_years: str, environ: dict[str, str]) -> Iterator[Copy]:
    """A database with years behind it."""
    with copy_of(seven_years, environ) as made:
        yield made


@pytest.fixture
def usual(tmp_path: Path) -> Round:
    """A round with the usual periods, in small batches."""
    return Round(USUAL, "America/Phoenix", archives=tmp_path / "archive", batch=7)
