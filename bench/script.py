"""The booking transaction as a pgbench script, made of the product's own statements."""

import re

from sqlalchemy import Connection, TextClause, text

from app import outbox
from app.analytics import events
from app.booking import consent, customers, manage_links, promise, slots, submit
from app.notifications import queue
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
JOBS = """jsonb_build_array(jsonb_build_object('queue_name', 'critical', 'job_type', 'servicetitan.create_job', 'booking_id',
 CAST(:booking_id AS text), 'priority', 10, 'max_attempts', 20, 'payload', jsonb_build_object(), 'dedupe_key',
 'servicetitan.create_job:' || CAST(:booking_id AS text), 'due_in', 0, 'give_up_after', 86400))"""
MESSAGES = " || ".join(
    f"""jsonb_build_array(jsonb_build_object('channel', '{channel}', 'provider', 'klaviyo', 'recipient_hash', repeat('0', 64),
 'dedupe_key', 'confirmation-{channel}-' || CAST(:booking_id AS text), 'job_key', 'job-{channel}-' || CAST(:booking_id AS text),
 'queue_name', 'notify', 'job_type', 'klaviyo.send_event', 'priority', 5, 'max_attempts', 20, 'give_up_after', 86400))"""
    for channel in ("email", "sms")
)
PLAIN = {
    "issue_type": "'broken_spring'", "issue_note": "NULL", "door_count": "1", "homeowner_status": "'owner'", "owner_permission": "NULL",
    "door_age": "7", "address_line1": "'12 Oak Street'", "address_line2": "NULL", "access_notes": "NULL", "booking_source": "'direct'",
    "first_name": "'Ana'", "last_name": "'Ruiz'", "phone": "'+16025550123'", "sms_opt_in": "true", "attribution": "'{}'::jsonb",
    "locale": "'en'", "fee_cents": "8900", "fee_text_version": "'fee-2026-11'", "request_hash": "sha256(CAST(:visit_id AS text)::bytea)",
    "text_version": "'sms-2026-11'", "purpose": "'booking'", "body": "''", "text_sha256": "sha256(''::bytea)", "channel": "'sms'",
    "phone_hash": "sha256('phone'::bytea)", "email_hash": "NULL", "page": "'/w/-/contact'", "partner": "'direct'", "ip": "'127.0.0.0/24'",
    "user_agent_hash": "sha256('agent'::bytea)", "token_hash": "sha256(CAST(:booking_id AS text)::bytea)",
    "nonce": "sha256(CAST(:visit_id AS text)::bytea)", "version": "1", "kind": "'confirmation'", "due_in": "300",
    "request_id": "NULL", "answers": "'{}'", "last_step": "'done'", "move_job": "'servicetitan.move_job'", "lead": "interval '2 hours'",
}  # fmt: skip


NAME = re.compile(r"(?<!:):([a-z_0-9]+)")
IDS = {
    name: f"CAST(:{name} AS uuid)" for name in ("visit_id", "slot_id", "area_id", "booking_id", "customer_id")
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
        line(customers.FIND),
        line(customers.ADD, " \\gset customer_"),
        line(submit.ADD_BOOKING),
        line(submit.ADD_TRACES),
        line(consent.ADD),
        line(manage_links.ADD),
        line(outbox.ADD, rows=JOBS),
        line(queue.ADD, rows=MESSAGES),
        line(visits.FINISH, id=":visit_id"),
        line(promise.FIND, id=":booking_id"),
        "SAVEPOINT sa;",
        "SET LOCAL lock_timeout = '200ms';",
        line(events.INSERT, rows=EVENTS),
        "RELEASE SAVEPOINT sa;",
        "SET LOCAL lock_timeout TO DEFAULT;",
        "COMMIT;",
    )
)
