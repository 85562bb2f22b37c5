"""The small tables that report pages read."""

import click
from flask.cli import AppGroup

from app.cli.console import commit
from app.maintenance import rollups
from app.web import settings

reports = AppGroup("reports", help="Figures behind the report pages.")


@reports.command("refresh")
def refresh() -> None:
    """Bring the reports up to every event stored so far. It also runs by itself every few minutes.

    Example: flask --app wsgi reports refresh
    """
    zone = settings().report_timezone
    days = commit(lambda session: rollups.refresh(session, zone))
    click.echo("Another refresh is at work" if days < 0 else f"{days} days recomputed")
