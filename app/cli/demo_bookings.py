"""Writes a demonstration's bookings: customers, windows, history, deliveries and messages."""

import json
import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking.opening import key_of
from app.booking.submit import FEE_TEXT_VERSION
from app.cli.demo_plan import WINDOW, Made, Scene
from app.outbox import RULES, JobType

ADD_CUSTOMER = text(
    "INSERT INTO customers (id, first_name, last_name, email, phone, created_at, updated_at)"
    " VALUES (uuid_v7(:booked_at), :first_name, :last_name, :email, :phone, :booked_at, :booked_at)"
    " ON CONFLICT (email) DO UPDATE SET updated_at = customers.updated_at"
)
ADD_BOOKING = text(
    "INSERT INTO bookings (id, customer_id, service_area_id, issue_type, door_count, homeowner_status, owner_permission, door_age,"
    " preferred_time, window_end, address_line1, status, servicetitan_job_id, booking_source, contact_first_name, contact_last_name,"
    " contact_email, contact_phone, contact_sms_opt_in, attribution, partner_id, locale, fee_cents, fee_text_version, session_id, updated_at)"
    " SELECT :booking_id, c.id, a.id, :issue, :door_count, :home, :permission, :door_age, :visit_at, :visit_end, :address_line1, :status,"
    " :servicetitan_id, :source, :first_name, :last_name, :email, :phone, :wants_texts, CAST(:attribution AS jsonb), :partner_id, :locale,"
    " :fee_cents, :fee_text, :visit_id, :booked_at FROM customers c, service_areas a WHERE c.email = CAST(:email AS varchar) AND a.zip_code = :zip_code"
)
ADD_SUBMISSION = text(
    "INSERT INTO booking_submissions (submission_id, session_id, request_hash, booking_id, created_at)"
    " VALUES (gen_random_uuid(), :visit_id, '', :booking_id, :booked_at)"
)
ADD_EDGE = text(
    "INSERT INTO booking_status_history (id, booking_id, from_status, to_status, actor, reason, at)"
    " VALUES (uuid_v7(:at), :booking_id, :from_status, :to_status, :actor, :reason, :at)"
)
ADD_SLOT = text(
    "WITH slot AS (INSERT INTO time_slots (service_area_id, slot_date, slot_time, starts_at, ends_at, available, booking_id, external_slot_id)"
    " SELECT a.id, (CAST(:visit_at AS timestamptz) AT TIME ZONE a.timezone)::date, (CAST(:visit_at AS timestamptz) AT TIME ZONE a.timezone)::time,"
    " :visit_at, :visit_end, false, :booking_id, :key FROM service_areas a WHERE a.zip_code = :zip_code"
    " ON CONFLICT (service_area_id, slot_date, slot_time) DO UPDATE SET available = false, booking_id = excluded.booking_id,"
    " held_by = NULL, held_until = NULL, held_addr = NULL WHERE time_slots.booking_id IS NULL RETURNING id, external_slot_id),"
    " counter AS (INSERT INTO slot_capacity (external_slot_id, capacity, taken) SELECT external_slot_id, 1, 1 FROM slot"
    " ON CONFLICT (external_slot_id) DO UPDATE SET taken = slot_capacity.taken + 1)"
    " UPDATE bookings SET time_slot_id = slot.id FROM slot WHERE bookings.id = :booking_id"
)
ADD_JOB = text(
    "INSERT INTO queue_jobs (id, queue_name, job_type, booking_id, status, outcome, priority, attempts, max_attempts, payload, error_msg,"
    " dedupe_key, scheduled_at, started_at, completed_at, created_at, deadline_at) VALUES (uuid_v7(:at), :queue, :job_type, :booking_id,"
    " :status, :outcome, :priority, :attempts, :max_attempts, CAST(:payload AS jsonb), :error, :dedupe_key, :at, :at, :done_at, :at,"
    " CAST(:at AS timestamptz) + interval '24 hours')"
)
ADD_MESSAGE = text(
    "INSERT INTO notifications (id, booking_id, type, provider, status, external_id, sent_at, template, locale, due_at, dedupe_key,"
    " delivery_status, delivered_at, created_at) VALUES (uuid_v7(:at), :booking_id, :channel, :provider, 'sent', :external_id, :sent_at,"
    " 'confirmation', :locale, :at, :dedupe_key, :delivery, :delivered_at, :at)"
)


def write(session: Session, scene: Scene, bookings: list[Made]) -> None:
    """Write bookings with customers, windows, history, deliveries and messages."""
    rows = [booking_row(scene, one) for one in bookings]
    for statement in (ADD_CUSTOMER, ADD_BOOKING, ADD_SUBMISSION, ADD_SLOT):
        chosen = [row for row in rows if statement is not ADD_SLOT or row["status"] != "cancelled"]
        if chosen:
            session.execute(statement, chosen)
    session.execute(ADD_EDGE, [row for one in bookings for row in edge_rows(scene, one)])
    messages = [row for one in bookings for row in message_rows(one)]
    session.execute(ADD_MESSAGE, messages)
    session.execute(ADD_JOB, [job_row(one) for one in bookings] + [message_job(row) for row in messages])


