-- The bookings of one month with all that hangs on them.
CREATE TEMP TABLE b ON COMMIT DROP AS
WITH numbered AS (
  SELECT n.i, bench.booking_at(n.i, m.starts, m.ends, m.first, m.bookings) AS at
    FROM bench.months m, generate_series(m.first + 1, m.first + m.bookings) n (i) WHERE m.m = {m}),
placed AS (
  SELECT n.i, n.at, coalesce(r.visit_date, bench.visit_date(n.i, n.at)) AS day, r.place,
         coalesce(r.place / {windows}, floor(bench.u(n.i, 11) * {areas})::integer) AS area,
         coalesce(r.place % {windows}, floor(bench.u(n.i, 12) * {windows})::integer) AS hour
    FROM numbered n LEFT JOIN bench.recent r USING (i)),
timed AS (
  SELECT p.*, a.id AS area_id, (p.day + time '08:00' + p.hour * interval '1 hour') AT TIME ZONE a.timezone AS starts_at
    FROM placed p JOIN bench.areas a ON a.n = p.area)
SELECT t.i, t.at, bench.id(t.at, t.i, 100) AS id, t.area_id, t.starts_at, t.starts_at + interval '2 hours' AS ends_at, t.place, t.day,
       bench.customer_of(t.i) AS c, t.at - bench.speed(t.i) * interval '141 seconds' AS session_at,
       CASE WHEN bench.is_cancelled(t.i) THEN 'cancelled' WHEN t.starts_at + interval '3 hours' < {now} THEN 'completed'
            WHEN bench.u(t.i, 13) > 0.97 THEN 'pending' ELSE 'confirmed' END AS status,
       bench.u(t.i, 3) < 0.62 AS texts, bench.channel(t.i) AS channel
  FROM timed t;

INSERT INTO bookings (id, customer_id, service_area_id, issue_type, door_count, homeowner_status, owner_permission, door_age, preferred_time,
  window_end, time_slot_id, address_line1, status, servicetitan_job_id, booking_source, contact_first_name, contact_last_name, contact_email,
  contact_phone, contact_sms_opt_in, attribution, partner_id, locale, fee_cents, fee_text_version, version, session_id, updated_at)
SELECT b.id, bench.customer_id(b.c), b.area_id,
       bench.pick('{{broken_spring,broken_spring,broken_spring,opener_dead,opener_dead,off_track,panel_damage,broken_cable,new_door,tune_up,noisy_slow}}', bench.u(b.i, 14)),
       1 + floor(3 * bench.u(b.i, 15) ^ 2)::integer, CASE WHEN bench.u(b.i, 16) < 0.9 THEN 'owner' ELSE 'renter' END,
       CASE WHEN bench.u(b.i, 16) >= 0.9 THEN 'yes' END, (ARRAY[2, 7, 12, 20, 35, NULL])[1 + floor(6 * bench.u(b.i, 17))::integer],
       b.starts_at, b.ends_at, CASE WHEN b.place IS NOT NULL THEN bench.slot_id(b.day, b.place) END, (b.i % 9900 + 100) || ' Oak Street', b.status,
       CASE WHEN b.status <> 'pending' THEN 'st' || b.i END, k.channel, 'Ana', 'Ruiz', 'c' || b.c || '@example.com',
       '+1602' || lpad((2000000 + b.c % 7999999)::text, 7, '0'), b.texts, jsonb_build_object('last', jsonb_strip_nulls(jsonb_build_object('utm_source', k.source, 'utm_medium', k.medium, 'utm_campaign', k.campaign))),
       (SELECT id FROM partners WHERE key = 'direct'), CASE WHEN bench.u(b.i, 18) < 0.15 THEN 'es' ELSE 'en' END, 8900, 'fee-2026-11', 1,
       bench.id(b.session_at, b.i, 200), greatest(b.at, least(b.ends_at, {now}))
  FROM b JOIN bench.channels k ON k.n = b.channel;

