"""Short transactions beside a working product: wait a moment for a lock, step back, come again."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app.sqlstate import can_retry, sqlstate

T = TypeVar("T")

# Who waits for a lock on a whole table makes everybody who comes later wait behind it: a fifth of a second at most, a
# tenth of what makes a booking give up.
IN_PASSING = text(
    "SELECT set_config('lock_timeout', '200ms', true), set_config('statement_timeout', '60s', true)"
)
TRIES = 40
LONGEST_REST = 2.0


class TooBusy(Exception):
    """The tables were never free for a moment; the next round tries again."""


def patiently(
    sessions: sessionmaker[Session],
    work: Callable[[Session], T],
    *,
    waited: Callable[[], None] | None = None,
    tries: int = TRIES,
) -> T:
    """Run `work` as one transaction that gives up on a lock quickly, and again after a rest. Raise TooBusy in the end."""
    for attempt in range(tries):
        try:
            with sessions.begin() as session:
                session.execute(IN_PASSING)
                return work(session)
        except DBAPIError as error:
            if not can_retry(sqlstate(error)):
                raise
        if waited is not None:
            waited()
        time.sleep(random.uniform(0.5, 1) * min(0.05 * (attempt + 1), LONGEST_REST))  # noqa: S311 - jitter, not a secret
    raise TooBusy("the tables were never free for a moment")
