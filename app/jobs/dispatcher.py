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

BUSY = 0.05  # while jobs are being handed out: a worker that is done should not wait for its next one
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
        stop.wait(one_round(process, doorbell, is_slow_round=is_slow_round))
    tasks.join(timeout=5)


def one_round(process: Process, doorbell: Doorbell, *, is_slow_round: bool) -> float:
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
    return BUSY if rung else POLL


def beat(session: Session) -> None:
    """Write the sign of life: read on a replica it tells how old that replica's data are."""
    session.execute(BEAT)
