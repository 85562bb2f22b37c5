"""Contact or demand without a booking: somebody outside our area, somebody who wants a call."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session


class LeadKind(StrEnum):
    """Why there is no booking."""

    OUT_OF_AREA = "out_of_area"
    NO_SLOT = "no_slot"
    CALLBACK = "callback"


@dataclass(frozen=True)
class NewLead:
    """One lead of a visit; a second of the same kind and ZIP code adds what it knows to the first."""

    kind: LeadKind
    visit_id: uuid.UUID
    zip_code: str
    issue_type: str | None
    urgency: str | None
    attribution: Mapping[str, Any]  # Any: the visit's touches as JSON
    first_name: str | None = None
    email: str | None = None
    phone: str | None = None
    note: str | None = None


ADD = text(
    "INSERT INTO leads (kind, session_id, zip_code, issue_type, urgency, attribution, first_name, email, phone, note)"
    " VALUES (:kind, :visit_id, :zip_code, :issue_type, :urgency, CAST(:attribution AS jsonb), :first_name, :email, :phone, :note)"
    " ON CONFLICT (session_id, kind, zip_code) DO UPDATE SET first_name = coalesce(EXCLUDED.first_name, leads.first_name),"
    " email = coalesce(EXCLUDED.email, leads.email), phone = coalesce(EXCLUDED.phone, leads.phone),"
    " note = coalesce(EXCLUDED.note, leads.note), issue_type = coalesce(EXCLUDED.issue_type, leads.issue_type), updated_at = now()"
)


def add(session: Session, lead: NewLead) -> None:
    """Store a lead."""
    session.execute(ADD, vars(lead) | {"attribution": json.dumps(dict(lead.attribution))})
