"""What an error of the database means: its SQLSTATE, what it names, and whether the same transaction may run again."""

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

TRIES = 3
RETRYABLE_CLASSES = ("08", "57P")
RETRYABLE = {"40001", "40P01", "53300", "55P03"}
OUT_OF_TIME = {"57014", "25P03", "25P04"}
POOL_EXHAUSTED = "53300"


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
