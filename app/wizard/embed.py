"""Partners: who may frame the wizard, in which colour and with which phone number."""

import time
import uuid
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

DIRECT = "direct"
FRESH_SECONDS = 30.0


@dataclass(frozen=True)
class Partner:
    """One company that embeds us; `direct` is our own page and may be framed by nobody."""

    id: uuid.UUID
    key: str
    name: str
    origins: tuple[str, ...]
    hue: int | None
    phone: str | None
    locale: str | None
    active: bool


FIND = text("SELECT id, key, name, origins, hue, phone, locale, active FROM partners WHERE key = :key")
_known: dict[str, tuple[float, Partner]] = {}


def find(session: Session, key: str) -> Partner | None:
    """Return a partner by key; asked of the database at most twice a minute in each process."""
    remembered = _known.get(key)
    if remembered and time.monotonic() - remembered[0] < FRESH_SECONDS:
        return remembered[1]
    row = session.execute(FIND, {"key": key}).one_or_none()
    if row is None:
        _known.pop(key, None)
        return None
    partner = Partner(
        row.id, row.key, row.name, tuple(row.origins), row.hue, row.phone, row.locale, row.active
    )
    _known[key] = (time.monotonic(), partner)
    return partner


def remembered_origins(key: str) -> tuple[str, ...]:
    """Return who may frame this partner's pages as far as this process knows: it must work without a database."""
    remembered = _known.get(key)
    return remembered[1].origins if remembered else ()


def forget() -> None:
    """Forget all partners, so that the next request asks again."""
    _known.clear()
