"""One round of retention: every rule in its order, in short transactions, so that it can end anywhere and go on later."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app.config import Settings
from app.maintenance import months, rollups
from app.maintenance.archive import ArchiveFault
from app.maintenance.keeping import Keeping, keeping
from app.maintenance.months import Leaving, NotYet
from app.maintenance.patience import TooBusy, patiently
from app.maintenance.rules import BATCH, EARLY, LATE, Rule
from app.sqlstate import sqlstate

EVENTS, BOOKINGS = "events", "bookings"
NAMES = (EVENTS, *(rule.name for rule in EARLY), BOOKINGS, *(rule.name for rule in LATE))

LOCK = text("SELECT pg_try_advisory_xact_lock(7204, 1)")
STAY = text("SET LOCAL idle_in_transaction_session_timeout = 0")
STILL_OURS = text("SELECT 1")
READ_ONLY = text("SET TRANSACTION READ ONLY")
LONG = text("SET LOCAL statement_timeout = '5min'")
WEEKS = text("SELECT week FROM event_weeks() WHERE ends <= now() - CAST(:keep AS interval) ORDER BY week")
EVENTS_OF = text(
    "SELECT count(*) FROM analytics_events WHERE created_at >= CAST(:week AS date)::timestamp AT TIME ZONE 'UTC'"
    " AND created_at < (CAST(:week AS date) + 7)::timestamp AT TIME ZONE 'UTC'"
)
DROP_WEEK = text("SELECT drop_events_week(:week, CAST(:keep AS interval))")
NOT_COUNTED = "55000"  # what drop_events_week() answers while a report has not counted everything
COUNT_AGAIN = 5
TROUBLE = (DBAPIError, TooBusy, OSError)


class AlreadyRunning(Exception):
    """Another round holds the lock."""


@dataclass(frozen=True)
class Round:
    """What a round needs to know."""

    periods: Keeping
    zone: str
    archives: Path | None = None
    only: str | None = None
    batch: int = BATCH
    tell: Callable[[str], None] = lambda _line: None


def planned(settings: Settings) -> Round:
    """Return the round that an installation's settings ask for."""
    folder = Path(settings.archive_folder) if settings.archive_folder else None
    return Round(keeping(settings), settings.report_timezone, archives=folder)


@dataclass(frozen=True)
class Outcome:
    """What a rule came to: rows that went (or would go), what they were called, and what kept others."""

    rule: str
    rows: int
    parts: tuple[str, ...] = ()
    fault: str = ""


@contextmanager
def only_one(engine: Engine) -> Iterator[Callable[[], object]]:
    """Hold the lock of retention; yields a question that fails once the lock is lost. Raise AlreadyRunning.

    A transaction that does nothing else holds it, because behind a pooler no session is ours for longer than that.
    """
    with engine.begin() as connection:
        connection.execute(STAY)
        if not connection.execute(LOCK).scalar_one():
            raise AlreadyRunning
        yield lambda: connection.execute(STILL_OURS)


def run(engine: Engine, what: Round) -> list[Outcome]:
    """Delete what is over; a rule that fails is told and does not keep the others from their turn."""
    sessions = sessionmaker(engine)
    outcomes = []
    with only_one(engine) as check_lock:
        for name, work in rules(sessions, what):
            check_lock()
            outcomes.append(attempt(name, work))
            what.tell(in_words(outcomes[-1]))
    return outcomes


def attempt(name: str, work: Callable[[], Outcome]) -> Outcome:
    """Run one rule; whatever stops it is its fault's sentence."""
    try:
        return work()
    except TROUBLE as error:
        return Outcome(name, 0, fault=reason(error))


def reason(error: Exception) -> str:
    """Return the first line of what went wrong."""
    return (str(getattr(error, "orig", error)).strip() or type(error).__name__).splitlines()[0]


def rules(sessions: sessionmaker[Session], what: Round) -> Iterator[tuple[str, Callable[[], Outcome]]]:
    """Yield each rule's work in the order in which nothing is in the way of what follows."""
    work: dict[str, Callable[[], Outcome]] = {EVENTS: lambda: drop_weeks(sessions, what)}
    work |= {rule.name: deleting(sessions, what, rule) for rule in EARLY}
    work[BOOKINGS] = lambda: drop_months(sessions, what)
    work |= {rule.name: deleting(sessions, what, rule) for rule in LATE}
    for name, part in work.items():
        if what.only in {None, name}:
            yield name, part


def deleting(sessions: sessionmaker[Session], what: Round, rule: Rule) -> Callable[[], Outcome]:
    """Return what deletes a rule's rows, batch by batch."""

    def work() -> Outcome:
        gone = 0
        for batch in rule.batches(partial(patiently, sessions), what.periods, what.batch):
            gone += batch
            if batch:
                what.tell(f"{rule.name}: {gone:,} rows")
        return Outcome(rule.name, gone)

    return work


