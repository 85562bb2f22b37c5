"""The application on a restored copy: a process of its own whose database is the copy, with no worker and no dispatcher."""

import os
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import click
from flask import current_app
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.booking import erasure
from app.extensions import db
from app.maintenance.backups import after, copies, programs, store
from app.maintenance.backups.checks import Finding, look
from app.maintenance.backups.store import BackupError
from app.maintenance.backups.trial import Running
from app.maintenance.privacy import erasure_log
from app.staff import audit_trail, booking_story
from app.staff.days import Span, today
from app.staff.reports import REPORTS
from app.staff.reports.base import Ask
from app.web import settings

ROOT = Path(__file__).parents[2]
YEARS = 7
LONGEST_VISIT = 1800.0
NEWEST = text("SELECT reference FROM bookings ORDER BY id DESC LIMIT 1")


def visit(copy: Running) -> list[Finding]:
    """Settle the copy and use it, each in a process of its own."""
    return [
        look("settled", lambda: run(copy, "after-restore")),
        look("application", lambda: run(copy, "look")),
    ]


def run(copy: Running, command: str) -> str:
    """Run a command of this group with the copy as its database."""
    role = make_url(settings().database_url).username or "a1_app"
    url = copy.url(role)
    addresses = {
        "DATABASE_URL": url,
        "MIGRATION_DATABASE_URL": url,
        "REPORTING_DATABASE_URL": "",
        "DB_POOLER": "direct",
    }
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "backup", command],
        env={name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
        | addresses,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_VISIT,
    )
    if done.returncode != 0:
        raise BackupError(programs.last_words(done.stderr or done.stdout))
    return done.stdout.strip().splitlines()[-1]


def settle(session: Session) -> str:
    """Bring a restored database to where it may serve: erased people forgotten again, unclear texts given up."""
    texts = after.never_resend(session)
    folder = settings().erasures_folder
    if not folder:
        return f"{texts} texts given up; ERASURE_LOG_DIR is not set, so nobody was erased again"
    entries = erasure_log.read_file(Path(folder))
    tools = erasure.tools(settings().privacy_hash_key, audit_trail.OPERATOR.actor)
    rows = erasure_log.reapply(session, entries, tools)
    return f"{texts} texts given up, {len(entries)} erasures known, {sum(rows.values())} rows erased again"


def use() -> str:
    """Do what visitors and the office do: start a visit, open the newest booking, draw every report over all years."""
    with suppress(BackupError):  # whoever has no place for backups has left no copy
        copies.clear(store.open_store(settings()))
    base = settings().public_base_url
    with current_app.test_client() as client:
        for path in ("/healthz", "/readyz", "/book"):
            answer = client.get(path, base_url=base, follow_redirects=path == "/book")
            if answer.status_code != 200:
                raise click.ClickException(
                    f"{path} answers {answer.status_code}: {answer.get_data(as_text=True)[:200]}"
                )
    session = db.session()
    reference = session.execute(NEWEST).scalar_one_or_none()
    if reference is not None and booking_story.find(session, reference) is None:
        raise click.ClickException(f"{reference} cannot be opened")
    last = today()
    ask = Ask(Span(last - timedelta(days=365 * YEARS), last, settings().report_timezone), {})
    try:
        rows = sum(len(report.rows(session, ask)) for report in REPORTS)
    except DBAPIError as error:
        raise click.ClickException(f"a report fails: {str(error.orig).splitlines()[0]}") from error
    session.rollback()
    return f"a visit begins, {reference or 'no booking yet'} opens, {len(REPORTS)} reports with {rows} rows"
