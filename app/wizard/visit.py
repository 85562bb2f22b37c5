"""A visit's row: start one, load it, keep its answers, finish it."""

import json
import uuid
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.analytics.attribution import Touch, booking_source, touch_from_json
from app.booking.answers import Answers, answers_from_json
from app.booking.submit import Left
from app.wizard.tokens import Handle


@dataclass(frozen=True)
class Visit:
    """One walk through the wizard, as loaded. `idle_ms` is the time since it was last touched."""

    id: uuid.UUID
    token: str
    partner_id: uuid.UUID
    partner_key: str
    embed_mode: str | None
    parent_origin: str | None
    locale: str
    answers: Answers
    first_touch: Touch
    last_touch: Touch
    gpc: bool
    is_bot: bool
    device_class: str | None
    submission_id: uuid.UUID
    booking_id: uuid.UUID | None
    version: int
    last_step: str | None
    is_expired: bool
    idle_ms: int

    @property
    def source(self) -> str:
        """Return the booking source this visit would give."""
        return booking_source(self.last_touch, self.partner_key)

    def attribution(self) -> dict[str, Any]:
        """Return both touches, to be copied to the booking."""
        return {"first": self.first_touch.to_json(), "last": self.last_touch.to_json(), "gpc": self.gpc}


@dataclass(frozen=True)
class Arrival:
    """What is known of a visit when it starts."""

    partner_id: uuid.UUID
    embed_mode: str | None
    parent_origin: str | None
    locale: str
    answers: Answers
    first_touch: Touch
    last_touch: Touch
    gpc: bool
    is_bot: bool
    device_class: str
    client_addr_hash: bytes


START = text(
    "INSERT INTO wizard_sessions (partner_id, embed_mode, parent_origin, locale, answers, first_touch, last_touch, gpc, is_bot,"
    " device_class, client_addr_hash) VALUES (:partner_id, :embed_mode, :parent_origin, :locale, CAST(:answers AS jsonb),"
    " CAST(:first_touch AS jsonb), CAST(:last_touch AS jsonb), :gpc, :is_bot, :device_class, :client_addr_hash) RETURNING id"
)
LOAD_SQL = (
    "SELECT id, partner_id, embed_mode, parent_origin, locale, answers, first_touch, last_touch, gpc, is_bot, device_class,"
    " submission_id, booking_id, version, last_step, expires_at < clock_timestamp() AS is_expired,"
    " greatest(0, extract(epoch FROM clock_timestamp() - updated_at) * 1000)::bigint AS idle_ms"
    " FROM wizard_sessions WHERE id = :id"
)
LOAD = text(LOAD_SQL)
LOAD_LOCKED = text(LOAD_SQL + " FOR NO KEY UPDATE")
KEEP = text(
    "UPDATE wizard_sessions SET answers = CAST(:answers AS jsonb), version = version + :bump, last_step = :last_step,"
    " updated_at = clock_timestamp(), expires_at = now() + interval '24 hours' WHERE id = :id AND version = :version RETURNING version"
)
TOUCH = text(
    "UPDATE wizard_sessions SET last_step = :last_step, locale = :locale, updated_at = clock_timestamp(),"
    " expires_at = greatest(expires_at, now() + interval '24 hours') WHERE id = :id"
)


def start(session: Session, arrival: Arrival) -> uuid.UUID:
    """Add a visit and return its id, which is the session_id of its events."""
    values = vars(arrival) | {
        name: json.dumps(getattr(arrival, name).to_json())
        for name in ("answers", "first_touch", "last_touch")
    }
    visit_id: uuid.UUID = session.execute(START, values).scalar_one()
    return visit_id


def load(session: Session, handle: Handle, *, lock: bool = False) -> Visit | None:
    """Return the visit behind a verified token, in one query; locked when it is about to hold or book."""
    row = session.execute(LOAD_LOCKED if lock else LOAD, {"id": handle.visit_id}).one_or_none()
    return from_row(row, handle) if row else None


def from_row(row: Row[Any], handle: Handle) -> Visit:
    """Return a loaded row as a visit."""
    values = dict(row._mapping)  # noqa: SLF001 - the public way to read a row as a mapping
    values |= {
        "answers": answers_from_json(row.answers),
        "first_touch": touch_from_json(row.first_touch),
        "last_touch": touch_from_json(row.last_touch),
    }
    return Visit(token=handle.token, partner_key=handle.partner_key, **values)


def keep(session: Session, visit: Visit, answers: Answers, last_step: str) -> Visit | None:
    """Store answers. Answer None when another tab stored some since this visit was loaded.

    The version rises only when an answer changes.
    """
    values = {
        "id": visit.id,
        "version": visit.version,
        "answers": json.dumps(answers.to_json()),
        "bump": int(answers != visit.answers),
        "last_step": last_step,
    }
    version = session.execute(KEEP, values).scalar_one_or_none()
    return None if version is None else replace(visit, answers=answers, version=version, last_step=last_step)


def touch(session: Session, visit: Visit, last_step: str, locale: str) -> Visit:
    """Remember which step was shown, and give the visit another day."""
    session.execute(TOUCH, {"id": visit.id, "last_step": last_step, "locale": locale})
    return replace(visit, last_step=last_step, locale=locale)


def finished(visit: Visit, booking_id: uuid.UUID, left: Left) -> Visit:
    """Return a visit as its booking left it: from now on it shows that booking and keeps no contact data."""
    return replace(visit, booking_id=booking_id, answers=left.answers, last_step=left.last_step)
