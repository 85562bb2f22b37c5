"""Months of bookings and weeks of events, made ahead of time."""

import click
from flask.cli import AppGroup
from sqlalchemy.orm import sessionmaker

from app.cli.console import commit, database_faults, progress
from app.extensions import db
from app.maintenance import partitions as maintenance

partitions = AppGroup("partitions", help="Months of bookings and weeks of events.")


@partitions.command("ensure")
def ensure() -> None:
    """Make the partitions of the months and weeks ahead that are missing. Safe to run at any time.

    Each is made in a moment of its own, so that bookings go on. Exit code 1 when one could not be made.

    Example: flask --app wsgi partitions ensure
    """
    with database_faults():
        done = maintenance.upkeep(sessionmaker(db.engine))
    if done.waits:
        progress(f"waited for others {done.waits} times")
    click.echo(f"{done.made} partitions made")
    if done.faults:
        raise click.ClickException("\n".join(done.faults))


@partitions.command("status")
def status() -> None:
    """Say for how many days ahead there is a place for new rows.

    Example: flask --app wsgi partitions status
    """
    for table, days in commit(maintenance.horizon).items():
        click.echo(f"{table}: {days:.0f} days")
