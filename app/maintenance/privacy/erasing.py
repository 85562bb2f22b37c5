"""Forgetting a person: fixed words in place of theirs, in every table that holds any, all in the caller's one transaction.

What stays: that somebody booked, when, where (the ZIP code) and what for; the ledger of consents, which names people by
keyed hashes; and the hash that keeps us from ever writing to them again.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import outbox
from app.maintenance.privacy.person import ERASED_PHONE, Person, Tools, Traces, find
from app.maintenance.privacy.statements import IDENTIFYING, ORDERED, WIPES
from app.outbox import JobType, NewJob

# A booking that is still ahead, or that ServiceTitan may yet be asked about in the person's name.
OPEN = text(
    "SELECT b.id, b.reference FROM bookings b WHERE b.id = ANY(CAST(:bookings AS uuid[])) AND b.status IN ('pending', 'confirmed')"
    " AND (b.window_end > now() OR EXISTS (SELECT 1 FROM queue_jobs q WHERE q.booking_id = b.id"
    " AND q.job_type = ANY(:ordered) AND q.status IN ('pending', 'processing'))) ORDER BY b.id"
)
AT_WORK = text(
    "SELECT EXISTS (SELECT 1 FROM queue_jobs WHERE booking_id = ANY(CAST(:bookings AS uuid[])) AND status = 'processing')"
)
FIELD_SERVICE = text(
    "SELECT DISTINCT q.provider_ref ->> 'customer_id' FROM queue_jobs q WHERE q.booking_id = ANY(CAST(:bookings AS uuid[]))"
    " AND q.job_type = 'servicetitan.create_job' AND q.provider_ref ->> 'customer_id' IS NOT NULL ORDER BY 1"
)
ASK_OFFICE = text(
    "UPDATE bookings SET needs_attention = :words WHERE id = (SELECT max(id::text)::uuid FROM bookings"
    " WHERE id = ANY(CAST(:bookings AS uuid[])) AND servicetitan_job_id IS NOT NULL)"
)
# A number that somebody else has as well goes on working for them.
OWN_NUMBERS = text(
    "SELECT p.phone FROM unnest(CAST(:phones AS text[])) AS p (phone) WHERE NOT EXISTS (SELECT 1 FROM customers c"
    " WHERE c.phone = p.phone AND c.erased_at IS NULL AND c.id <> ALL(CAST(:customers AS uuid[]))) AND NOT EXISTS"
    " (SELECT 1 FROM bookings b WHERE b.contact_phone = p.phone AND b.id <> ALL(CAST(:bookings AS uuid[]))) ORDER BY 1"
)
STOP_TEXTS = text(
    "INSERT INTO consents (phone_hash, channel, purpose, action, method, actor, created_at)"
    " SELECT h, 'sms', 'booking', 'opt_out', 'staff', :actor, clock_timestamp() FROM unnest(CAST(:hashes AS bytea[])) AS h"
    " WHERE coalesce((SELECT action FROM consents WHERE phone_hash = h ORDER BY created_at DESC LIMIT 1), '') <> 'opt_out'"
)
STOP_NEWS = text(
    "INSERT INTO consents (email_hash, channel, purpose, action, method, actor, created_at)"
    " SELECT CAST(:hash AS bytea), 'email', 'marketing', 'opt_out', 'staff', :actor, clock_timestamp()"
    " WHERE coalesce((SELECT action FROM consents WHERE email_hash = :hash ORDER BY created_at DESC LIMIT 1), '') <> 'opt_out'"
)


class OpenBookingsError(Exception):
    """Visits are still to come: they are cancelled first, or nothing is erased."""

    def __init__(self, bookings: Sequence[tuple[uuid.UUID, str]]) -> None:
        super().__init__(", ".join(reference for _id, reference in bookings))
        self.bookings = tuple(bookings)


class StillAtWorkError(Exception):
    """A worker has one of the person's messages or jobs in its hands: wait until it put it down."""


@dataclass(frozen=True)
class Erased:
    """What was done: rows by table, what the log of erasures keeps, and what a person has to do elsewhere."""

    rows: Mapping[str, int]
    email_hash: bytes | None = None
    phone_hashes: tuple[bytes, ...] = ()
    field_service_customers: tuple[str, ...] = ()
    shared_numbers: int = 0

    @property
    def is_nothing(self) -> bool:
        """Say whether there was nothing to erase."""
        return not self.rows


def erase(session: Session, who: Person, tools: Tools) -> Erased:
    """Erase a person whole, or raise and leave everything: OpenBookingsError, StillAtWorkError, RacedError.

    A second time there is nothing left to find.
    """
    traces = find(session, who, tools)
    if traces.is_empty:
        return Erased({})
    values = vars(traces) | {"ordered": list(ORDERED)}
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    still_open = session.execute(OPEN, values).all()
    if still_open:
        raise OpenBookingsError([(row.id, row.reference) for row in still_open])
    if session.execute(AT_WORK, values).scalar_one():
        raise StillAtWorkError
    known_there = tuple(session.execute(FIELD_SERVICE, values).scalars())
    own = list(session.execute(OWN_NUMBERS, values).scalars())
    email_hash = tools.email_hash(traces.email) if traces.email else None
    hashes = tuple(tools.phone_hash(phone) for phone in own)
    rows = wipe(session, values)
    suppress(session, email_hash, hashes, tools.actor)
    ask_providers(session, traces, known_there)
    shared = len(traces.phones) - len(own)
    return Erased(rows, email_hash, hashes, known_there, shared)


def erase_with_visits(session: Session, who: Person, tools: Tools) -> Erased:
    """Call off what is still open and erase, in one transaction: for trials, and where nobody else is at work."""
    try:
        return erase(session, who, tools)
    except OpenBookingsError as error:
        for booking_id, _reference in error.bookings:
            tools.cancel(session, booking_id)
        return erase(session, who, tools)


def wipe(session: Session, values: Mapping[str, object]) -> Mapping[str, int]:
    """Put the fixed words in; answer how many rows of each table changed."""
    rows: dict[str, int] = {}
    fixed = {"erased_phone": ERASED_PHONE, "identifying": list(IDENTIFYING)}
    for table, statement in WIPES:
        changed: int = session.execute(statement, {**values, **fixed}).scalar_one()
        rows[table] = rows.get(table, 0) + changed
    return {table: changed for table, changed in rows.items() if changed}


def suppress(session: Session, email_hash: bytes | None, phone_hashes: Sequence[bytes], actor: str) -> None:
    """Keep by hash that nothing is sent any more; whoever comes back of their own accord agrees anew."""
    session.execute(STOP_TEXTS, {"hashes": list(phone_hashes), "actor": actor})
    if email_hash is not None:
        session.execute(STOP_NEWS, {"hash": email_hash, "actor": actor})


def ask_providers(session: Session, traces: Traces, known_there: Sequence[str]) -> None:
    """Have Klaviyo forget the person; ServiceTitan has no call for that, so the office is asked to."""
    outbox.add(
        session,
        *(
            NewJob(
                JobType.ERASE_PROFILE,
                None,
                f"{JobType.ERASE_PROFILE}:{customer}",
                {"customer_id": str(customer)},
            )
            for customer in traces.customers
        ),
    )
    if known_there:
        words = f"Erase this person in ServiceTitan too: customer {', '.join(known_there)}"
        session.execute(ASK_OFFICE, {"bookings": list(traces.bookings), "words": words[:300]})
