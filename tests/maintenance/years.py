"""A database with years behind it: rows of every kind, some over, some not."""

from sqlalchemy import Connection

PLACE = "INSERT INTO service_areas (zip_code, city, state, timezone) VALUES ('85004', 'Phoenix', 'AZ', 'America/Phoenix')"
PARTITIONS = """
  SELECT make_partition('bookings', at)
    FROM generate_series(date_trunc('month', now() - interval '7 years 4 months', 'UTC'),
                         date_trunc('month', now() - interval '6 years 10 months', 'UTC'), interval '1 month') at;
  SELECT make_partition('analytics_events', at)
    FROM generate_series(date_trunc('week', now() - interval '9 weeks', 'UTC'), date_trunc('week', now(), 'UTC'), interval '1 week') at
"""
# Two bookings a customer; the words that must never be in an archive all begin with CANARY.
CUSTOMERS = """
  INSERT INTO customers (id, first_name, last_name, email, phone, created_at, updated_at)
  SELECT uuid_v7(at), 'CANARYfirst', 'CANARYlast', 'canary' || n || '@example.com', '+1602555' || lpad(n::text, 4, '0'), at, at
    FROM generate_series(1, {customers}) n, LATERAL (SELECT now() - interval '7 years 3 months' AS at) _
"""
# The first half of the customers booked in the two oldest months, the second half also less than seven years ago.
BOOKINGS = """
  INSERT INTO bookings (id, customer_id, service_area_id, issue_type, issue_note, door_count, homeowner_status, preferred_time,
    window_end, time_slot_id, address_line1, address_line2, access_notes, status, servicetitan_job_id, booking_source,
    contact_first_name, contact_last_name, contact_email, contact_phone, attribution, partner_id, session_id, needs_attention, updated_at)
  SELECT uuid_v7(at), c.id, a.id, 'broken_spring', 'CANARYnote', 2, 'owner', at + interval '1 day', at + interval '26 hours',
    uuid_v7(at), 'CANARYstreet', 'CANARYflat', 'CANARYaccess', 'completed', 'job' || c.n, 'google', 'CANARYfirst', 'CANARYlast',
    'canary@example.com', '+16025550000', '{{"gclid": "CANARYclick", "utm_source": "CANARYsource"}}', p.id, uuid_v7(at), 'CANARYreason', at
    FROM (SELECT *, row_number() OVER (ORDER BY email) AS n FROM customers) c, service_areas a, partners p,
         LATERAL (SELECT now() - interval '7 years 3 months' + make_interval(days => (c.n * 2)::integer % 60) AS at
                  UNION ALL SELECT now() - interval '6 years 11 months' WHERE c.n % 2 = 0) moments
   WHERE p.key = 'direct'
"""
AROUND = """
  INSERT INTO slot_capacity (external_slot_id, capacity, taken)
  SELECT 'crew:' || date_trunc('day', preferred_time), 9, 1 FROM bookings ON CONFLICT DO NOTHING;
  INSERT INTO time_slots (id, service_area_id, slot_date, slot_time, starts_at, ends_at, available, booking_id, external_slot_id)
  SELECT time_slot_id, service_area_id, preferred_time::date, ('00:00:00'::time + make_interval(secs => row_number() OVER ())),
         preferred_time, window_end, false, id, 'crew:' || date_trunc('day', preferred_time) FROM bookings;
  INSERT INTO time_slots (service_area_id, slot_date, slot_time, starts_at, ends_at)
  SELECT a.id, d::date, '08:00', d, d + interval '2 hours'
    FROM service_areas a, generate_series(now() - interval '380 days', now() + interval '5 days', interval '5 days') d;
  INSERT INTO notifications (booking_id, type, provider, status, template, dedupe_key, created_at)
  SELECT id, 'email', 'klaviyo', CASE row_number() OVER (ORDER BY id DESC) % 10 WHEN 3 THEN 'pending' ELSE 'sent' END, 'confirmed', id::text, created_at FROM bookings;
  INSERT INTO queue_jobs (queue_name, job_type, booking_id, status, outcome, completed_at, created_at)
  SELECT 'critical', 'servicetitan.create_job', id, 'completed', 'ok', created_at, created_at FROM bookings;
  INSERT INTO queue_jobs (queue_name, job_type, status, outcome, completed_at, created_at)
  SELECT 'sync', 'slots.sync', 'completed', 'ok', at, at FROM generate_series(now() - interval '60 days', now(), interval '1 day') at;
  INSERT INTO booking_status_history (booking_id, to_status, actor, at) SELECT id, 'pending', 'visitor', created_at FROM bookings;
  INSERT INTO manage_links (token_hash, nonce, booking_id, created_at)
  SELECT decode(md5(id::text), 'hex'), '\\x00', id, created_at FROM bookings;
  INSERT INTO booking_submissions (submission_id, session_id, request_hash, booking_id, created_at)
  SELECT gen_random_uuid(), session_id, '\\x00', id, created_at FROM bookings;
  INSERT INTO consents (booking_id, phone_hash, channel, purpose, action, method, created_at)
  SELECT id, decode(md5(contact_phone || row_number() OVER ()), 'hex'), 'sms', 'booking', 'opt_in', 'web', created_at FROM bookings;
  INSERT INTO audit_log (at, actor, action, object) SELECT created_at, 'a', 'b', id::text FROM bookings;
  INSERT INTO inbound_texts (provider_sid, phone_hash, booking_id, meaning, body, received_at)
  SELECT id::text, '\\x00', id, 'other', 'CANARYbody', created_at FROM bookings;
  INSERT INTO sms_sends (notification_id, phone_hash, prefix_hash, sent_at) SELECT id, '\\x00', '\\x00', created_at FROM notifications;
  INSERT INTO provider_events (provider, event_id, payload_hash, received_at)
  SELECT 'twilio', n::text, '\\x00', now() - make_interval(days => n) FROM generate_series(1, 60) n;
  INSERT INTO wizard_sessions (partner_id, expires_at)
  SELECT id, now() - make_interval(days => n) FROM partners, generate_series(1, 60) n WHERE key = 'direct';
  INSERT INTO leads (kind, zip_code, status, created_at, updated_at)
  SELECT 'callback', '85004', 'closed', at, at FROM generate_series(now() - interval '3 years', now(), interval '30 days') at
"""
EVENTS = """
  INSERT INTO analytics_events (event_type, event_data, session_id, utm_source, created_at, booking_id)
  SELECT kind, '{{"step": "zip", "channel": "direct"}}', uuid_v7(at), 'google', at + interval '20 minutes', NULL
    FROM generate_series(now() - interval '60 days', now() - interval '1 hour', interval '{minutes} minutes') at,
         unnest(ARRAY['step_viewed', 'step_completed']) kind
"""


def add_years(connection: Connection, *, customers: int = 40, minutes: int = 240) -> None:
    """Fill an empty, migrated database as its owner; `minutes` lie between two visits."""
    driver = connection.connection.driver_connection
    assert driver is not None
    for part in (PLACE, PARTITIONS, CUSTOMERS, BOOKINGS, AROUND, EVENTS):
        driver.execute(
            part.format(customers=customers, minutes=minutes)
        )  # as it stands: percent signs and colons
