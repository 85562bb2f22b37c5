"""Looking whether the invariants hold: a few ids of what breaks each, for people to follow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.config import Settings
from app.maintenance.integrity.checks import BY_NAME, CHECKS, Check

TASK = "integrity"
DAYS = 90  # nightly: what was made since then; the rest has been looked at before and hardly changes
SHOWN = 20
SURE = 0.8  # of what retention keeps: a night's run may be late, and so may a visit
EVERYTHING = datetime(2000, 1, 1, tzinfo=UTC)

LONG = text("SET LOCAL statement_timeout = '300s'")
SCOPE = text(
    "SELECT now() - make_interval(days => :days) AS since, now() - make_interval(days => :slots) AS slots_since,"
    " now() - make_interval(days => :jobs) AS jobs_since"
)
COUNT = "SELECT count(*) OVER () AS number, found.* FROM ({query}) found ORDER BY found.id LIMIT :shown"
REFERENCES = text("SELECT id, reference FROM bookings WHERE id = ANY(CAST(:ids AS uuid[]))")
LAST = text(
    "SELECT finished_at, figures FROM task_runs WHERE name = :name AND ok ORDER BY started_at DESC, id DESC LIMIT 1"
)


@dataclass(frozen=True)
class Scope:
    """How far back to look, and since when windows and jobs are certainly still there."""

    since: datetime
    slots_since: datetime
    jobs_since: datetime


@dataclass(frozen=True)
class Broken:
    """One invariant that does not hold: how often, some ids, and the bookings to look at."""

    check: Check
    number: int
    ids: tuple[str, ...]
    references: tuple[str, ...]


@dataclass(frozen=True)
class Look:
    """The last look: when, how many invariants were asked, which do not hold."""

    at: datetime
    asked: int
    broken: tuple[Broken, ...]

    @property
    def holds(self) -> bool:
        """Say whether all is as it must be."""
        return not self.broken


def scope(session: Session, settings: Settings, days: int | None = DAYS) -> Scope:
    """Return how far back to look by the database's clock: so many days, or as far as there is anything."""
    kept = {"slots": settings.retention_slots_days, "jobs": settings.retention_jobs_days}
    values = {name: int(number * SURE) for name, number in kept.items()}
    row = session.execute(SCOPE, {**values, "days": days or 0}).one()
    return Scope(EVERYTHING if days is None else row.since, row.slots_since, row.jobs_since)


def look(
    transact: Callable[[Callable[[Session], Broken | None]], Broken | None], within: Scope
) -> tuple[Broken, ...]:
    """Ask every check, each in a transaction of its own, so that none holds a snapshot longer than it must."""
    found = (transact(partial(ask, check=check, within=within)) for check in CHECKS)
    return tuple(broken for broken in found if broken is not None)


def ask(session: Session, check: Check, within: Scope) -> Broken | None:
    """Ask one check; None when it holds."""
    session.execute(LONG)
    query = text(COUNT.format(query=check.query.text))
    rows = session.execute(query, vars(within) | {"shown": SHOWN}).all()
    if not rows:
        return None
    bookings = [row.booking_id for row in rows if row.booking_id is not None]
    known = {row.id: row.reference for row in session.execute(REFERENCES, {"ids": bookings})}
    references = dict.fromkeys(known[booking] for booking in bookings if booking in known)
    return Broken(check, rows[0].number, tuple(row.id for row in rows), tuple(references))


def to_figures(broken: Sequence[Broken]) -> Mapping[str, object]:
    """Return what the run log keeps: numbers, ids and references, and nothing about people."""
    return {
        "invariants": len(CHECKS),
        "broken": [
            {
                "name": one.check.name,
                "severity": one.check.severity,
                "number": one.number,
                "ids": list(one.ids),
                "references": list(one.references),
            }
            for one in broken
        ],
    }


def last(session: Session) -> Look | None:
    """Return the last look; a check that has since been dropped or renamed is left out."""
    row = session.execute(LAST, {"name": TASK}).one_or_none()
    if row is None:
        return None
    found = (one for one in row.figures.get("broken", ()) if one["name"] in BY_NAME)
    broken = tuple(
        Broken(BY_NAME[one["name"]], one["number"], tuple(one["ids"]), tuple(one["references"]))
        for one in found
    )
    return Look(row.finished_at, row.figures.get("invariants", len(CHECKS)), broken)


def summary(broken: Sequence[Broken], asked: int = len(CHECKS)) -> str:
    """Return the whole in a sentence."""
    if not broken:
        return f"all {asked} invariants hold"
    return f"{len(broken)} of {asked} invariants are broken: " + ", ".join(
        f"{one.check.name} ({one.number})" for one in broken
    )
