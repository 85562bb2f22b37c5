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
from app.jobs.sweep import sweep
from app.log import log

POLL = 0.25
REST = 1.0  # after a failure, so that a server that is away is not asked four times a second
SLOW_ROUND = 2.0

BEAT = text(
    "INSERT INTO heartbeat (id, beat_at) VALUES (1, clock_timestamp()) ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at"
)


def run_for_ever(process: Process, doorbell: Doorbell, stop: threading.Event) -> None:
    """Work until told to stop. Neither a lost database nor a lost Redis ends the loop: both come back."""
    tasks = threading.Thread(target=periodic.run_for_ever, args=(process, stop), name="periodic", daemon=True)
    tasks.start()
    slow_round_at = 0.0
    while not stop.is_set():
        is_slow_round = time.monotonic() >= slow_round_at
        if is_slow_round:
            slow_round_at = time.monotonic() + SLOW_ROUND
        stop.wait(POLL if one_round(process, doorbell, is_slow_round=is_slow_round) else REST)
    tasks.join(timeout=5)


def one_round(process: Process, doorbell: Doorbell, *, is_slow_round: bool) -> bool:
    """Do one round; answer False when a server was away."""
    try:
        if is_slow_round:
            sweep(process)
            process.transact(beat)
        if not doorbell.answers():
            return False
        dispatch(process, doorbell)
        if is_slow_round:
            ring_again(process, doorbell)
    except RedisError as error:
        log.warning("redis_away", reason=type(error).__name__)
        return False
    except (DBAPIError, PoolTimeout) as error:
        log.warning("database_away", reason=type(error).__name__)
        return False
    return True


def beat(session: Session) -> None:
    """Write the sign of life: read on a replica it tells how old that replica's data are."""
    session.execute(BEAT)
