"""The only place that reads the application's clock; whatever must be exact asks the database instead."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)
