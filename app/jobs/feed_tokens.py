"""How far the feeds have been read, and which bookings have to be looked at again; both survive whoever reads them."""

import json
import uuid
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

LEFT_OVER = "servicetitan.left_over"
MAX_ROUNDS = 24  # two hours of looking again; the nightly comparison finds what is unclear for longer
READ = text("SELECT continue_from FROM provider_feeds WHERE feed = :feed")
STORE = text(
    "INSERT INTO provider_feeds AS f (feed, continue_from, polled_at) VALUES (:feed, :token, clock_timestamp())"
    " ON CONFLICT (feed) DO UPDATE SET continue_from = excluded.continue_from, polled_at = excluded.polled_at"
    " WHERE f.continue_from IS NOT DISTINCT FROM CAST(:was AS text) RETURNING 1"
)
LOCK_LEFT = text("SELECT continue_from FROM provider_feeds WHERE feed = :feed FOR UPDATE")
STORE_LEFT = text(
    "INSERT INTO provider_feeds (feed, continue_from) VALUES (:feed, :left)"
    " ON CONFLICT (feed) DO UPDATE SET continue_from = excluded.continue_from"
)


@dataclass(frozen=True)
class Hint:
    """A booking to look at, and the job it may have."""

    booking_id: uuid.UUID
    job_id: str


@dataclass(frozen=True)
class Step:
    """A page that was dealt with: where it began and where to go on."""

    feed: str
    was: str | None
    token: str


def read(session: Session, feed: str) -> str | None:
    """Return where to go on; None for a feed never read."""
    token: str | None = session.execute(READ, {"feed": feed}).scalar_one_or_none()
    return token


def store(session: Session, step: Step) -> bool:
    """Store where to go on. Answer False when somebody else has read on meanwhile: the feed is theirs."""
    return session.execute(STORE, vars(step)).one_or_none() is not None


def left_over(session: Session) -> list[Hint]:
    """Return the bookings to be looked at again."""
    kept = json.loads(session.execute(READ, {"feed": LEFT_OVER}).scalar_one_or_none() or "{}")
    return [Hint(uuid.UUID(booking_id), job_id) for booking_id, (job_id, _rounds) in kept.items()]


def keep_open(session: Session, hint: Hint, *, is_open: bool) -> None:
    """Keep a booking for the next round, or strike it off the list."""
    raw = session.execute(LOCK_LEFT, {"feed": LEFT_OVER}).scalar_one_or_none()
    kept = json.loads(raw or "{}")
    known = kept.pop(str(hint.booking_id), None)
    rounds = known[1] + 1 if known else 0
    if is_open and rounds < MAX_ROUNDS:
        kept[str(hint.booking_id)] = [hint.job_id, rounds]
    if is_open or known:
        session.execute(STORE_LEFT, {"feed": LEFT_OVER, "left": json.dumps(kept)})
