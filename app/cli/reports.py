"""The small tables that report pages read."""

from datetime import timedelta

import click
from flask.cli import AppGroup

from app.cli.console import commit, progress
from app.maintenance import rollups
from app.web import settings

reports = AppGroup("reports", help="Figures behind the report pages.")


@reports.command("refresh")
def refresh() -> None:
    """Bring the reports up to everything stored so far. It also runs by itself every few minutes.

    Example: flask --app wsgi reports refresh
    """
    done = rollups.bring_up_to_date(commit, settings().report_timezone, views_age=timedelta())
    if -1 in done.values():
        click.echo("Another refresh is at work")
    else:
        click.echo(
            f"{done['days']} days recomputed, {done['counts']} days of bookings, deliveries, messages and leads"
        )


@reports.command("rebuild")
def rebuild() -> None:
    """Count everything again of which there still are rows; older days stay as they are.

    Needed after REPORT_TIMEZONE has changed, and after rows came into the database by other ways than the product's.

    Example: flask --app wsgi reports rebuild
    """
    zone = settings().report_timezone
    progress(f"{commit(lambda session: rollups.rebuild(session, zone))} days to count, in days of {zone}")
    done = rollups.bring_up_to_date(commit, zone, views_age=timedelta())
    click.echo(
        f"{done['days']} days recomputed, {done['counts']} days of bookings, deliveries, messages and leads"
    )
