"""From complete answers to a booking: window, customer, booking, proof and outbox in the caller's one transaction."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from app import outbox
from app.booking import booking_rows, consent, manage_links, slots
from app.booking.answers import Answers, Bookable
from app.booking.consent import OptIn
from app.booking.slots import Claim, Window
from app.notifications.queue import Message, MessageKind
from app.outbox import JobType

FEE_TEXT_VERSION = "fee-2026-11"
CONFIRMATION_DELAY = timedelta(minutes=5)


@dataclass(frozen=True)
class Left:
    """How a visit is left that has its booking: on which step, and with which answers."""

    answers: Answers
    last_step: str


@dataclass(frozen=True)
class Submission:
    """Which visit submits, from where, and the hash of what it sent. Without `left` its row stays as it is."""

    visit_id: uuid.UUID
    submission_id: uuid.UUID
    request_hash: bytes
    partner_id: uuid.UUID
    booking_source: str
    attribution: Mapping[str, Any]  # Any: {first, last, gpc}, written once and never read by rules
    witness: consent.Witness
    left: Left | None = None


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


def submit(session: Session, answers: Bookable, submission: Submission, terms: Terms) -> Booked:
    """Book. The caller has locked the visit's row and commits.

    Raise SlotTaken when the window is gone: the caller rolls back, and nothing of this remains.
    """
    claim = slots.claim(session, answers.slot_id, answers.area_id, submission.visit_id, terms.lead)
    nonce = manage_links.new()
    token = manage_links.token_of(nonce, terms.privacy_key)
    boxes = OptIn(answers.sms_opt_in, answers.email_opt_in, answers.phone, answers.email, terms.company)
    left = submission.left
    values = {
        **confirmation(answers, claim.booking_id, submission.witness.locale).values(
            terms.privacy_key, *jobs(answers, claim.booking_id)
        ),
        "agreed": consent.agreed(boxes, submission.witness, terms.privacy_key),
        "booking": json.dumps(row(answers, claim, submission, terms)),
        "email": answers.email,
        "visit_id": submission.visit_id,
        "submission_id": submission.submission_id,
        "request_hash": submission.request_hash,
        "token_hash": manage_links.hash_of(token),
        "nonce": nonce,
        "left_visit": submission.visit_id if left else None,
        "kept_answers": json.dumps(left.answers.to_json()) if left else "{}",
        "last_step": left.last_step if left else None,
    }
    return Booked(claim.booking_id, write(session, values), claim.window, token)


def row(answers: Bookable, claim: Claim, submission: Submission, terms: Terms) -> dict[str, object]:
    """Return the booking as a row of its table, ids and moments as text."""
    return {
        "id": str(claim.booking_id),
        "service_area_id": str(answers.area_id),
        "issue_type": answers.issue_type,
        "issue_note": answers.issue_note,
        "door_count": answers.door_count,
        "homeowner_status": answers.homeowner_status,
        "owner_permission": answers.owner_permission,
        "door_age": answers.door_age,
        "preferred_time": claim.window.starts_at.isoformat(),
        "window_end": claim.window.ends_at.isoformat(),
        "time_slot_id": str(answers.slot_id),
        "address_line1": answers.address_line1,
        "address_line2": answers.address_line2,
        "access_notes": answers.access_notes,
        "booking_source": submission.booking_source,
        "contact_first_name": answers.first_name,
        "contact_last_name": answers.last_name,
        "contact_email": answers.email,
        "contact_phone": answers.phone,
        "contact_sms_opt_in": answers.sms_opt_in,
        "attribution": dict(submission.attribution),
        "partner_id": str(submission.partner_id),
        "locale": submission.witness.locale,
        "fee_cents": terms.fee_cents,
        "fee_text_version": FEE_TEXT_VERSION,
        "session_id": str(submission.visit_id),
    }


def write(session: Session, values: Mapping[str, object]) -> str:
    """Write all rows and return the reference; once more when somebody added the same customer at this very moment."""
    while True:
        reference: str | None = session.execute(booking_rows.ADD, values).scalar_one_or_none()
        if reference:
            return reference


def jobs(answers: Bookable, booking_id: uuid.UUID) -> list[outbox.NewJob]:
    """Return what must leave the house: the ServiceTitan job, and the wish for news of those who ticked its box."""
    types = [JobType.CREATE_JOB, *([JobType.SUBSCRIBE] if answers.email_opt_in else [])]
    return [
        outbox.NewJob(job_type, booking_id, outbox.dedupe_key(job_type, booking_id, 1), {})
        for job_type in types
    ]


def confirmation(answers: Bookable, booking_id: uuid.UUID, locale: str) -> Message:
    """Return the confirmations, which leave when the ServiceTitan job exists or five minutes from now."""
    return Message(
        booking_id=booking_id,
        version=1,
        locale=locale,
        kind=MessageKind.CONFIRMATION,
        sms=answers.sms_opt_in,
        phone=answers.phone,
        email=answers.email,
        due_in=CONFIRMATION_DELAY,
    )
