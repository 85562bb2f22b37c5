"""Arrival windows from the provider, zone by zone; a zone that cannot be asked keeps what is known and is told as stale."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from typing import Protocol, TypeVar

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking import slot_sync
from app.booking.slot_sync import UpstreamWindow, UpstreamZone
from app.jobs.process import Process
from app.jobs.work import Abandoned, Declined, Desk, Handler, Job
from app.log import log
from app.maintenance import task_runs
from app.models.queue_job import JobOutcome
from app.providers.ports import Place, ProviderError, SlotSource, Zone

T = TypeVar("T")

ALIVE_EVERY = 50
ACTIVE = text("SELECT zip_code, timezone FROM service_areas WHERE active ORDER BY zip_code")


class Transact(Protocol):
    """Runs work as one transaction, with the retries of its place."""

    def __call__(self, work: Callable[[Session], T], /) -> T:
        """Run and commit."""


@dataclass(frozen=True)
class Figures:
    """What a sync did. `stale` names zones that could not be asked, `unzoned` counts areas no zone covers."""

    zones: int = 0
    windows: int = 0
    days: int = 0
    changed: int = 0
    unzoned: int = 0
    stale: tuple[str, ...] = ()


def nobody_asks() -> None:
    """Show no sign of life: for callers who wait beside the work."""


def sync(
    transact: Transact, source: SlotSource, days: int, alive: Callable[[], None] = nobody_asks
) -> Figures:
    """Fetch all zones and apply what differs; `alive` is called now and then. Raise ProviderError when not one zone could be asked."""
    places = transact(lambda session: [Place(*row) for row in session.execute(ACTIVE)])
    zones = source.zones(places)
    waiting = {place.zip_code for place in places}
    total, stale, failure = Figures(zones=len(zones)), [], None
    for zone in zones:
        ours = waiting & set(zone.zip_codes)
        waiting -= ours
        if not ours:
            continue
        try:
            upstream = ask(transact, source, zone, tuple(sorted(ours)), days)
        except ProviderError as error:
            log.warning("slots_stale", zone=zone.id, reason=str(error))
            stale.append(zone.id)
            failure = error
        else:
            total = sum_up(total, apply_all(transact, upstream, alive))
    if failure is not None and not total.days:
        raise failure
    return Figures(total.zones, total.windows, total.days, total.changed, len(waiting), tuple(stale))


def ask(transact: Transact, source: SlotSource, zone: Zone, zips: tuple[str, ...], days: int) -> UpstreamZone:
    """Ask for one zone's windows."""
    now = transact(slot_sync.database_time)
    answer = source.open_windows(zone, now, now + timedelta(days=days), requested_at=now)
    return UpstreamZone(
        zip_codes=zips,
        key_prefix=answer.key_prefix,
        asked_at=answer.requested_at,
        starts_at=answer.starts_at,
        ends_at=answer.ends_at,
        windows=tuple(UpstreamWindow(w.key, w.starts_at, w.ends_at, w.open) for w in answer.windows),
        is_total=answer.is_total,
    )


def apply_all(transact: Transact, upstream: UpstreamZone, alive: Callable[[], None]) -> Figures:
    """Bring each area and day that differs up to date."""
    changed = 0
    due = transact(lambda session: slot_sync.different_days(session, upstream))
    for number, day in enumerate(due):
        if number % ALIVE_EVERY == 0:
            alive()
        changed += transact(partial(slot_sync.apply, zone=upstream, due=day))
    return Figures(windows=len(upstream.windows), days=len(due), changed=changed)


def sum_up(total: Figures, zone: Figures) -> Figures:
    """Add a zone's figures."""
    return Figures(
        total.zones, total.windows + zone.windows, total.days + zone.days, total.changed + zone.changed
    )


def prepare(_session: Session, process: Process, _job: Job) -> int | Declined:
    """Return how many days ahead to fetch."""
    return process.settings.slot_days


def call(desk: Desk, days: int) -> Figures:
    """Fetch and apply; each area and day is a transaction of its own."""
    return sync(desk.process.transact, desk.process.adapters.slot_source, days, alive=desk.progress)


def settle(session: Session, job: Job, _days: int, figures: Figures) -> JobOutcome:
    """Write the run's figures down."""
    task_runs.end(session, job.payload.get("task_run_id"), ok=not figures.stale, figures=asdict(figures))
    return JobOutcome.OK


def abandon(session: Session, _process: Process, job: Job, abandoned: Abandoned) -> None:
    """Write down that this run failed; the next one comes by itself."""
    task_runs.end(session, job.payload.get("task_run_id"), ok=False, figures={"error": abandoned.reason})


HANDLER = Handler(prepare, call, settle, abandon)