def booking_row(scene: Scene, made: Made) -> dict[str, Any]:  # Any: values of a row
    """Return a booking with its contact and window."""
    walk = made.walk
    ends_at = walk.visit_at + WINDOW
    status = "completed" if ends_at < scene.now and made.status == "confirmed" else made.status
    return {
        **vars(walk.person), "visit_id": made.visit_id, "booking_id": made.booking_id, "booked_at": walk.booked_at,
        "issue": walk.issue, "door_count": walk.door_count, "door_age": walk.door_age,
        "home": "owner" if walk.is_owner else "renter", "permission": None if walk.is_owner else "yes",
        "visit_at": walk.visit_at, "visit_end": ends_at, "status": status, "servicetitan_id": str(700000 + walk.number),
        "source": scene.source_of(walk), "wants_texts": walk.wants_texts, "locale": walk.locale, "zip_code": walk.zip_code,
        "attribution": json.dumps({"first": walk.campaign.touch, "last": walk.campaign.touch}),
        "partner_id": scene.partner_id if walk.campaign.is_partner else scene.direct_id,
        "fee_cents": scene.fee_cents, "fee_text": FEE_TEXT_VERSION,
        "key": key_of(walk.zip_code, walk.visit_at, ends_at, None),
    }  # fmt: skip


def edge_rows(scene: Scene, made: Made) -> list[dict[str, Any]]:  # Any: values of rows
    """Return how a booking came to its status."""
    walk = made.walk
    edges: list[tuple[str | None, str, str, str | None, datetime]] = [
        (None, "pending", "visitor", None, walk.booked_at),
        ("pending", "confirmed", "servicetitan", None, walk.booked_at + timedelta(seconds=4)),
    ]
    if walk.cancel_reason:
        edges.append(
            (
                "confirmed",
                "cancelled",
                "visitor",
                walk.cancel_reason,
                min(walk.booked_at + timedelta(hours=5), scene.now),
            )
        )
    elif walk.visit_at + WINDOW < scene.now:
        edges.append(("confirmed", "completed", "servicetitan", None, walk.visit_at + WINDOW))
    names = ("from_status", "to_status", "actor", "reason", "at")
    return [{**dict(zip(names, edge, strict=True)), "booking_id": made.booking_id} for edge in edges]


def job_row(made: Made) -> dict[str, Any]:  # Any: values of a row
    """Return the delivery to ServiceTitan; a few took several tries."""
    at, slow = made.walk.booked_at, made.walk.number % 23 == 0
    return delivery(JobType.CREATE_JOB, made.booking_id, at, f"{JobType.CREATE_JOB}:{made.booking_id}:1") | {
        "attempts": 3 if slow else 1, "done_at": at + timedelta(seconds=97 if slow else 4),
    }  # fmt: skip


def message_rows(made: Made) -> list[dict[str, Any]]:  # Any: values of rows
    """Return the confirmations of a booking."""
    at = made.walk.booked_at + timedelta(seconds=5)
    channels = [("email", "klaviyo"), ("sms", "twilio")] if made.walk.wants_texts else [("email", "klaviyo")]
    return [
        {
            "at": at, "booking_id": made.booking_id, "channel": channel, "provider": provider, "external_id": f"demo-{made.walk.number}",
            "sent_at": at + timedelta(seconds=2), "locale": made.walk.locale, "dedupe_key": f"confirmation:{channel}:{made.booking_id}:1",
            "delivery": "delivered" if channel == "sms" else None,
            "delivered_at": at + timedelta(seconds=6) if channel == "sms" else None,
        }
        for channel, provider in channels
    ]  # fmt: skip


def message_job(message: dict[str, Any]) -> dict[str, Any]:  # Any: values of rows
    """Return the delivery of a message."""
    kind = JobType.SEND_SMS if message["channel"] == "sms" else JobType.SEND_EMAIL
    return delivery(kind, message["booking_id"], message["at"], f"{kind}:{message['booking_id']}:1") | {
        "done_at": message["sent_at"]
    }


def delivery(
    kind: JobType, booking_id: uuid.UUID | None, at: datetime, dedupe_key: str
) -> dict[str, Any]:  # Any: as above
    """Return a delivery that went well."""
    rules = RULES[kind]
    return {
        "queue": rules.queue, "job_type": kind, "booking_id": booking_id, "status": "completed", "outcome": "ok",
        "priority": rules.priority, "attempts": 1, "max_attempts": rules.max_attempts, "payload": "{}", "error": None,
        "dedupe_key": dedupe_key, "at": at, "done_at": at,
    }  # fmt: skip
