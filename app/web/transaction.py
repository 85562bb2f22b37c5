"""One request is one transaction: run it whole, and run it whole again when the database asks for that."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from app.extensions import db
from app.sqlstate import OUT_OF_TIME, TRIES, can_retry, sqlstate

T = TypeVar("T")

log = structlog.get_logger()


class Unavailable(Exception):
    """The database could not answer in time; nothing was written and the same request may be sent again."""


def run(work: Callable[[Session], T]) -> T:
    """Run `work` and commit. Retry the whole of it on broken connections, deadlocks and lock time-outs.

    Raise Unavailable when three tries were not enough or a statement ran out of time. Any other error rolls back and
    goes on to the caller.
    """
    for attempt in range(1, TRIES + 1):
        try:
            answer = work(db.session())
            db.session.commit()
            return answer
        except (DBAPIError, PoolTimeout) as error:
            db.session.rollback()
            code = sqlstate(error)
            if code in OUT_OF_TIME:
                raise Unavailable(code) from error
            if not can_retry(code):
                raise
            log.warning("transaction_retry", sqlstate=code, sqlstate_class=str(code)[:2], attempt=attempt)
            if attempt == TRIES:
                raise Unavailable(code) from error
            time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311 - jitter, not a secret
        except BaseException:
            db.session.rollback()
            raise
    raise AssertionError("unreachable")