def drop_weeks(sessions: sessionmaker[Session], what: Round) -> Outcome:
    """Drop the weeks of events that are over, each after the reports have counted all of it."""
    rows, parts = 0, list[str]()
    with sessions.begin() as session:
        due = list(session.execute(WEEKS, {"keep": what.periods.events}).scalars())
    for week in due:
        what.tell(f"events: counting before the week of {week} goes")
        try:
            rows += drop_week(sessions, what, week)
        except DBAPIError as error:
            if sqlstate(error) != NOT_COUNTED:
                raise
            return Outcome(EVENTS, rows, tuple(parts), f"{week}: {reason(error)}")
        parts.append(str(week))
    return Outcome(EVENTS, rows, tuple(parts))


def drop_week(sessions: sessionmaker[Session], what: Round, week: date) -> int:
    """Let the reports count what came late, then drop the week. A long transaction elsewhere may make that take turns."""
    values = {"week": week, "keep": what.periods.events}

    def drop(session: Session) -> int:
        session.execute(LONG)
        gone: int = session.execute(DROP_WEEK, values).scalar_one()
        return gone

    for turn in range(COUNT_AGAIN):
        rollups.until_done(
            transact(sessions), partial(rollups.refresh, zone=what.zone, slice_=rollups.SLICE), events=True
        )
        try:
            return patiently(sessions, drop)
        except DBAPIError as error:
            if sqlstate(error) != NOT_COUNTED or turn == COUNT_AGAIN - 1:
                raise
        time.sleep(turn + 1)
    raise AssertionError("unreachable")


def transact(sessions: sessionmaker[Session]) -> rollups.Transact:
    """Return what runs work as a transaction of its own, nothing before it."""

    def run_one(work: Callable[[Session], int]) -> int:
        with sessions.begin() as session:
            return work(session)

    return run_one


def drop_months(sessions: sessionmaker[Session], what: Round) -> Outcome:
    """Move the months of bookings that are over into files."""
    rows, parts, faults = 0, list[str](), list[str]()
    with sessions.begin() as session:
        due = months.due(session, what.periods.records)
    if due and what.archives is None:
        return Outcome(BOOKINGS, 0, fault=f"{len(due)} months are over, but ARCHIVE_FOLDER is not set")
    for month in due:
        what.tell(f"bookings: {month:%Y-%m} goes into the archive")
        leaving = Leaving(month, what.periods.records, what.archives or Path(), what.batch)
        try:
            rows += months.let_go(sessions, leaving)
        except (NotYet, ArchiveFault, *TROUBLE) as error:
            faults.append(f"{month:%Y-%m}: {reason(error)}")
        else:
            parts.append(f"{month:%Y-%m}")
    return Outcome(BOOKINGS, rows, tuple(parts), "; ".join(faults))


def preview(engine: Engine, what: Round) -> list[Outcome]:
    """Say what a round would take. The database itself is told to refuse any change."""
    with sessionmaker(engine).begin() as session:
        session.execute(READ_ONLY)
        session.execute(LONG)
        names = NAMES if what.only is None else (what.only,)
        return [look(session, what.periods, name) for name in names]


def look(session: Session, periods: Keeping, name: str) -> Outcome:
    """Count what one rule would take."""
    if name == EVENTS:
        weeks = list(session.execute(WEEKS, {"keep": periods.events}).scalars())
        rows = sum(session.execute(EVENTS_OF, {"week": week}).scalar_one() for week in weeks)
        return Outcome(EVENTS, rows, tuple(map(str, weeks)))
    if name == BOOKINGS:
        due = months.due(session, periods.records)
        rows = sum(months.count(session, month) for month in due)
        return Outcome(BOOKINGS, rows, tuple(f"{month:%Y-%m}" for month in due))
    rule = next(rule for rule in (*EARLY, *LATE) if rule.name == name)
    return Outcome(name, rule.count(session, periods))


def in_words(outcome: Outcome) -> str:
    """Return one line about a rule."""
    parts = f" ({', '.join(outcome.parts)})" if outcome.parts else ""
    fault = f"; {outcome.fault}" if outcome.fault else ""
    return f"{outcome.rule}: {outcome.rows:,} rows{parts}{fault}"


def figures(outcomes: list[Outcome]) -> dict[str, object]:
    """Return what the run log keeps of a round."""
    kept: dict[str, object] = {"gone": {outcome.rule: outcome.rows for outcome in outcomes if outcome.rows}}
    parts = {outcome.rule: list(outcome.parts) for outcome in outcomes if outcome.parts}
    faults = {outcome.rule: outcome.fault for outcome in outcomes if outcome.fault}
    return kept | ({"parts": parts} if parts else {}) | ({"faults": faults} if faults else {})
