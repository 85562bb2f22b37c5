"""What people may ask of us: a copy of their data, and to be forgotten."""

import contextlib
import json
import re
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from app import clock
from app.booking import erasure
from app.cli.console import as_json, commit, print_json, progress
from app.maintenance.privacy import ageing, erasure_log, exporting
from app.maintenance.privacy.erasing import (
    Erased,
    OpenBookingsError,
    StillAtWorkError,
    erase,
    erase_with_visits,
)
from app.maintenance.privacy.person import Person, RacedError, Tools
from app.notifications.recipients import email_hash, home_number
from app.staff import audit_trail
from app.staff.audit_trail import Doer
from app.web import settings

T = TypeVar("T")
YEARS = re.compile(r"([1-9][0-9]?)y")
SHORTEST_YEARS = 7  # what records of a business are kept for, see docs/security/personal-data.md

privacy = AppGroup("privacy", help="Copies of personal data, and forgetting it.")
operator_option = click.option("--operator", default="", help="Your name, for the audit log.")
dry_option = click.option("--dry-run", is_flag=True, help="Change nothing; say what would be done.")
email_option = click.option("--email", required=True, help="The person's e-mail address.")
phone_option = click.option("--phone", help="A number of theirs that came with no address, in any spelling.")


class DryRun(Exception):
    """Ends a trial before its commit."""


@privacy.command("export")
@email_option
@phone_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A .zip or .json file to write.")
@operator_option
def export_person(email: str, phone: str | None, out: Path | None, operator: str) -> None:
    """Give out everything we hold about a person, as JSON.

    Example: flask --app wsgi privacy export --email pat@example.com --out pat.zip
    """
    who, tools = person(email, phone), tools_of(operator)

    def work(session: Session) -> exporting.Document | None:
        found = exporting.export(session, who, tools)
        if found is not None:
            counts = {part: len(rows) for part, rows in found.items()}
            record(session, operator, "privacy_export", who, counts)
        return found

    found = patiently(lambda: commit(work))
    if found is None:
        click.echo("Nothing is known of this person.")
    elif out is None:
        print_json(found)
    else:
        write(out, found)
        click.echo(f"Written to {out}: {in_words({part: len(rows) for part, rows in found.items()})}")


@privacy.command("erase")
@email_option
@phone_option
@click.option(
    "--cancel-open", is_flag=True, help="Call off visits to come; without it they keep us from erasing."
)
@dry_option
@operator_option
@as_json
def erase_person(
    email: str, phone: str | None, operator: str, *, cancel_open: bool, dry_run: bool, as_json: bool
) -> None:
    """Forget a person: fixed words in place of theirs in every table, messages and links ended, providers asked to follow.

    Example: flask --app wsgi privacy erase --email pat@example.com --cancel-open --operator Robin
    """
    who, tools = person(email, phone), tools_of(operator)

    def work(session: Session) -> Erased:
        erased = (
            erase_with_visits(session, who, tools) if dry_run and cancel_open else erase(session, who, tools)
        )
        entry = erasure_log.add(session, erased, tools.actor)
        if not erased.is_nothing:
            record(session, operator, "privacy_erase", who, erased.rows)
        if entry is not None and not dry_run:
            write_log(session)
        return erased

    try:
        erased = patiently(lambda: trial(work, dry_run=dry_run))
    except OpenBookingsError as error:
        if not cancel_open:
            raise click.ClickException(
                f"a visit is still to come ({error}): cancel it with the person, or give --cancel-open"
            ) from error
        call_off(error, tools)
        erased = patiently(lambda: trial(work, dry_run=dry_run))
    tell(erased, who, tools, dry_run=dry_run, as_json=as_json)


@privacy.command("anonymize")
@click.option("--older-than", default="7y", help="How long ago the last booking has to be, like 7y.")
@dry_option
@operator_option
@as_json
def anonymize(older_than: str, operator: str, *, dry_run: bool, as_json: bool) -> None:
    """Forget customers whose last booking is years ago. Works in batches: stopped, it goes on where it was.

    Example: flask --app wsgi privacy anonymize --older-than 7y --dry-run
    """
    found = YEARS.fullmatch(older_than)
    if found is None or int(found[1]) < SHORTEST_YEARS:
        raise click.UsageError(
            f"--older-than is {SHORTEST_YEARS}y or more: records have to be kept that long"
        )
    before, tools = years_ago(int(found[1])), tools_of(operator)
    answer: dict[str, int] = {"people": 0, "passed over": 0}
    after: uuid.UUID | None = ageing.FIRST
    while after is not None:
        batch = trial(partial(ageing.anonymize, before=before, after=after, tools=tools), dry_run=dry_run)
        for name, count in {"people": batch.people, "passed over": batch.passed_over, **batch.rows}.items():
            answer[name] = answer.get(name, 0) + count
        progress(f"{answer['people']} people")
        after = batch.next_after
    if answer["people"] and not dry_run:
        commit(lambda session: record(session, operator, "privacy_anonymize", None, answer))
    if as_json:
        print_json({"dry_run": dry_run, **answer})
    else:
        click.echo(f"{'Would be forgotten' if dry_run else 'Forgotten'}: {in_words(answer)}")


