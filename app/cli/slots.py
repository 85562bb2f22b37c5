"""Arrival windows: fetch them from the provider, open and close them by hand."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime, time
from typing import TypeVar

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from app import clock
from app.booking import opening
from app.booking.opening import Closed, Opened, OpeningRefused, Window
from app.cli.console import as_json, commit, print_json, progress
from app.jobs import slot_sync
from app.providers import build_adapters
from app.providers.ports import ProviderError
from app.staff import audit_trail
from app.web import settings

T = TypeVar("T")

slots = AppGroup("slots", help="Arrival windows.")


class Hour(click.ParamType[time]):
    """A wall time like 08:00."""

    name = "HH:MM"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> time:
        """Read it."""
        try:
            return datetime.strptime(value, "%H:%M").time()  # noqa: DTZ007 - a wall time has no zone of its own
        except ValueError:
            self.fail(f"«{value}» is not a time like 08:00", param, ctx)


class Day(click.ParamType[date]):
    """A date like 2026-12-01."""

    name = "YYYY-MM-DD"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read it."""
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"«{value}» is not a date like 2026-12-01", param, ctx)


zip_option = click.option("--zip", "zip_code", required=True, help="ZIP code of the area.")
date_option = click.option("--date", "day", required=True, type=Day(), help="Day, local to the area.")
end_option = click.option(
    "--end", type=Hour(), help="End, local to the area; two hours after the start without it."
)


@slots.command("sync")
@as_json
def sync(as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Fetch arrival windows of all active areas from the provider. It also runs by itself every few minutes.

    Example: flask --app wsgi slots sync
    """
    progress("Asking the provider for windows ...")
    try:
        source = build_adapters(settings()).slot_source
        figures = slot_sync.sync(commit, source, settings().slot_days)
    except ProviderError as error:
        raise click.ClickException(f"the provider could not be asked: {error}") from error
    if as_json:
        print_json(asdict(figures))
        return
    click.echo(f"{figures.windows} windows of {figures.zones} zones, {figures.changed} rows changed")
    if figures.stale:
        raise click.ClickException(
            f"these zones could not be asked and keep what was known: {', '.join(figures.stale)}"
        )


@slots.command("open")
@zip_option
@date_option
@click.option("--time", "start", required=True, type=Hour(), help="Start, local to the area.")
@end_option
@click.option(
    "--capacity", type=click.IntRange(min=1), default=1, show_default=True, help="Bookings this crew takes."
)
def open_window(zip_code: str, day: date, start: time, end: time | None, capacity: int) -> None:
    """Open an arrival window; one that was closed opens again, one that is open stays.

    Example: flask --app wsgi slots open --zip 85004 --date 2026-12-01 --time 08:00 --end 10:00
    """
    window = Window(zip_code, day, start, end, capacity)
    unit = settings().st_business_unit_id

    def work(session: Session) -> Opened:
        done = opening.open_window(session, window, unit=unit, now=clock.now())
        audit_trail.record(session, audit_trail.OPERATOR, "slot_open", opening.name_of(zip_code, day, start))
        return done

    click.echo(f"{zip_code} {day} {start:%H:%M}: {allowed(work)}")


@slots.command("close")
@zip_option
@date_option
@click.option("--time", "start", type=Hour(), help="Start, local to the area; the whole day without it.")
@end_option
def close_window(zip_code: str, day: date, start: time | None, end: time | None) -> None:
    """Close an arrival window, or all of a day. Bookings that exist stay.

    Example: flask --app wsgi slots close --zip 85004 --date 2026-12-25
    """
    unit = settings().st_business_unit_id

    def work(session: Session) -> Closed:
        audit_trail.record(session, audit_trail.OPERATOR, "slot_close", opening.name_of(zip_code, day, start))
        if start is None:
            return opening.close_day(session, zip_code, day)
        return opening.close_window(session, Window(zip_code, day, start, end), unit=unit)

    done = allowed(work)
    kept = f", {done.booked} booked stay" if done.booked else ""
    click.echo(f"{zip_code} {day}: {done.windows} closed{kept}")


def allowed(work: Callable[[Session], T]) -> T:
    """Run `work` as one transaction; a refusal is one clear line."""
    try:
        return commit(work)
    except OpeningRefused as error:
        raise click.ClickException(str(error)) from error
