"""A copy of everything we hold about a person, as they may ask for it; only what identifies others' machines stays out."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from app.maintenance.privacy.person import Person, Tools, Traces, find

Document = Mapping[str, list[Any]]  # Any: rows as JSON, handed on as they are


def rows_of(select: str) -> TextClause:
    """Let a query answer its rows as JSON documents."""
    return text(f"SELECT to_jsonb(r) FROM ({select}) r")  # noqa: S608 - our own words


OF_BOOKINGS = "booking_id = ANY(CAST(:bookings AS uuid[]))"
PARTS: Mapping[str, TextClause] = {
    "customers": rows_of("SELECT * FROM customers WHERE id = ANY(CAST(:customers AS uuid[])) ORDER BY id"),
    "bookings": rows_of(
        "SELECT b.*, a.zip_code, a.city, a.state FROM bookings b JOIN service_areas a ON a.id = b.service_area_id"
        " WHERE b.id = ANY(CAST(:bookings AS uuid[])) ORDER BY b.id"
    ),
    "status_changes": rows_of(f"SELECT * FROM booking_status_history WHERE {OF_BOOKINGS} ORDER BY at, id"),  # noqa: S608 - our own words
    "messages": rows_of(
        "SELECT id, booking_id, type, provider, template, locale, status, due_at, sent_at, delivery_status, delivered_at"  # noqa: S608 - our own words
        f" FROM notifications WHERE {OF_BOOKINGS} ORDER BY due_at, id"
    ),
    "consents": rows_of(
        "SELECT c.created_at, c.channel, c.purpose, c.action, c.method, c.booking_id, c.text_version, t.body AS words, c.locale, c.page,"
        " c.partner, c.ip_truncated FROM consents c LEFT JOIN consent_texts t ON t.version = c.text_version"
        " AND t.purpose = c.purpose AND t.locale = c.locale AND t.sha256 = c.text_sha256"
        " WHERE c.phone_hash = ANY(CAST(:hashes AS bytea[])) AND (c.booking_id IS NULL OR c.booking_id = ANY(CAST(:bookings AS uuid[])))"
        " OR c.email_hash = :email_hash OR c.booking_id = ANY(CAST(:bookings AS uuid[])) ORDER BY c.created_at, c.id"
    ),
    "inbound_texts": rows_of(
        "SELECT received_at, meaning, body, booking_id FROM inbound_texts WHERE id = ANY(CAST(:texts AS uuid[])) ORDER BY received_at"
    ),
    "leads": rows_of("SELECT * FROM leads WHERE id = ANY(CAST(:leads AS uuid[])) ORDER BY id"),
    "visits": rows_of(
        "SELECT id, created_at, updated_at, locale, device_class, answers, first_touch, last_touch, gpc, parent_origin"
        " FROM wizard_sessions WHERE id = ANY(CAST(:visits AS uuid[])) ORDER BY id"
    ),
    "events": rows_of(
        f"SELECT created_at, event_type, event_data, utm_source, utm_medium, utm_campaign, gclid FROM analytics_events WHERE {OF_BOOKINGS}"  # noqa: S608 - our own words
        " OR session_id IN (SELECT unnest(CAST(:visits AS uuid[]))::text"
        " UNION SELECT session_id::text FROM bookings WHERE id = ANY(CAST(:bookings AS uuid[])) AND session_id IS NOT NULL)"
        " ORDER BY created_at, id"
    ),
}


def export(session: Session, who: Person, tools: Tools) -> Document | None:
    """Return the copy, part by part, or None when there is nothing of this person."""
    traces = find(session, who, tools)
    if traces.is_empty:
        return None
    values = values_of(traces, tools)
    return {name: list(session.execute(part, values).scalars()) for name, part in PARTS.items()}


def values_of(traces: Traces, tools: Tools) -> dict[str, object]:
    """Return what the queries ask for."""
    values = {
        name: list(value) if isinstance(value, tuple) else value for name, value in vars(traces).items()
    }
    return values | {
        "hashes": [tools.phone_hash(phone) for phone in traces.phones],
        "email_hash": tools.email_hash(traces.email) if traces.email else None,
    }
