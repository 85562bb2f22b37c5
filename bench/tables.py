"""The rows of a booking with a statement for each table, as anybody would write them who does not count round trips."""

import json
from typing import Any

import psycopg

FIND = "SELECT id FROM customers WHERE email = %(contact_email)s FOR KEY SHARE"
ADD = (
    "INSERT INTO customers (first_name, last_name, email, phone, sms_opt_in, sms_opt_in_date) VALUES (%(contact_first_name)s,"
    " %(contact_last_name)s, %(contact_email)s, %(contact_phone)s, %(contact_sms_opt_in)s, now()) ON CONFLICT (email) DO NOTHING"
    " RETURNING id"
)
BOOKING = (
    "INSERT INTO bookings (id, customer_id, service_area_id, issue_type, door_count, homeowner_status, door_age, preferred_time,"
    " window_end, time_slot_id, address_line1, booking_source, contact_first_name, contact_last_name, contact_email, contact_phone,"
    " contact_sms_opt_in, attribution, partner_id, locale, fee_cents, fee_text_version, session_id) VALUES (%(id)s, %(customer_id)s,"
    " %(service_area_id)s, %(issue_type)s, %(door_count)s, %(homeowner_status)s, %(door_age)s, %(preferred_time)s, %(window_end)s,"
    " %(time_slot_id)s, %(address_line1)s, %(booking_source)s, %(contact_first_name)s, %(contact_last_name)s, %(contact_email)s,"
    " %(contact_phone)s, %(contact_sms_opt_in)s, '{}', %(partner_id)s, %(locale)s, %(fee_cents)s, %(fee_text_version)s,"
    " %(session_id)s) RETURNING reference"
)
REST = (
    (
        "INSERT INTO booking_submissions (submission_id, session_id, request_hash, booking_id)"
        " VALUES (%(submission_id)s, %(session_id)s, %(request_hash)s, %(id)s)"
    ),
    "INSERT INTO booking_status_history (booking_id, to_status, actor) VALUES (%(id)s, 'pending', 'visitor')",
    (
        "INSERT INTO consent_texts (version, purpose, locale, body, sha256) VALUES ('sms-2026-11', 'booking', 'en', '', %(token_hash)s)"
        " ON CONFLICT DO NOTHING"
    ),
    (
        "INSERT INTO consents (customer_id, booking_id, phone_hash, channel, purpose, action, text_version, text_sha256, locale, page,"
        " partner, ip_truncated, user_agent_hash, method) VALUES (%(customer_id)s, %(id)s, %(token_hash)s, 'sms', 'booking', 'opt_in',"
        " 'sms-2026-11', %(token_hash)s, 'en', '/w/-/contact', 'direct', '127.0.0.0/24', %(token_hash)s, 'web')"
    ),
    "INSERT INTO manage_links (token_hash, nonce, booking_id) VALUES (%(token_hash)s, %(nonce)s, %(id)s)",
    (
        "INSERT INTO queue_jobs (queue_name, job_type, booking_id, priority, max_attempts, payload, dedupe_key, deadline_at)"
        " VALUES ('critical', 'servicetitan.create_job', %(id)s, 10, 20, '{}', 'servicetitan.create_job:' || %(name)s || ':1',"
        " now() + interval '1 day')"
    ),
    (
        "WITH message AS (INSERT INTO notifications (booking_id, type, provider, template, locale, recipient_hash, due_at, dedupe_key)"
        " SELECT %(id)s, channel, 'klaviyo', 'confirmation', 'en', %(token_hash)s, now() + interval '5 minutes',"
        " 'confirmation:' || channel || ':' || %(name)s || ':1' FROM unnest(ARRAY['email', 'sms']) channel RETURNING id, dedupe_key)"
        " INSERT INTO queue_jobs (queue_name, job_type, booking_id, priority, max_attempts, payload, dedupe_key, scheduled_at, deadline_at)"
        " SELECT 'notify', 'klaviyo.send_event', %(id)s, 5, 20, jsonb_build_object('notification_id', id, 'version', 1),"
        " 'job:' || dedupe_key, now() + interval '5 minutes', now() + interval '1 day' FROM message"
    ),
    (
        "UPDATE wizard_sessions SET booking_id = %(id)s, answers = %(kept_answers)s, last_step = 'done', updated_at = clock_timestamp(),"
        " expires_at = now() + interval '30 days' WHERE id = %(session_id)s"
    ),
)


def write(link: psycopg.Connection[Any], values: dict[str, Any]) -> str:  # Any: see bare.connection
    """Write what the product's one statement writes, and return the reference."""
    row = values | json.loads(values["booking"]) | {"name": str(values["booking_id"])}
    found = link.execute(FIND, row).fetchone() or link.execute(ADD, row).fetchone()
    row["customer_id"] = found.id
    reference: str = link.execute(BOOKING, row).fetchone().reference
    for statement in REST:
        link.execute(statement, row)
    return reference
