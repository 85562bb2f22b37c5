"""The derived key of an arrival window: which source made it, whose room it takes, when it is."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from app.providers.ports import Outcome, ProviderError

KEY_TIME = "%Y%m%dT%H%M%SZ"
KEY = re.compile(r"([a-z]+[0-9]+):([0-9]+):([0-9A-Za-z-]+):([0-9]{8}T[0-9]{6}Z):([0-9]{8}T[0-9]{6}Z)")


@dataclass(frozen=True)
class SlotKey:
    """The parts of a derived slot key. The job type is not among them: one crew has one counter."""

    source: str
    business_unit_id: int
    zone_id: str
    starts_at: datetime
    ends_at: datetime

    def __str__(self) -> str:
        prefix = key_prefix(self.source, self.business_unit_id, self.zone_id)
        return f"{prefix}{self.starts_at:{KEY_TIME}}:{self.ends_at:{KEY_TIME}}"


def key_prefix(source: str, business_unit_id: int | str, zone_id: int | str) -> str:
    """Return what all keys of this source, business unit and zone begin with."""
    return f"{source}:{business_unit_id}:{zone_id}:"


def read_key(key: str | None) -> SlotKey | None:
    """Read a key; anything else is none."""
    match = KEY.fullmatch(key or "")
    if match is None:
        return None
    try:
        start, end = (datetime.strptime(match[n], KEY_TIME).replace(tzinfo=UTC) for n in (4, 5))
    except ValueError:
        return None
    return SlotKey(match[1], int(match[2]), match[3], start, end)


def key_of_source(key: str, source: str) -> SlotKey:
    """Read a key that this source made. Raise ProviderError."""
    found = read_key(key)
    if found is None or found.source != source:
        raise ProviderError(Outcome.PERMANENT, "not a slot key of this source")
    return found