INSERT INTO booking_status_history (id, booking_id, from_status, to_status, actor, reason, at)
SELECT bench.id(e.at, b.i * 4 + e.place, 300), b.id, e.before, e.after, e.actor, NULL, e.at
  FROM b, LATERAL (VALUES (0, NULL, 'pending', 'visitor', b.at, true),
    (1, 'pending', 'confirmed', 'system', least(b.at + interval '40 seconds', {now}), b.status IN ('confirmed', 'completed')),
    (2, 'confirmed', 'completed', 'servicetitan', b.ends_at, b.status = 'completed'),
    (3, 'pending', 'cancelled', 'visitor', least(b.at + (b.starts_at - b.at) * 0.4, {now}), b.status = 'cancelled')) e (place, before, after, actor, at, happened)
 WHERE e.happened AND e.at <= {now};

INSERT INTO booking_submissions (submission_id, session_id, request_hash, booking_id, created_at)
SELECT bench.id(b.session_at, b.i, 400), bench.id(b.session_at, b.i, 200), int8send(b.i), b.id, b.at FROM b;

INSERT INTO manage_links (token_hash, nonce, booking_id, created_at)
SELECT sha256(int8send(b.i)), int8send(b.i), b.id, b.at FROM b;

INSERT INTO consents (id, customer_id, booking_id, phone_hash, channel, purpose, action, text_version, locale, page, partner, method, created_at)
SELECT bench.id(b.at, b.i, 500), bench.customer_id(b.c), b.id, sha256(int8send(b.c)), 'sms', 'booking', 'opt_in', 'sms-2026-11', 'en', '/w/-/contact', 'direct', 'web', b.at
  FROM b WHERE b.texts AND b.at > {now} - interval '2 years';

INSERT INTO notifications (id, booking_id, type, provider, status, external_id, sent_at, error_msg, template, recipient_hash, due_at, dedupe_key, delivery_status, delivered_at, created_at)
SELECT bench.id(n.at, b.i * 4 + n.place, 600), b.id, n.type, CASE n.type WHEN 'sms' THEN 'twilio' ELSE 'klaviyo' END, n.status,
       CASE WHEN n.status = 'sent' THEN 'ext' || b.i || n.place END, CASE WHEN n.status = 'sent' THEN n.at + interval '2 seconds' END,
       CASE WHEN n.status = 'failed' THEN 'permanent: 400' END, n.template, sha256(int8send(b.c)), n.at, n.template || ':' || n.type || ':' || b.id || ':1',
       CASE WHEN n.status = 'sent' AND n.type = 'sms' THEN 'delivered' END, CASE WHEN n.status = 'sent' AND n.type = 'sms' THEN n.at + interval '5 seconds' END, n.at
  FROM b, LATERAL (SELECT x.*, CASE WHEN bench.u(b.i, 20 + x.place) < 0.015 THEN 'failed' ELSE 'sent' END AS status
    FROM (VALUES (0, 'email', 'confirmation', b.at, true), (1, 'sms', 'confirmation', b.at, b.texts),
      (2, 'email', 'reminder_day', b.starts_at - interval '24 hours', b.status IN ('confirmed', 'completed')),
      (3, 'sms', 'reminder_soon', b.starts_at - interval '2 hours', b.texts AND b.status IN ('confirmed', 'completed'))) x (place, type, template, at, happened)) n
 WHERE n.happened AND n.at > b.at - interval '1 second' AND n.at BETWEEN {now} - interval '365 days' AND {now};

INSERT INTO queue_jobs (id, queue_name, job_type, booking_id, status, outcome, priority, attempts, max_attempts, payload, dedupe_key, deadline_at, dispatched_at,
  dispatch_count, scheduled_at, started_at, completed_at, created_at)
SELECT bench.id(b.at, b.i * 4 + j.place, 700), j.queue, j.type, b.id, CASE WHEN j.bad THEN 'failed' ELSE 'completed' END, CASE WHEN j.bad THEN 'permanent' ELSE 'ok' END,
       5, 1, 20, '{{}}', j.type || ':' || b.id || ':1', b.at + interval '1 day', b.at + interval '1 second', 1, b.at, b.at + interval '1 second', b.at + interval '2 seconds', b.at
  FROM b, LATERAL (SELECT x.*, bench.u(b.i, 30 + x.place) < 0.01 AS bad FROM (VALUES (0, 'critical', 'servicetitan.create_job', true), (1, 'notify', 'klaviyo.send_event', true),
    (2, 'notify', 'twilio.send_sms', b.texts)) x (place, queue, type, happened)) j
 WHERE j.happened AND b.at > {now} - interval '30 days';
