"""Months of bookings and weeks of events, made ahead of time."""

import click
from flask.cli import AppGroup

from app.cli.console import commit
from app.maintenance import partitions as maintenance

partitions = AppGroup("partitions", help="Months of bookings and weeks of events.")


@partitions.command("ensure")
def ensure() -> None:
    """Make the partitions of the months and weeks ahead that are missing. Safe to run at any time.

    Example: flask --app wsgi partitions ensure
    """
    click.echo(f"{commit(maintenance.ensure)} partitions made")