def person(email: str, phone: str | None) -> Person:
    """Return whom the command is about."""
    number = home_number(phone) if phone else None
    if phone and number is None:
        raise click.ClickException("this is not a phone number of the United States")
    return Person(email.strip().lower(), frozenset({number}) if number else frozenset())


def tools_of(operator: str) -> Tools:
    """Return an erasure's tools in the operator's name."""
    return erasure.tools(settings().privacy_hash_key, actor_of(operator))


def actor_of(operator: str) -> str:
    """Return the operator as the audit log names them."""
    name = " ".join(operator.split())[:80]
    return f"{audit_trail.OPERATOR.actor}:{name}" if name else audit_trail.OPERATOR.actor


def trial(work: Callable[[Session], T], *, dry_run: bool) -> T:
    """Run `work` and commit, or do all of it and take it back."""
    if not dry_run:
        return commit(work)
    done: list[T] = []

    def work_and_stop(session: Session) -> None:
        done[:] = [work(session)]
        raise DryRun

    with contextlib.suppress(DryRun):
        commit(work_and_stop)
    return done[0]


def patiently(act: Callable[[], T]) -> T:
    """Try again while somebody books or a worker holds one of the person's jobs; for a lease's time at most."""
    waited, step = 0.0, 1.0
    while True:
        try:
            return act()
        except (RacedError, StillAtWorkError) as error:
            if waited >= settings().job_lease_seconds:
                raise click.ClickException(
                    "one of this person's jobs is still at work: try again later"
                ) from error
        time.sleep(step)
        waited += step


def call_off(error: OpenBookingsError, tools: Tools) -> None:
    """Cancel visits to come the way everybody does, each in a transaction of its own; ServiceTitan follows by its jobs."""
    for booking_id, reference in error.bookings:
        if commit(partial(cancel, tools=tools, booking_id=booking_id)):
            progress(f"{reference} is cancelled")


def cancel(session: Session, tools: Tools, booking_id: uuid.UUID) -> bool:
    """Cancel one."""
    return tools.cancel(session, booking_id)


def write_log(session: Session) -> None:
    """Write the erasure down beside the backups, before the commit, with whatever the file lacked till now."""
    folder = settings().erasures_folder
    if folder:
        try:
            erasure_log.append(Path(folder), erasure_log.read(session))
        except (OSError, ValueError) as error:
            raise click.ClickException(
                f"nothing was erased: {folder}/{erasure_log.FILE} cannot be written ({error})"
            ) from error
    else:
        progress(
            "neither ERASURE_LOG_DIR nor BACKUP_DIR is set: a backup from before today would bring this person back"
        )


def record(
    session: Session, operator: str, action: str, who: Person | None, counts: Mapping[str, object]
) -> None:
    """Add the line of the audit log: who it was about by a part of the keyed hash, what was done in numbers."""
    hashed = email_hash(who.email, settings().privacy_hash_key).hex()[:16] if who and who.email else "old"
    audit_trail.record(session, Doer(actor_of(operator)), action, f"person:{hashed}", reason=in_words(counts))


def tell(erased: Erased, who: Person, tools: Tools, *, dry_run: bool, as_json: bool) -> None:
    """Say what was done and what is left to do, in numbers."""
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "rows": dict(erased.rows),
                "servicetitan_customers": erased.field_service_customers,
            }
        )
        return
    if erased.is_nothing:
        before = commit(lambda session: erasure_log.last(session, tools.email_hash(who.email or "")))
        said = (
            f"Erased on {before:%Y-%m-%d}; nothing has come since."
            if before
            else "Nothing is known of this person."
        )
        click.echo(said)
        return
    click.echo(f"{'Would be erased' if dry_run else 'Erased'}: {in_words(erased.rows)}")
    if erased.field_service_customers:
        click.echo(f"Erase by hand in ServiceTitan: customer {', '.join(erased.field_service_customers)}")
    if erased.shared_numbers:
        click.echo("A phone number is somebody else's as well: texts to it are not stopped")


def write(out: Path, found: exporting.Document) -> None:
    """Write the copy for its owner's eyes only."""
    content = json.dumps(found, indent=2, default=str, ensure_ascii=False).encode()
    out.touch(mode=0o600, exist_ok=False)
    if out.suffix != ".zip":
        out.write_bytes(content)
        return
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("personal-data.json", content)


def years_ago(years: int) -> datetime:
    """Return the moment so many years ago; a 29th of February counts as the 28th."""
    now = clock.now()
    try:
        return now.replace(year=now.year - years)
    except ValueError:
        return now.replace(year=now.year - years, day=28)


def in_words(counts: Mapping[str, object]) -> str:
    """Return counts as a sentence."""
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "nothing"
