"""What a visitor has told us so far, and the checked whole that can be booked."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from app.booking.areas import Area
from app.booking.errors import NotBookable

DOOR_AGES = ("2", "7", "12", "20", "35", "unknown")
CONTACT_FIELDS = (
    "first_name",
    "last_name",
    "email",
    "phone",
    "address_line1",
    "address_line2",
    "access_notes",
)
OPTIONAL_TEXT = ("address_line2", "access_notes")


@dataclass(frozen=True)
class Answers:
    """Answers so far; None means not answered. Moments are ISO 8601 text, ids are text: this is a JSON document."""

    zip_code: str | None = None
    area_id: str | None = None
    city: str | None = None
    state: str | None = None
    timezone: str | None = None
    outside_zip: str | None = None
    waiting_list: bool | None = None
    issue_type: str | None = None
    issue_note: str | None = None
    door_count: int | None = None
    door_age: str | None = None
    homeowner_status: str | None = None
    owner_permission: str | None = None
    slot_id: str | None = None
    starts_at: str | None = None
    ends_at: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    access_notes: str | None = None
    sms_opt_in: bool | None = None
    email_opt_in: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what is answered."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def with_area(self, area: Area) -> "Answers":
        """Return answers for this area; a window of another area is forgotten."""
        placed = replace(
            self, zip_code=area.zip_code, area_id=str(area.id), city=area.city, state=area.state, timezone=area.timezone,
            outside_zip=None, waiting_list=None,
        )  # fmt: skip
        return placed if self.area_id == str(area.id) else placed.without_slot()

    def outside(self, zip_code: str) -> "Answers":
        """Return answers for a ZIP code we do not serve."""
        nowhere = replace(
            self, zip_code=None, area_id=None, city=None, state=None, timezone=None, waiting_list=None
        )
        return replace(nowhere.without_slot(), outside_zip=zip_code)

    def without_slot(self) -> "Answers":
        """Return answers with the arrival window forgotten and all others kept."""
        return replace(self, slot_id=None, starts_at=None, ends_at=None)

    def without_contact(self) -> "Answers":
        """Return answers without anything that tells who it is, for a visit that has its booking."""
        return replace(self, **dict.fromkeys(CONTACT_FIELDS), issue_note=None)


TYPES = {"waiting_list": bool, "sms_opt_in": bool, "email_opt_in": bool, "door_count": int}
KNOWN = {spec.name for spec in fields(Answers)}


def answers_from_json(data: Mapping[str, Any]) -> Answers:
    """Rebuild stored answers; an unknown or older shape starts over politely."""
    fits = all(name in KNOWN and type(value) is TYPES.get(name, str) for name, value in data.items())
    return Answers(**data) if fits else Answers()


@dataclass(frozen=True)
class Bookable:
    """Answers that are complete and checked: everything a booking needs."""

    area_id: uuid.UUID
    issue_type: str
    issue_note: str | None
    door_count: int
    door_age: int | None
    homeowner_status: str
    owner_permission: str | None
    slot_id: uuid.UUID
    first_name: str
    last_name: str
    email: str
    phone: str
    address_line1: str
    address_line2: str | None
    access_notes: str | None
    sms_opt_in: bool
    email_opt_in: bool = False

    @classmethod
    def from_answers(cls, answers: Answers) -> "Bookable":
        """Check that nothing is missing. Raise NotBookable with the first open step."""
        for step, names in REQUIRED:
            if any(getattr(answers, name) is None for name in names):
                raise NotBookable(step)
        values = {name: getattr(answers, name) for name in (spec.name for spec in fields(cls))}
        age = answers.door_age
        values |= {
            "area_id": uuid.UUID(answers.area_id),
            "slot_id": uuid.UUID(answers.slot_id),
            "door_age": int(age) if age and age != "unknown" else None,
            "sms_opt_in": bool(answers.sms_opt_in),
            "email_opt_in": bool(answers.email_opt_in),
        }
        return cls(**values)


REQUIRED = (
    ("zip", ("area_id", "zip_code", "timezone")),
    ("issue", ("issue_type",)),
    ("doors", ("door_count", "door_age")),
    ("ownership", ("homeowner_status",)),
    ("slot", ("slot_id", "starts_at", "ends_at")),
    ("contact", ("first_name", "last_name", "email", "phone", "address_line1")),
)


def moment(stored: str) -> datetime:
    """Return the instant behind a stored ISO 8601 text."""
    return datetime.fromisoformat(stored)


PO_BOX = re.compile(r"\b(p\.?\s*o\.?\s*box|post\s+office\s+box|apartado\s+postal)\b", re.IGNORECASE)


def is_po_box(address: str) -> bool:
    """Say whether an address line names a PO box: nobody can repair a door there."""
    return bool(PO_BOX.search(address))
