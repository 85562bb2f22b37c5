"""Writes a demonstration's walks with their events and leads: ids are the database's, of the moment each thing happened."""

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.cli import demo_bookings
from app.cli.demo_plan import STEPS, Made, Scene, Walk

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
ADD_LEAD = text(
    "INSERT INTO leads (id, kind, session_id, zip_code, issue_type, first_name, phone, note, urgency, status, due_at, created_at, updated_at)"
    " VALUES (uuid_v7(:at), :kind, :visit_id, :zip_code, :issue, :first_name, :phone, :note, :urgency, :status, :at, :at, :at)"
)


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
        demo_bookings.write(session, scene, bookings)
    session.execute(ADD_EVENT, [row for one in made for row in event_rows(scene, one)])
    leads = [
        lead_row(scene, one)
        for one in made
        if one.walk.outside or (one.walk.reached == 4 and one.walk.number % 3 == 0)
    ]
    if leads:
        session.execute(ADD_LEAD, leads)
    return len(bookings)


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
        "device": walk.device, "locale": walk.locale, "channel": scene.source_of(walk), "ms_on_step": stay_ms,
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


def lead_row(scene: Scene, made: Made) -> dict[str, Any]:  # Any: values of a row
    """Return somebody who lives too far away, or found no window that suits and asked for a call."""
    walk = made.walk
    at = walk.at + timedelta(minutes=3)
    if walk.outside:
        asked: dict[str, Any] = {
            "kind": "out_of_area",
            "zip_code": walk.outside,
            "issue": None,
            "first_name": None,
            "phone": None,
            "note": None,
        }
    else:
        asked = {
            "kind": "callback", "zip_code": walk.zip_code, "issue": walk.issue, "first_name": walk.person.first_name,
            "phone": walk.person.phone, "note": "Please call after 5 PM",
        }  # fmt: skip
    recent = scene.now - at < timedelta(days=2)
    return {
        "at": at,
        "visit_id": made.visit_id,
        "urgency": "normal",
        "status": "open" if recent or walk.outside else "closed",
        **asked,
    }
