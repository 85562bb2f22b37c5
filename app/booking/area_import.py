"""Where the list of ZIP codes we serve comes from: a CSV file, single codes, or the ready-made Phoenix metro area."""

import csv
import io
import re
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

import zipcodes
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.models import ServiceArea, ZipCode

COLUMNS = ("zip_code", "city", "state", "timezone", "active")
YES, NO = {"true", "yes", "1", "y", "t"}, {"false", "no", "0", "n", "f"}
METRO_COUNTY = "Maricopa County"
METRO_BEYOND = {"85118", "85119", "85120", "85138", "85139", "85140", "85143", "85144"}
UPSERT = text(
    "INSERT INTO service_areas (zip_code, city, state, timezone, active)"
    " VALUES (:zip_code, :city, :state, :timezone, :active)"
    " ON CONFLICT (zip_code) DO UPDATE SET city = excluded.city, state = excluded.state,"
    " timezone = excluded.timezone, active = excluded.active"
    " WHERE (service_areas.city, service_areas.state, service_areas.timezone, service_areas.active)"
    " IS DISTINCT FROM (excluded.city, excluded.state, excluded.timezone, excluded.active)"
)


class AreasRefused(Exception):
    """Nothing was written; each fault is one line that names the row and the column."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class Area:
    """One row of the list, checked."""

    zip_code: str
    city: str
    state: str
    timezone: str
    active: bool = True


def read_csv(content: str) -> list[Area]:
    """Read `zip_code,city,state,timezone,active`. Raise AreasRefused with every fault of the file."""
    reader = csv.DictReader(io.StringIO(content.removeprefix("\ufeff")))
    missing = [name for name in COLUMNS[:4] if name not in (reader.fieldnames or ())]
    if missing:
        raise AreasRefused([f"row 1, {name}: this column is missing" for name in missing])
    areas: list[Area] = []
    faults: list[str] = []
    seen: dict[str, int] = {}
    zones = available_timezones()
    for row in reader:
        values = {name: (row.get(name) or "").strip() for name in COLUMNS}
        wrong = faults_of(values, zones)
        first = seen.setdefault(values["zip_code"], reader.line_num)
        if first != reader.line_num:
            wrong["zip_code"] = f"{values['zip_code']} is in row {first} already"
        faults += [f"row {reader.line_num}, {name}: {reason}" for name, reason in wrong.items()]
        areas.append(
            Area(values["zip_code"], values["city"], values["state"].upper(), values["timezone"],
                 values["active"].lower() not in NO)
        )  # fmt: skip
    if faults:
        raise AreasRefused(faults)
    if not areas:
        raise AreasRefused(["row 2, zip_code: the file has no rows"])
    return areas


def faults_of(values: dict[str, str], zones: set[str]) -> dict[str, str]:
    """Say for each column of a row what is wrong with it."""
    wrong = {}
    if not re.fullmatch(r"[0-9]{5}", values["zip_code"]):
        wrong["zip_code"] = f"«{values['zip_code']}» is not a five-digit ZIP code"
    if not 1 <= len(values["city"]) <= 100:
        wrong["city"] = "must have 1 to 100 characters"
    if not re.fullmatch(r"[A-Za-z]{2}", values["state"]):
        wrong["state"] = f"«{values['state']}» is not a two-letter state"
    if values["timezone"] not in zones:
        wrong["timezone"] = f"«{values['timezone']}» is not a known time zone"
    if values["active"].lower() not in YES | NO | {""}:
        wrong["active"] = f"«{values['active']}» is neither true nor false"
    return wrong


def save(session: Session, areas: list[Area]) -> int:
    """Add or change these areas; answer how many rows differed."""
    changed = 0
    for area in areas:
        result: Any = session.execute(
            UPSERT, vars(area)
        )  # Any: Session.execute hides rowcount from the type checker
        changed += result.rowcount
    return changed


def add(session: Session, zip_codes: list[str]) -> list[Area]:
    """Serve these ZIP codes from now on, with the place and zone the reference table knows. Raise AreasRefused."""
    known = {
        row.zip_code: row for row in session.scalars(select(ZipCode).where(ZipCode.zip_code.in_(zip_codes)))
    }
    faults = []
    for code in zip_codes:
        row = known.get(code)
        if row is None:
            faults.append(f"{code}: no such ZIP code")
        elif row.type == "PO BOX":
            faults.append(f"{code}: has only PO boxes, nobody can be visited there")
        elif row.timezone is None:
            faults.append(f"{code}: its time zone is not known; import it from a CSV file")
    if faults:
        raise AreasRefused(faults)
    areas = [
        Area(row.zip_code, row.city, row.state, str(row.timezone))
        for row in (known[code] for code in zip_codes)
    ]
    save(session, areas)
    return areas


def is_reference_filled(session: Session) -> bool:
    """Say whether the table of all ZIP codes has been filled."""
    return (session.scalar(select(func.count()).select_from(ZipCode)) or 0) > 40_000


def fill_reference(session: Session) -> int:
    """Replace the table of all ZIP codes with those in use today; answer how many there are."""
    zones = available_timezones()
    # Decoding the list is slow, so it comes before the transaction begins.
    rows = [entry for entry in zipcodes.list_all() if entry["active"]]
    session.execute(text("SET LOCAL statement_timeout = '120s'"))
    session.execute(text("DELETE FROM zip_codes"))
    connection: Any = session.connection().connection.driver_connection  # Any: COPY is psycopg's own
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY zip_codes (zip_code, type, city, state, timezone, lat, long) FROM STDIN") as copy,
    ):
        for entry in rows:
            zone = entry["timezone"] if entry["timezone"] in zones else None
            copy.write_row(
                (
                    entry["zip_code"],
                    entry["zip_code_type"],
                    entry["city"],
                    entry["state"],
                    zone,
                    entry["lat"],
                    entry["long"],
                )
            )
    return len(rows)


def seed_metro(session: Session) -> int:
    """Serve the Phoenix metro area where no area exists yet; answer how many ZIP codes were added."""
    if session.scalar(select(func.count()).select_from(ServiceArea)):
        return 0
    areas = [
        Area(entry["zip_code"], entry["city"], entry["state"], entry["timezone"])
        for entry in zipcodes.filter_by(state="AZ", zip_code_type="STANDARD", active=True)
        if entry["county"] == METRO_COUNTY or entry["zip_code"] in METRO_BEYOND
    ]
    return save(session, areas)
