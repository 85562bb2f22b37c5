"""Which ZIP codes we serve, and what to say of the others."""

import uuid
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session


class Coverage(StrEnum):
    """What a ZIP code turned out to be."""

    SERVED = "served"
    NOT_SERVED = "not_served"
    PO_BOX = "po_box"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Area:
    """One served ZIP code with its zone."""

    id: uuid.UUID
    zip_code: str
    city: str
    state: str
    timezone: str


@dataclass(frozen=True)
class ZipAnswer:
    """Coverage of a ZIP code; the area only when it is served."""

    coverage: Coverage
    area: Area | None = None


LOOK_UP = text(
    "SELECT a.id, a.city, a.state, a.timezone, z.type"
    " FROM (SELECT CAST(:zip AS varchar) AS zip) asked"
    " LEFT JOIN service_areas a ON a.zip_code = asked.zip AND a.active"
    " LEFT JOIN zip_codes z ON z.zip_code = asked.zip"
)


def look_up(session: Session, zip_code: str) -> ZipAnswer:
    """Tell what we know of a five-digit ZIP code, in one query."""
    row = session.execute(LOOK_UP, {"zip": zip_code}).one()
    if row.id is not None:
        return ZipAnswer(Coverage.SERVED, Area(row.id, zip_code, row.city, row.state, row.timezone))
    if row.type is None:
        return ZipAnswer(Coverage.UNKNOWN)
    return ZipAnswer(Coverage.PO_BOX if row.type == "PO BOX" else Coverage.NOT_SERVED)
