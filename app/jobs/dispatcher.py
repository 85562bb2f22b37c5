"""The dispatcher's loop: sweep, hand out, ring again, show a sign of life; periodic tasks run beside it in a thread."""

import threading
import time

from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from app.jobs import periodic
from app.jobs.dispatch import dispatch, ring_again
from app.jobs.doorbell import Doorbell
from app.jobs.process import Process
from app.jobs.runner import where
from app.jobs.sweep import sweep
from app.log import log

BUSY = 0.03  # while jobs are being handed out: a worker that is done should not wait for its next one
LINGER = 1.0  # a round that finds the window full hands out nothing, and the backlog is there all the same
POLL = 0.25
REST = 1.0  # after a failure, so that a server that is away is not asked four times a second
SLOW_ROUND = 2.0

BEAT = text(
    "INSERT INTO heartbeat (id, beat_at) VALUES (1, clock_timestamp()) ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at"
)


class Pace:
    """How soon to look again: at once while jobs are being handed out and for a moment longer, else now and then."""

    def __init__(self) -> None:
        self._busy_until = 0.0

    def after(self, rung: int) -> float:
        """Return the seconds to rest after a round that rang so often."""
        now = time.monotonic()
        if rung:
            self._busy_until = now + LINGER
        return BUSY if now < self._busy_until else POLL


def run_for_ever(process: Process, doorbell: Doorbell, stop: threading.Event) -> None:
    """Work until told to stop. Neither a lost database nor a lost Redis ends the loop: both come back."""
    tasks = threading.Thread(target=periodic.run_for_ever, args=(process, stop), name="periodic", daemon=True)
    tasks.start()
    slow_round_at, pace = 0.0, Pace()
    while not stop.is_set():
        is_slow_round = time.monotonic() >= slow_round_at
        if is_slow_round:
            slow_round_at = time.monotonic() + SLOW_ROUND
        stop.wait(one_round(process, doorbell, pace, is_slow_round=is_slow_round))
    tasks.join(timeout=5)


def one_round(process: Process, doorbell: Doorbell, pace: Pace, *, is_slow_round: bool) -> float:
    """Do one round; answer how long to rest before the next."""
    try:
        if is_slow_round:
            sweep(process)
            process.transact(beat)
        if not doorbell.answers():
            return REST
        rung = dispatch(process, doorbell)
        if is_slow_round:
            ring_again(process, doorbell)
    except RedisError as error:
        log.warning("redis_away", reason=type(error).__name__)
        return REST
    except (DBAPIError, PoolTimeout) as error:
        log.warning("database_away", reason=type(error).__name__)
        return REST
    except Exception as error:  # noqa: BLE001 - one job that cannot be handled must not stop all others
        log.error("round_failed", **where(error))
        return REST
    return pace.after(rung)


def beat(session: Session) -> None:
    """Write the sign of life: read on a replica it tells how old that replica's data are."""
    session.execute(BEAT)
