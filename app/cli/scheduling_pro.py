"""What visitors of a Scheduling Pro widget did, for whoever runs it beside this site: how far they came, where they left."""

from collections import Counter
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click
from flask.cli import AppGroup

from app import clock
from app.cli.console import as_json, print_json, print_rows, progress
from app.cli.slots import Day
from app.providers import build_servicetitan
from app.providers.ports import ProviderError
from app.providers.scheduling_pro import MILESTONES, BookingSession, Performance, Scheduler, SchedulingPro
from app.web import settings

LONGEST_SPAN = timedelta(days=92)
FUNNEL = ("scheduler", "sessions", *MILESTONES, "jobs", "bookings")
ABANDONED = ("scheduler", "last_step", "blocker", "source", "sessions")

scheduling_pro = AppGroup("scheduling-pro", help="Reports of Scheduling Pro, read from ServiceTitan.")


@scheduling_pro.command("report")
@click.option("--from", "first", type=Day(), help="First day; a week ago without it.")
@click.option("--to", "last", type=Day(), help="Last day; today without it.")
@as_json
def report(first: date | None, last: date | None, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Show each scheduler's funnel, and at which step sessions that led to no job or booking were left.

    Example: flask --app wsgi scheduling-pro report --from 2026-11-01 --to 2026-11-07
    """
    zone = ZoneInfo(settings().report_timezone)
    last = last or clock.now().astimezone(zone).date()
    first = first or last - timedelta(days=7)
    if not timedelta(0) <= last - first < LONGEST_SPAN:
        raise click.ClickException("the days must be in order and span at most three months")
    span = midnight(first, zone), midnight(last + timedelta(days=1), zone)
    progress(f"Asking for the sessions of {first} to {last} ...")
    try:
        funnel, abandoned = read(SchedulingPro(build_servicetitan(settings())), span)
    except ProviderError as error:
        raise click.ClickException(f"Scheduling Pro could not be asked: {error}") from error
    if as_json:
        print_json(
            {
                "funnel": [dict(zip(FUNNEL, row, strict=True)) for row in funnel],
                "abandoned": [dict(zip(ABANDONED, row, strict=True)) for row in abandoned],
            }
        )
        return
    print_rows(FUNNEL, funnel, as_json=False, empty="There is no scheduler")
    click.echo()
    print_rows(ABANDONED, abandoned, as_json=False, empty="No session was left")


def read(
    source: SchedulingPro, span: tuple[datetime, datetime]
) -> tuple[list[Any], list[Any]]:  # Any: table rows
    """Ask for every scheduler's figures and sessions."""
    funnel, abandoned = [], []
    for scheduler in source.schedulers():
        funnel.append(funnel_row(scheduler, source.performance(scheduler.id, *span)))
        abandoned += abandoned_rows(scheduler, source.sessions(scheduler.id, *span))
    return funnel, abandoned


def funnel_row(scheduler: Scheduler, figures: Performance) -> tuple[object, ...]:
    """Return one scheduler's line."""
    reached = (figures.milestones.get(name, 0) for name in MILESTONES)
    return (scheduler.name, figures.sessions, *reached, figures.jobs, figures.bookings)


def abandoned_rows(scheduler: Scheduler, sessions: tuple[BookingSession, ...]) -> list[tuple[object, ...]]:
    """Count what was left, by step, reason and source; the most frequent first."""
    left = Counter(
        (s.last_step or "unknown", s.blocker or "none", s.utm_source or "direct")
        for s in sessions
        if s.is_abandoned
    )
    return [(scheduler.name, *where, count) for where, count in left.most_common()]


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant a local day begins."""
    return datetime.combine(day, time(), zone)
