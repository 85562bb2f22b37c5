"""Asking on demand whether the data is as it must be."""

from functools import partial

import click
from flask.cli import AppGroup

from app.cli.console import as_json, commit, print_json
from app.maintenance import task_runs
from app.maintenance.integrity import looking
from app.web import settings

integrity = AppGroup("integrity", help="What must be true of the data at any moment.")


@integrity.command("check")
@click.option("--all", "everything", is_flag=True, help="Look at all years, not only at the last 90 days.")
@as_json
def check(everything: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Ask every invariant; exit code 1 when one is broken. Staff's page shows the result.

    Example: flask --app wsgi integrity check --all
    """
    run_id = commit(lambda session: task_runs.start(session, looking.TASK))
    days = None if everything else looking.DAYS
    within = commit(partial(looking.scope, settings=settings(), days=days))
    broken = looking.look(commit, within)
    figures = looking.to_figures(broken)
    commit(lambda session: task_runs.end(session, run_id, ok=True, figures=figures))
    if as_json:
        print_json(figures)
    else:
        click.echo(looking.summary(broken).capitalize())
        for one in broken:
            click.echo(f"{one.check.severity:<7}{one.check.name}: not true: «{one.check.says}»")
            click.echo(f"  {one.number} found: {' '.join(one.references or one.ids)}")
    if broken:
        raise SystemExit(1)
