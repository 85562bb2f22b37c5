"""What must not stay for ever, taken away: by hand here, every night by itself."""

from collections.abc import Sequence
from dataclasses import replace

import click
from flask.cli import AppGroup

from app.cli.console import as_json, commit, database_faults, in_words, print_json, print_rows, progress
from app.extensions import db
from app.maintenance import retention as maintenance
from app.maintenance import task_runs
from app.maintenance.retention import AlreadyRunning, Outcome, Round
from app.maintenance.rules import BATCH
from app.web import settings

COLUMNS = ("rule", "rows", "parts", "fault")
FEW = 5

retention = AppGroup("retention", help="Rows whose time is over.")


@retention.command("run")
@click.option("--dry-run", is_flag=True, help="Change nothing and say what would go.")
@click.option("--only", type=click.Choice(maintenance.NAMES), help="One rule alone.")
@click.option(
    "--batch", default=BATCH, show_default=True, type=click.IntRange(1, 50_000), help="Rows a transaction."
)
@as_json
def run(*, dry_run: bool, only: str | None, batch: int, as_json: bool) -> None:
    """Delete what is over. It can be stopped at any moment and run again; exit code 1 when a rule could not end.

    Example: flask --app wsgi retention run --dry-run
    """
    what = replace(maintenance.planned(settings()), only=only, batch=batch, tell=progress)
    with database_faults():
        outcomes = maintenance.preview(db.engine, what) if dry_run else run_once(what)
    if outcomes is None:
        progress("another run is at work: nothing to do here")
        return
    show(outcomes, as_json=as_json, dry_run=dry_run)
    if any(outcome.fault for outcome in outcomes):
        raise SystemExit(1)


def run_once(what: Round) -> list[Outcome] | None:
    """Run and write it down; nothing when another run is at work."""
    run_id = commit(lambda session: task_runs.start(session, "retention"))
    try:
        outcomes = maintenance.run(db.engine, what)
    except AlreadyRunning:
        commit(lambda session: task_runs.end(session, run_id, ok=True, figures={"left_to_another_run": True}))
        return None
    ok = not any(outcome.fault for outcome in outcomes)
    commit(lambda session: task_runs.end(session, run_id, ok=ok, figures=maintenance.figures(outcomes)))
    return outcomes


def show(outcomes: list[Outcome], *, as_json: bool, dry_run: bool) -> None:
    """Print what each rule came to; rules without anything to do are left out of the table."""
    if as_json:
        print_json([vars(outcome) for outcome in outcomes])
        return
    rows = [
        (outcome.rule, f"{outcome.rows:,}", in_short(outcome.parts), outcome.fault)
        for outcome in outcomes
        if outcome.rows or outcome.parts or outcome.fault
    ]
    print_rows(COLUMNS, rows, as_json=False, empty="Nothing would go." if dry_run else "Nothing was over.")


def in_short(parts: Sequence[str]) -> str:
    """Name a few parts, or the first, the last and how many there are."""
    return in_words(parts) if len(parts) <= FEW else f"{parts[0]} to {parts[-1]} ({len(parts)})"
