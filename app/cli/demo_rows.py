"""Writes a demonstration's walks: ids made by the database for the moment each thing happened."""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.booking.opening import key_of
from app.booking.submit import FEE_TEXT_VERSION
from app.cli.demo_plan import STEPS, WINDOW, Walk
from app.outbox import RULES, JobType

TOTAL = len(STEPS) - 1
IDS = text(
    "SELECT n, uuid_v7(at) AS visit_id, uuid_v7(booked_at) AS booking_id"
    " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (n integer, at timestamptz, booked_at timestamptz) ORDER BY n"
)
ADD_VISIT = text(
    "INSERT INTO wizard_sessions (id, partner_id, embed_mode, locale, first_touch, last_touch, device_class, booking_id, created_at,"
    " updated_at, expires_at) VALUES (:visit_id, :partner_id, :embed_mode, :locale, CAST(:touch AS jsonb), CAST(:touch AS jsonb), :device,"
    " :booking_id, :at, :at, CAST(:at AS timestamptz) + interval '24 hours')"
)
ADD_EVENT = text(
    "INSERT INTO analytics_events (id, booking_id, event_type, event_data, session_id, utm_source, utm_medium, utm_campaign, created_at)"
    " VALUES (uuid_v7(:at), :booking_id, :event_type, CAST(:data AS jsonb), :visit_id, :utm_source, :utm_medium, :utm_campaign, :at)"
)
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
ADD_LEAD = text(
    "INSERT INTO leads (id, kind, session_id, zip_code, issue_type, first_name, phone, note, urgency, status, due_at, created_at, updated_at)"
    " VALUES (uuid_v7(:at), :kind, :visit_id, :zip_code, :issue, :first_name, :phone, :note, :urgency, :status, :at, :at, :at)"
)


@dataclass(frozen=True)
class Scene:
    """What all rows of a demonstration share."""

    now: datetime
    fee_cents: int
    direct_id: uuid.UUID
    partner_id: uuid.UUID
    partner_key: str


@dataclass(frozen=True)
class Made:
    """A walk with the ids the database made for it."""

    walk: Walk
    visit_id: uuid.UUID
    booking_id: uuid.UUID | None

    @property
    def status(self) -> str:
        """Return where a booking of this walk stands once its whole story is told."""
        return "cancelled" if self.walk.cancel_reason else "confirmed"


def write(session: Session, scene: Scene, walks: list[Walk]) -> int:
    """Write walks with everything they leave behind; answer how many bookings that made."""
    rows = [
        {"n": walk.number, "at": walk.at.isoformat(), "booked_at": walk.booked_at.isoformat()}
        for walk in walks
    ]
    ids = {row.n: row for row in session.execute(IDS, {"rows": json.dumps(rows)})}
    made = [
        Made(walk, ids[walk.number].visit_id, ids[walk.number].booking_id if walk.is_booked else None)
        for walk in walks
    ]
    bookings = [one for one in made if one.booking_id]
    if not made:
        return 0
    session.execute(ADD_VISIT, [visit_row(scene, one) for one in made])
    if bookings:
        write_bookings(session, scene, bookings)
    session.execute(ADD_EVENT, [row for one in made for row in event_rows(scene, one)])
    leads = [lead_row(scene, one) for one in made if one.walk.reached == 4 and one.walk.number % 6 == 0]
    if leads:
        session.execute(ADD_LEAD, leads)
    return len(bookings)


def write_bookings(session: Session, scene: Scene, bookings: list[Made]) -> None:
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


def visit_row(scene: Scene, made: Made) -> dict[str, Any]:  # Any: values of a row
    """Return a visit."""
    walk = made.walk
    return {
        "visit_id": made.visit_id, "partner_id": scene.partner_id if walk.campaign.is_partner else scene.direct_id,
        "embed_mode": "inline" if walk.campaign.is_partner else None, "locale": walk.locale, "touch": json.dumps(walk.campaign.touch),
        "device": walk.device, "booking_id": made.booking_id, "at": walk.at,
    }  # fmt: skip


def event_rows(scene: Scene, made: Made) -> list[dict[str, Any]]:  # Any: values of rows
    """Return the events of a walk, in order."""
    walk, at, rows = made.walk, made.walk.at, []
    for place, step in enumerate(STEPS[: walk.reached + 1]):
        rows.append(event_row(scene, made, "step_viewed", step, at))
        if place < walk.reached:
            at += timedelta(milliseconds=walk.stays_ms[place])
            rows.append(event_row(scene, made, "step_completed", step, at, stay_ms=walk.stays_ms[place]))
    if made.booking_id:
        rows.append(
            {
                **event_row(scene, made, "booking_submitted", "review", walk.booked_at),
                "booking_id": made.booking_id,
            }
        )
    return rows


def event_row(
    scene: Scene, made: Made, kind: str, step: str, at: datetime, *, stay_ms: int | None = None
) -> dict[str, Any]:  # Any: as above
    """Return one event."""
    walk = made.walk
    data = {
        "step": step, "idx": STEPS.index(step) + 1, "total": TOTAL, "nav": "next" if step != "zip" else "direct",
        "partner": scene.partner_key if walk.campaign.is_partner else "direct", "embed": walk.campaign.is_partner,
        "device": walk.device, "locale": walk.locale, "channel": source_of(scene, walk), "ms_on_step": stay_ms,
    }  # fmt: skip
    touch = {name: walk.campaign.touch.get(name) for name in ("utm_source", "utm_medium", "utm_campaign")}
    known = {name: value for name, value in data.items() if value is not None}
    return {
        "at": at,
        "booking_id": None,
        "event_type": kind,
        "data": json.dumps(known),
        "visit_id": str(made.visit_id),
        **touch,
    }


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
        "source": source_of(scene, walk), "wants_texts": walk.wants_texts, "locale": walk.locale, "zip_code": walk.zip_code,
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


def lead_row(scene: Scene, made: Made) -> dict[str, Any]:  # Any: values of a row
    """Return somebody who found no window that suits and asked for a call."""
    walk = made.walk
    recent = scene.now - walk.at < timedelta(days=2)
    return {
        "at": walk.at + timedelta(minutes=3), "kind": "callback", "visit_id": made.visit_id, "zip_code": walk.zip_code, "issue": walk.issue,
        "first_name": walk.person.first_name, "phone": walk.person.phone, "note": "Please call after 5 PM",
        "urgency": "high" if walk.issue in {"off_track", "broken_spring"} else "normal", "status": "open" if recent else "closed",
    }  # fmt: skip


def source_of(scene: Scene, walk: Walk) -> str:
    """Return the booking source of a walk."""
    return f"partner:{scene.partner_key}" if walk.campaign.is_partner else walk.campaign.channel
