"""The booking transaction as a pgbench script, made of the product's own statements."""

import re

from sqlalchemy import Connection, TextClause, text

from app.analytics import events
from app.booking import booking_rows, slots
from app.wizard import visit as visits

ROOM = (
    "DROP TABLE IF EXISTS bench_visits",
    "DROP SEQUENCE IF EXISTS bench_number",
    "CREATE SEQUENCE bench_number",
    "CREATE TABLE bench_visits (n bigint PRIMARY KEY, id uuid, slot uuid, area uuid, email text, submission_id uuid, partner_id uuid)",
    "GRANT SELECT ON bench_visits TO a1_app",
    "GRANT USAGE ON bench_number TO a1_app",
)
FILL = text(
    "INSERT INTO bench_visits SELECT row_number() OVER (), id, (answers ->> 'slot_id')::uuid, (answers ->> 'area_id')::uuid,"
    " answers ->> 'email', submission_id, partner_id FROM wizard_sessions WHERE id = ANY(CAST(:ids AS uuid[]))"
)
EVENTS = " || ".join(
    f"""jsonb_build_array(jsonb_build_object('booking_id', CAST(:booking_id AS text), 'event_type', '{kind}',
 'event_data', jsonb_build_object('step', 'review', 'idx', 7, 'total', 8, 'partner', 'direct', 'embed', false, 'device', 'desktop',
 'locale', 'en', 'channel', 'direct'), 'session_id', CAST(:visit_id AS text), 'is_bot', false))"""
    for kind in ("step_completed", "booking_submitted", "step_viewed")
)
JOB = """jsonb_build_object('queue_name', 'critical', 'job_type', 'servicetitan.create_job', 'priority', 10, 'max_attempts', 20,
 'payload', jsonb_build_object(), 'dedupe_key', 'servicetitan.create_job:' || CAST(:booking_id AS text), 'due_in', 0,
 'give_up_after', 86400)"""
MESSAGES = ", ".join(
    f"""jsonb_build_object('channel', '{channel}', 'provider', 'klaviyo', 'recipient_hash', repeat('0', 64),
 'message_key', 'confirmation-{channel}-' || CAST(:booking_id AS text), 'dedupe_key', 'job-{channel}-' || CAST(:booking_id AS text),
 'queue_name', 'notify', 'job_type', 'klaviyo.send_event', 'priority', 5, 'max_attempts', 20, 'due_in', 300, 'give_up_after', 86400)"""
    for channel in ("email", "sms")
)
HASH = "'\\x' || repeat('0', 64)"
AGREED = f"""jsonb_build_array(jsonb_build_object('channel', 'sms', 'purpose', 'booking', 'action', 'opt_in', 'method', 'web',
 'version', 'sms-2026-11', 'text_version', 'sms-2026-11', 'sha256', {HASH}, 'text_sha256', {HASH}, 'phone_hash', {HASH}, 'body', '',
 'locale', 'en', 'page', '/w/-/contact', 'partner', 'direct', 'ip_truncated', '127.0.0.0/24', 'user_agent_hash', {HASH}))"""
BOOKING = """jsonb_build_object('id', CAST(:booking_id AS text), 'service_area_id', CAST(:area_id AS text),
 'issue_type', 'broken_spring', 'door_count', 1, 'homeowner_status', 'owner', 'door_age', 7, 'preferred_time', CAST(:starts_at AS text),
 'window_end', CAST(:ends_at AS text), 'time_slot_id', CAST(:slot_id AS text), 'address_line1', '12 Oak Street',
 'booking_source', 'direct', 'contact_first_name', 'Ana', 'contact_last_name', 'Ruiz', 'contact_email', CAST(:email AS text),
 'contact_phone', '+16025550123', 'contact_sms_opt_in', true, 'attribution', jsonb_build_object(),
 'partner_id', CAST(:partner_id AS text), 'locale', 'en', 'fee_cents', 8900, 'fee_text_version', 'fee-2026-11',
 'session_id', CAST(:visit_id AS text))"""
PLAIN = {
    "booking": BOOKING, "agreed": AGREED, "wanted": f"jsonb_build_array({JOB}, {MESSAGES})", "kind": "'confirmation'",
    "locale": "'en'", "version": "1", "request_id": "NULL", "request_hash": "sha256(CAST(:visit_id AS text)::bytea)",
    "token_hash": "sha256(CAST(:booking_id AS text)::bytea)", "nonce": "sha256(CAST(:visit_id AS text)::bytea)",
    "kept_answers": "'{}'", "last_step": "'done'", "left_visit": "CAST(:visit_id AS uuid)", "lead": "interval '2 hours'",
}  # fmt: skip


NAME = re.compile(r"(?<!:):([a-z_0-9]+)")
IDS = {
    name: f"CAST(:{name} AS uuid)"
    for name in ("visit_id", "slot_id", "area_id", "booking_id", "submission_id", "partner_id")
}


def make_room(connection: Connection, visit_ids: list[str]) -> None:
    """Number the visits, so that each transaction takes the next."""
    for statement in ROOM:
        connection.execute(text(statement))
    connection.execute(FILL, {"ids": visit_ids})


def line(statement: TextClause, ending: str = ";", **own: str) -> str:
    """Return a statement on one line with everything filled in that is the same for all."""
    values = IDS | PLAIN | own
    words = NAME.sub(lambda found: values.get(found[1], found[0]), statement.text)
    return " ".join(words.split()) + ending


def one_by_one(statements: TextClause) -> str:
    """Return statements that travel together in the product; a prepared one travels alone."""
    return statements.text.replace("; ", ";\n") + ";"


TAKE = (
    "SELECT id AS visit_id, slot AS slot_id, area AS area_id, email, submission_id, partner_id FROM bench_visits"
    " WHERE n = (SELECT nextval('bench_number')) \\gset"
)
SCRIPT = "\n".join(
    (
        TAKE,
        "BEGIN;",
        line(visits.LOAD_LOCKED, id=":visit_id"),
        line(slots.CLAIM, " \\gset", slot=":slot_id", area=":area_id", visit=":visit_id"),
        line(booking_rows.ADD),
        one_by_one(events.BEGIN),
        line(events.INSERT, rows=EVENTS),
        one_by_one(events.END),
        "COMMIT;",
    )
)
