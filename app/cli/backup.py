"""Backups: taken, listed, brought back, and proven each month."""

import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import click
from flask.cli import AppGroup
from sqlalchemy.exc import SQLAlchemyError

from app import clock
from app.cli import backup_visit
from app.cli.console import as_json, commit, print_json, print_rows, progress
from app.jobs.periodic import is_night
from app.log import log
from app.maintenance import task_runs
from app.maintenance.backups import full, keeper, programs, proof, restore, state, store
from app.maintenance.backups import manifest as manifests
from app.maintenance.backups.restore import Target
from app.maintenance.backups.store import BackupError, Store
from app.maintenance.privacy import erasure_log
from app.staff.formats import age
from app.web import settings

T = TypeVar("T")
FAILURES = (BackupError, SQLAlchemyError, OSError)
ROOT = Path(__file__).parents[2]
COLUMNS = ("name", "age", "size_mb", "content_mb", "start_lsn", "point_lsn", "rows", "migration")
scratch_option = click.option(
    "--scratch",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder for the copy in clear.",
)
to_option = click.option(
    "--to", "instant", help="An instant, like 2026-11-22T10:15:00+00:00. Left out: all there is."
)

backup = AppGroup("backup", help="Full backups, WAL, and coming back to any second.")


@backup.command("new-key")
def new_key() -> None:
    """Print a new key for BACKUP_KEY. Keep a copy where no backup lies: without it no backup can be opened.

    Example: flask --app wsgi backup new-key
    """
    click.echo(store.new_key())


@backup.command("run")
@scratch_option
def run(scratch: Path | None) -> None:
    """Take a full backup, read it back, verify it, and delete those that are too old.

    Example: flask --app wsgi backup run
    """
    end_in_order()
    kept = open_store()
    run_id = begin("backup")
    try:
        done = full.run(kept, scratch)
    except FAILURES as error:
        record("backup", run_id, ok=False, figures={"error": programs.reason(error)[:300]})
        raise click.ClickException(programs.reason(error)) from error
    ship_erasures()
    made = done.manifest
    figures = {
        "backup": made.name,
        "bytes": made.size,
        "content_bytes": made.contained,
        "seconds": round(done.seconds, 1),
    }
    record("backup", run_id, ok=True, figures=figures)
    click.echo(
        f"{made.name}: {made.size / 1e6:,.1f} MB of {made.contained / 1e6:,.1f} MB, {done.seconds:.1f} s, verified"
    )
    for name in done.forgotten:
        click.echo(f"{name}: deleted, older than {kept.keep_days} days")


