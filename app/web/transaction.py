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

T = TypeVar("T")
TRIES = 3
RETRYABLE_CLASSES = ("08", "57P")
RETRYABLE = {"40001", "40P01", "53300", "55P03"}
GAVE_UP = {"57014", "25P03", "25P04"}
POOL_EXHAUSTED = "53300"

log = structlog.get_logger()


class Unavailable(Exception):
    """The database could not answer in time; nothing was written and the same request may be sent again."""


def sqlstate(error: Exception) -> str | None:
    """Return the SQLSTATE behind an error; a connection that broke without one counts as 08006."""
    if isinstance(error, PoolTimeout):
        return POOL_EXHAUSTED
    if isinstance(error, DBAPIError):
        code = getattr(error.orig, "sqlstate", None)
        return code or (
            "08006"
            if error.connection_invalidated or type(error.orig).__name__ == "OperationalError"
            else None
        )
    return None


def failed_table(error: Exception) -> str | None:
    """Return the table a database error names."""
    diagnostic = getattr(getattr(error, "orig", None), "diag", None)
    return getattr(diagnostic, "table_name", None)


def failed_constraint(error: Exception) -> str | None:
    """Return the constraint a database error names."""
    diagnostic = getattr(getattr(error, "orig", None), "diag", None)
    return getattr(diagnostic, "constraint_name", None)


def can_retry(code: str | None) -> bool:
    """Say whether the whole transaction may simply run again."""
    return code is not None and (code in RETRYABLE or code.startswith(RETRYABLE_CLASSES))


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
            if code in GAVE_UP:
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
