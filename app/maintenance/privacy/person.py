"""Which rows are about one person: found by their e-mail address, and by the phone numbers that go with it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

ERASED_PHONE = "+10000000000"  # fits what a phone number has to look like, and can belong to nobody


@dataclass(frozen=True)
class Person:
    """Whom a request is about. Rows written after `until` belong to a later acquaintance."""

    email: str | None
    phones: frozenset[str] = frozenset()
    until: datetime | None = None


@dataclass(frozen=True)
class Tools:
    """What this layer cannot know: how recipients are hashed, how a booking is cancelled, in whose name."""

    email_hash: Callable[[str], bytes]
    phone_hash: Callable[[str], bytes]
    cancel: Callable[[Session, uuid.UUID], bool]
    actor: str


@dataclass(frozen=True)
class Traces:
    """The rows of one person, locked by whoever asked for that."""

    email: str | None
    phones: tuple[str, ...]
    customers: tuple[uuid.UUID, ...]
    bookings: tuple[uuid.UUID, ...]
    visits: tuple[uuid.UUID, ...]
    leads: tuple[uuid.UUID, ...]
    texts: tuple[uuid.UUID, ...]

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing of this person."""
        return not (self.customers or self.bookings or self.visits or self.leads or self.texts)


CUSTOMERS = "SELECT id, phone FROM customers WHERE email = :email AND created_at <= coalesce(CAST(:until AS timestamptz), 'infinity')"
BOOKINGS = (
    "SELECT id, contact_phone AS phone FROM bookings"
    " WHERE (contact_email = :email OR customer_id = ANY(CAST(:customers AS uuid[])))"
    " AND created_at <= coalesce(CAST(:until AS timestamptz), 'infinity') ORDER BY id"
)
# A number may be a family's: what carries another address is another person's.
LEADS = text(
    "SELECT id, phone, session_id FROM leads WHERE (lower(btrim(email)) = :email"
    " OR email IS NULL AND phone = ANY(CAST(:phones AS text[]))) AND created_at <= coalesce(CAST(:until AS timestamptz), 'infinity') ORDER BY id"
)
VISITS = text(
    "SELECT id FROM wizard_sessions WHERE (booking_id = ANY(CAST(:bookings AS uuid[])) OR id = ANY(CAST(:visits AS uuid[]))"
    " OR lower(btrim(answers ->> 'email')) = :email"
    " OR answers ->> 'email' IS NULL AND answers ->> 'phone' = ANY(CAST(:phones AS text[])))"
    " AND created_at <= coalesce(CAST(:until AS timestamptz), 'infinity') ORDER BY id FOR NO KEY UPDATE"
)
TEXTS = text(
    "SELECT id FROM inbound_texts WHERE (booking_id = ANY(CAST(:bookings AS uuid[]))"
    " OR booking_id IS NULL AND phone_hash = ANY(CAST(:hashes AS bytea[]))) AND received_at <= coalesce(CAST(:until AS timestamptz), 'infinity')"
    " ORDER BY id"
)
LOOK_CUSTOMERS, LOCK_CUSTOMERS = text(CUSTOMERS), text(CUSTOMERS + " FOR UPDATE")
LOOK_BOOKINGS, LOCK_BOOKINGS = text(BOOKINGS), text(BOOKINGS + " FOR NO KEY UPDATE")


LONG = text("SET LOCAL statement_timeout = '60s'")


class RacedError(Exception):
    """A booking of this person came in between: look again."""


def find(session: Session, who: Person, tools: Tools) -> Traces:
    """Find and lock everything of a person: visits, then bookings, then customers, as everybody does.

    Raise RacedError when a booking was added before the customer's row was ours; from then on none can be.
    """
    session.execute(LONG)
    email = who.email.strip().lower() if who.email else None
    values: dict[str, object] = {"email": email, "until": who.until}
    customers = session.execute(LOOK_CUSTOMERS, values).all()
    values["customers"] = [row.id for row in customers]
    bookings = session.execute(LOOK_BOOKINGS, values).all()
    phones = {row.phone for row in (*customers, *bookings)} | who.phones
    values["phones"] = sorted(phones - {"", ERASED_PHONE})
    leads = session.execute(LEADS, values).all()
    phones |= {row.phone for row in leads if row.phone}
    values |= {
        "bookings": [row.id for row in bookings],
        "visits": [row.session_id for row in leads if row.session_id],
        "hashes": [tools.phone_hash(phone) for phone in sorted(phones)],
    }
    visits = session.execute(VISITS, values).scalars().all()
    lock(session, values)
    texts = session.execute(TEXTS, values).scalars().all()
    return Traces(
        email,
        tuple(sorted(phones - {"", ERASED_PHONE})),
        tuple(row.id for row in customers),
        tuple(row.id for row in bookings),
        tuple(visits),
        tuple(row.id for row in leads),
        tuple(texts),
    )


def lock(session: Session, values: dict[str, object]) -> None:
    """Lock the bookings and then the customer, whose row every new booking needs. Raise RacedError."""
    session.execute(LOCK_BOOKINGS, values)
    customers = [row.id for row in session.execute(LOCK_CUSTOMERS, values)]
    bookings = [row.id for row in session.execute(LOOK_BOOKINGS, values)]
    if customers != values["customers"] or bookings != values["bookings"]:
        raise RacedError
