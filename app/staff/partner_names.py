"""Partners by name where figures and sources hold only their key."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.booking.partners import BUILT_IN
from app.models import Partner
from app.staff.formats import in_words

PREFIX = "partner:"


def read(session: Session) -> dict[str, str]:
    """Return the names of all partners by key."""
    return {row.key: row.name for row in session.execute(select(Partner.key, Partner.name))}


def words(code: str, names: Mapping[str, str]) -> str:
    """Return a channel, source or partner as people say it."""
    key = code.removeprefix(PREFIX)
    return names[key] if key in names and key != BUILT_IN else in_words(code)
