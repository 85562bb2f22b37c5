"""Reading what the office changed in ServiceTitan, feed by feed and page by page.

A page only says where to look: each job it names is asked for before anything here follows it, so that an old page does no
harm. The place to go on is stored once the whole page is dealt with; what a change of ours was in the way of is kept for the
next round.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from app import outbox
from app.booking import upstream
from app.booking.slot_sync import database_time
from app.booking.slots import Window
from app.booking.upstream import Change, Seen, SeenVisit
from app.jobs import feed_tokens
from app.jobs.feed_tokens import Hint
from app.jobs.process import Process
from app.jobs.work import Abandoned, Desk, Handler, Job
from app.log import log
from app.maintenance import task_runs
from app.models.queue_job import JobOutcome
from app.outbox import JobType, NewJob
from app.providers.ports import (
    FieldService,
    JobChanges,
    JobRef,
    JobStatus,
    Outcome,
    ProviderError,
    Visit,
    VisitChanges,
    VisitStatus,
)

MAX_PAGES = 40
ABOUT_ONE_JOB = {Outcome.PERMANENT, Outcome.UNCERTAIN}  # says nothing of the next job, so the round goes on
OVER = {JobStatus.CANCELLED, JobStatus.COMPLETED}
FIND_BY_JOBS = text(
    "SELECT id, status, servicetitan_job_id, upstream_status FROM bookings WHERE id = ANY(:ids)"
    " UNION SELECT id, status, servicetitan_job_id, upstream_status FROM bookings WHERE servicetitan_job_id = ANY(:jobs)"
)
FIND_BY_VISITS = text(
    "SELECT id, servicetitan_job_id, servicetitan_appointment_id, preferred_time, window_end, visit_confirmed_at,"
    " window_end > now() AS is_ahead FROM bookings"
    " WHERE servicetitan_job_id = ANY(:jobs) AND status IN ('pending', 'confirmed')"
)
REQUESTS = text(
    "SELECT id, servicetitan_job_id FROM bookings WHERE starts_with(servicetitan_job_id, :prefix)"
    " AND preferred_time > now() - interval '1 day' AND status IN ('pending', 'cancelled') ORDER BY id LIMIT 50"
)


@dataclass(frozen=True)
class Feed:
    """One export feed: how to ask for its next page, and which of our bookings a page gives reason to look at."""

    name: str
    ask: Callable[[FieldService, str | None], JobChanges | VisitChanges]
    match: Callable[[Session, Any], list[Hint]]  # Any: the page that `ask` returns


def match_jobs(session: Session, page: JobChanges) -> list[Hint]:
    """Return the bookings that stand otherwise than the page says of their job."""
    values = {
        "ids": [job.booking_id for job in page.jobs if job.booking_id],
        "jobs": [job.job_id for job in page.jobs],
    }
    rows = session.execute(FIND_BY_JOBS, values).all()
    by_job = {row.servicetitan_job_id: row for row in rows}
    by_id = {row.id: row for row in rows}
    hints = []
    for job in page.jobs:
        row = by_job.get(job.job_id) or by_id.get(job.booking_id)
        if row is not None and is_news(row, job):
            hints.append(Hint(row.id, job.job_id))
    return list(dict.fromkeys(hints))


def is_news(row: Row[tuple[object, ...]], job: JobRef) -> bool:
    """Say whether a job of the page tells something that its booking does not know."""
    if not upstream.is_same_job(row.servicetitan_job_id, job.job_id):
        return False
    is_over_there_only = row.status in upstream.OPEN and job.status in OVER
    return is_over_there_only or (row.servicetitan_job_id, row.upstream_status) != (job.job_id, job.status)


def match_visits(session: Session, page: VisitChanges) -> list[Hint]:
    """Return the open bookings whose appointment is in another window, or confirmed otherwise, than they know."""
    rows = session.execute(FIND_BY_VISITS, {"jobs": [visit.job_id for visit in page.visits]})
    by_job = {row.servicetitan_job_id: row for row in rows}
    hints = [
        Hint(by_job[visit.job_id].id, visit.job_id)
        for visit in page.visits
        if visit.job_id in by_job and is_other(by_job[visit.job_id], visit)
    ]
    return list(dict.fromkeys(hints))


def is_other(row: Row[tuple[object, ...]], visit: Visit) -> bool:
    """Say whether an appointment of the page differs from the one its booking knows."""
    if visit.status in {VisitStatus.CANCELLED, VisitStatus.DONE}:
        return False
    is_moved = (visit.starts_at, visit.ends_at) != (row.preferred_time, row.window_end)
    if row.servicetitan_appointment_id not in {None, visit.appointment_id}:
        return bool(is_moved and row.is_ahead)
    return is_moved or (visit.is_confirmed and row.visit_confirmed_at is None)


FEEDS = (
    Feed("servicetitan.jobs", lambda service, token: service.job_changes(token), match_jobs),
    Feed("servicetitan.appointments", lambda service, token: service.visit_changes(token), match_visits),
)


def prepare(_session: Session, process: Process, _job: Job) -> str:
    """Return the key that names recipients."""
    return process.settings.privacy_hash_key


def call(desk: Desk, privacy_key: str) -> Counter[str]:
    """Look at what was left over, at requests waiting for a job, and at all that is new; count what became of it."""
    tally: Counter[str] = Counter()
    transact = desk.process.transact
    waiting = [*transact(feed_tokens.left_over), *find_made(desk)]
    look_at(desk, waiting, privacy_key, tally)
    for feed in FEEDS:
        read(desk, feed, privacy_key, tally)
    return tally


def find_made(desk: Desk) -> list[Hint]:
    """Return the requests the office has made a job of."""
    rows = desk.process.transact(
        lambda session: session.execute(REQUESTS, {"prefix": upstream.REQUEST}).all()
    )
    hints = []
    for row in rows:
        desk.progress()
        request_id = row.servicetitan_job_id.removeprefix(upstream.REQUEST)
        made = desk.process.adapters.field_service.find_request_job(request_id)
        if made is not None:
            hints.append(Hint(row.id, made.job_id))
    return hints


def read(desk: Desk, feed: Feed, privacy_key: str, tally: Counter[str]) -> None:
    """Read a feed up to its end, or as far as one round goes."""
    for _ in range(MAX_PAGES):
        if not read_page(desk, feed, privacy_key, tally):
            return
    tally["unread"] += 1


def read_page(desk: Desk, feed: Feed, privacy_key: str, tally: Counter[str]) -> bool:
    """Deal with the next page and store where to go on; answer whether there is more for us."""
    desk.progress()
    transact = desk.process.transact
    token = transact(partial(feed_tokens.read, feed=feed.name))
    page = feed.ask(desk.process.adapters.field_service, token)
    look_at(desk, transact(lambda session: feed.match(session, page)), privacy_key, tally)
    tally["pages"] += 1
    step = feed_tokens.Step(feed.name, token, page.continue_from)
    return transact(partial(feed_tokens.store, step=step)) and page.has_more


def look_at(desk: Desk, hints: list[Hint], privacy_key: str, tally: Counter[str]) -> None:
    """Ask for each job and let its booking follow, each in a transaction of its own."""
    for hint in hints:
        desk.progress()
        try:
            seen = look(desk.process, hint)
        except ProviderError as error:
            if error.outcome not in ABOUT_ONE_JOB:
                raise
            log.warning("job_unclear", booking_id=str(hint.booking_id), reason=str(error))
            change = Change.UNSETTLED
        else:
            change = desk.process.transact(partial(upstream.apply, seen=seen, privacy_key=privacy_key))
        tally[change] += 1
        desk.process.transact(partial(feed_tokens.keep_open, hint=hint, is_open=change is Change.UNSETTLED))


def look(process: Process, hint: Hint) -> Seen:
    """Ask how a booking's job stands now."""
    service = process.adapters.field_service
    read_at = process.transact(database_time)
    job = service.get_job(hint.job_id)
    visit = None if job.status in OVER else service.get_visit(hint.job_id)
    return Seen(hint.booking_id, job.job_id, job.status, visit_of(visit), read_at)


def visit_of(visit: Visit | None) -> SeenVisit | None:
    """Return an appointment that is still to come in our own words."""
    if visit is None or visit.status in {VisitStatus.CANCELLED, VisitStatus.DONE}:
        return None
    window = Window(visit.starts_at, visit.ends_at)
    return SeenVisit(visit.appointment_id, window, visit.is_confirmed)


def settle(session: Session, job: Job, _key: str, tally: Mapping[str, int]) -> JobOutcome:
    """Write the figures down; go on at once where one round was not enough."""
    task_runs.end(session, job.payload.get("task_run_id"), ok=True, figures=dict(tally))
    if tally.get("unread"):
        outbox.add(session, NewJob(JobType.POLL_FEEDS, None, f"{JobType.POLL_FEEDS}:{job.id}:on", {}))
    return JobOutcome.OK


def abandon(session: Session, _process: Process, job: Job, abandoned: Abandoned) -> None:
    """Write down that this round failed; the next one goes on from where it stopped."""
    task_runs.end(session, job.payload.get("task_run_id"), ok=False, figures={"error": abandoned.reason})


HANDLER = Handler(prepare, call, settle, abandon)