@backup.command("list")
@as_json
def list_backups(as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """List full backups with their sizes and places in the WAL.

    Example: flask --app wsgi backup list
    """
    kept, now = open_store(), clock.now()
    rows = [
        (
            made.name,
            age((now - made.started_at).total_seconds()),
            f"{made.size / 1e6:.1f}",
            f"{made.contained / 1e6:.1f}",
            made.start_lsn,
            made.point_lsn,
            sum(table.rows for table in made.tables.values()),
            made.migration,
        )
        for made in checked(lambda: manifests.every(kept))
    ]
    print_rows(COLUMNS, rows, as_json=as_json, empty="No full backup yet: flask --app wsgi backup run")


@backup.command("status")
@as_json
def status(as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Say how old everything is and what a crash right now would cost; exit code 1 when somebody has to see to it.

    Example: flask --app wsgi backup status
    """
    kept = open_store()
    found = checked(lambda: state.read(kept, clock.now()))
    if as_json:
        print_json({**vars(found), "faults": found.faults()})
    else:
        click.echo(f"last full backup   {in_words(found.backup_age)}  {found.backup or ''}".rstrip())
        click.echo(f"WAL sealed         {in_words(found.received_age)}: what a crash now would cost at most")
        click.echo(f"server             {found.server}")
        click.echo(f"last restore test  {in_words(found.test_age)}")
        for fault in found.faults():
            click.echo(f"FAIL  {fault}")
    if found.faults():
        raise SystemExit(1)


@backup.command("restore-test")
@to_option
@scratch_option
@as_json
def restore_test(instant: str | None, scratch: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Bring the newest backup back to life, check it from all sides, and remove the copy. Exit code 1 when it fails.

    Example: flask --app wsgi backup restore-test --to 2026-11-22T10:15:00+00:00
    """
    end_in_order()
    kept, target = open_store(), read_instant(instant)
    run_id = begin("restore_test")
    try:
        found = proof.run(kept, backup_visit.visit, instant=target, scratch=scratch)
    except FAILURES as error:
        record("restore_test", run_id, ok=False, figures={"error": programs.reason(error)[:300]})
        raise click.ClickException(programs.reason(error)) from error
    if found.ok:
        keeper.note(kept, keeper.TESTED, at=clock.now().isoformat(), **found.figures())
    record("restore_test", run_id, ok=found.ok, figures=found.figures())
    tell(found, as_json=as_json)
    if not found.ok:
        raise SystemExit(1)


@backup.command("restore")
@click.argument("into", type=click.Path(path_type=Path))
@to_option
def restore_into(into: Path, instant: str | None) -> None:
    """Lay a backup out in a new folder, ready for a server to recover from. docs/backup.md has all the steps.

    Example: flask --app wsgi backup restore NEW_FOLDER --to 2026-11-22T10:15:00+00:00
    """
    kept, target = open_store(), read_instant(instant)
    if into.exists() and any(into.iterdir()):
        raise click.ClickException(f"{into} is not empty")
    into.mkdir(parents=True, exist_ok=True)
    into = into.absolute()
    laid = checked(lambda: restore.lay_out(kept, restore.newest_for(kept, target), into))
    restore.write_settings(laid, Target(target))
    if laid.fault is not None:
        progress(f"The chain of WAL ends early, {laid.fault}")
    click.echo(
        f"{laid.manifest.name} lies in {laid.data}. Start a server on it, then: flask --app wsgi backup after-restore"
    )


@backup.command("after-restore")
def after_restore() -> None:
    """Forget erased people again and give up texts that may have left: run once on a restored database, before it serves.

    Example: flask --app wsgi backup after-restore
    """
    click.echo(commit(backup_visit.settle))


@backup.command("look")
def look() -> None:
    """Use the application on this database, without worker and dispatcher: what a restore test does with its copy.

    Example: flask --app wsgi backup look
    """
    click.echo(backup_visit.use())


@backup.command("keep")
@click.option("--wal-only", is_flag=True, help="Take no backups and make no tests: timers do that.")
def keep(wal_only: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Receive WAL all the time, take a full backup each night, and test one each month. Ends on SIGTERM.

    Example: flask --app wsgi backup keep
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    chores = keeper.Chores(
        backup=lambda: start("run"),
        test=lambda: start("restore-test"),
        is_night=lambda: is_night(settings().report_timezone),
    )
    kept = open_store()
    try:
        keeper.keep(kept, stop, None if wal_only else chores)
    except FAILURES as error:
        raise click.ClickException(programs.reason(error)) from error


def ship_erasures() -> None:
    """Write down beside the backups every erasure that is not there yet: each command that erases does so at once as well."""
    folder = settings().erasure_log_dir
    if folder:
        commit(lambda session: erasure_log.append(Path(folder), erasure_log.read(session)))
    else:
        progress("ERASURE_LOG_DIR is not set: a restore could not forget again whom we erased")


def tell(found: proof.Proof, *, as_json: bool) -> None:
    """Print what a restore test found."""
    if as_json:
        print_json(
            {"ok": found.ok, **found.figures(), "findings": [vars(finding) for finding in found.findings]}
        )
        return
    for finding in found.findings:
        click.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.name:<13}{finding.says}")
    click.echo(
        f"{found.manifest.name}: {', '.join(f'{name} {took}' for name, took in found.seconds.items())}"
    )


def start(command: str) -> subprocess.Popen[bytes]:
    """Start another command of this group, as little in the way of the product as can be."""
    words = [sys.executable, "-m", "flask", "--app", "wsgi", "backup", command]
    return subprocess.Popen(["nice", "-n", "10", *words], cwd=ROOT, stdin=subprocess.DEVNULL)


def end_in_order() -> None:
    """Take SIGTERM as a wish to stop, so that a copy at work is stopped and removed."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def open_store() -> Store:
    """Open the place of the settings, or say in one line why not."""
    return checked(lambda: store.open_store(settings()))


def checked(work: Callable[[], T]) -> T:
    """Run `work`; what keeps it from ending well is one clear line."""
    try:
        return work()
    except FAILURES as error:
        raise click.ClickException(programs.reason(error)) from error


def read_instant(raw: str | None) -> datetime | None:
    """Read the instant to go to; one without a zone could mean two."""
    if raw is None:
        return None
    try:
        instant = datetime.fromisoformat(raw)
    except ValueError as error:
        raise click.UsageError(f"{raw} is no instant: write it like 2026-11-22T10:15:00+00:00") from error
    if instant.tzinfo is None:
        raise click.UsageError(f"{raw} has no zone: write it like 2026-11-22T10:15:00+00:00")
    return instant


def record(name: str, run_id: uuid.UUID | None, *, ok: bool, figures: Mapping[str, object]) -> None:
    """Write the run's end into the run log, which alerts and the operations page read; without a database, into our log."""
    log.info("task_done", task=name, ok=ok, **figures)
    try:
        commit(lambda session: task_runs.end(session, run_id, ok=ok, figures=figures))
    except click.ClickException as error:
        progress(f"Not in the run log: {error.message}")


def begin(name: str) -> uuid.UUID | None:
    """Write the run's beginning into the run log; the day it is needed most there may be no database."""
    try:
        return commit(lambda session: task_runs.start(session, name))
    except click.ClickException as error:
        progress(f"Not in the run log: {error.message}")
        return None


def in_words(seconds: float | None) -> str:
    """Return an age."""
    return "never" if seconds is None else age(seconds)
