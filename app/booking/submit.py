"""From complete answers to a booking: window, customer, booking, proof and outbox in the caller's one transaction."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from app import outbox
from app.booking import consent, customers, manage_links, slots
from app.booking.answers import Bookable
from app.booking.slots import Window
from app.notifications import queue
from app.notifications.queue import MessageKind

FEE_TEXT_VERSION = "fee-2026-11"
CONFIRMATION_DELAY = timedelta(minutes=5)


@dataclass(frozen=True)
class Submission:
    """Which visit submits, from where, and the hash of what it sent."""

    visit_id: uuid.UUID
    submission_id: uuid.UUID
    request_hash: bytes
    partner_id: uuid.UUID
    booking_source: str
    attribution: Mapping[str, Any]  # Any: {first, last, gpc}, written once and never read by rules
    witness: consent.Witness


@dataclass(frozen=True)
class Terms:
    """What the company promises and needs: shortest notice, fee in cents, keys."""

    lead: timedelta
    fee_cents: int
    company: str
    privacy_key: str


@dataclass(frozen=True)
class Booked:
    """A booking that stands once the transaction commits."""

    booking_id: uuid.UUID
    reference: str
    window: Window
    manage_token: str


ADD_BOOKING = text(
    "INSERT INTO bookings (id, customer_id, service_area_id, issue_type, issue_note, door_count, homeowner_status, owner_permission,"
    " door_age, preferred_time, window_end, time_slot_id, address_line1, address_line2, access_notes, booking_source,"
    " contact_first_name, contact_last_name, contact_email, contact_phone, contact_sms_opt_in, attribution, partner_id, locale,"
    " fee_cents, fee_text_version, session_id)"
    " VALUES (:booking_id, :customer_id, :area_id, :issue_type, :issue_note, :door_count, :homeowner_status, :owner_permission,"
    " :door_age, :starts_at, :ends_at, :slot_id, :address_line1, :address_line2, :access_notes, :booking_source,"
    " :first_name, :last_name, :email, :phone, :sms_opt_in, :attribution, :partner_id, :locale,"
    " :fee_cents, :fee_text_version, :visit_id) RETURNING reference"
).bindparams(bindparam("attribution", type_=JSONB))
ADD_TRACES = text(
    "WITH submission AS (INSERT INTO booking_submissions (submission_id, session_id, request_hash, booking_id)"
    " VALUES (:submission_id, :visit_id, :request_hash, :booking_id))"
    " INSERT INTO booking_status_history (booking_id, to_status, actor) VALUES (:booking_id, 'pending', 'visitor')"
)


def submit(session: Session, answers: Bookable, submission: Submission, terms: Terms) -> Booked:
    """Book. The caller has locked the visit's row and commits.

    Raise SlotTaken when the window is gone: the caller rolls back, and nothing of this remains.
    """
    claim = slots.claim(session, answers.slot_id, answers.area_id, submission.visit_id, terms.lead)
    customer_id = customers.find_or_add(session, answers)
    values = {
        **vars(answers),
        **vars(submission),
        "attribution": dict(submission.attribution),
        "booking_id": claim.booking_id,
        "customer_id": customer_id,
        "starts_at": claim.window.starts_at,
        "ends_at": claim.window.ends_at,
        "locale": submission.witness.locale,
        "fee_cents": terms.fee_cents,
        "fee_text_version": FEE_TEXT_VERSION,
    }
    reference: str = session.execute(ADD_BOOKING, values).scalar_one()
    session.execute(ADD_TRACES, values)
    agree(
        session,
        answers,
        consent.OptIn(claim.booking_id, customer_id, answers.phone, answers.email, terms.company),
        submission.witness,
        terms.privacy_key,
    )
    token = manage_links.add(session, claim.booking_id, terms.privacy_key)
    tell(session, answers, claim.booking_id, submission, terms)
    return Booked(claim.booking_id, reference, claim.window, token)


def agree(
    session: Session, answers: Bookable, given: consent.OptIn, witness: consent.Witness, key: str
) -> None:
    """Prove each ticked box; whoever wants news is put on the list for them."""
    if answers.sms_opt_in:
        consent.add_opt_in(session, given, witness, key)
    if answers.email_opt_in:
        consent.add_news_opt_in(session, given, witness, key)
        name = outbox.dedupe_key(outbox.JobType.SUBSCRIBE, given.booking_id, 1)
        outbox.add(session, outbox.NewJob(outbox.JobType.SUBSCRIBE, given.booking_id, name, {}))


def tell(
    session: Session, answers: Bookable, booking_id: uuid.UUID, submission: Submission, terms: Terms
) -> None:
    """Write the outbox: the ServiceTitan job now, the confirmations when it exists or five minutes from now."""
    outbox.add(
        session,
        outbox.NewJob(
            outbox.JobType.CREATE_JOB, booking_id, f"{outbox.JobType.CREATE_JOB}:{booking_id}:1", {}
        ),
    )
    queue.add(
        session,
        booking_id=booking_id,
        version=1,
        locale=submission.witness.locale,
        kind=MessageKind.CONFIRMATION,
        sms=answers.sms_opt_in,
        phone=answers.phone,
        email=answers.email,
        privacy_key=terms.privacy_key,
        due_in=CONFIRMATION_DELAY,
    )
