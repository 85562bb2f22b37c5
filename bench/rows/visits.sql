-- The visits of one month: some end in a booking, the others on their way there.
CREATE TEMP TABLE v ON COMMIT DROP AS
SELECT x.n, x.i, x.at, x.depth, bench.channel(x.n) AS channel, bench.speed(x.n) AS speed,
       bench.id(x.at, x.n, 200) AS session_id, CASE WHEN x.i IS NOT NULL THEN bench.id(x.booked_at, x.i, 100) END AS booking_id,
       bench.pick('{{direct,direct,direct,direct,direct,direct,direct,pk_benchpartner0001,pk_benchpartner0002,pk_benchpartner0003}}', bench.u(x.n, 51)) AS partner,
       bench.pick('{{mobile,mobile,mobile,desktop,desktop,tablet}}', bench.u(x.n, 52)) AS device,
       CASE WHEN bench.u(x.n, 18) < 0.15 THEN 'es' ELSE 'en' END AS locale, bench.u(x.n, 53) < 0.1 AS errs, bench.u(x.n, 54) < 0.01 AS is_bot
  FROM (
    SELECT coalesce(j.i, 1000000000000 + m.first_visit + j.j) AS n, j.i, s.booked_at,
           coalesce(s.booked_at - bench.speed(j.i) * interval '141 seconds',
             bench.booking_at(1000000000000 + m.first_visit + j.j, m.starts, m.ends, 1000000000000 + m.first_visit + m.booked, m.visits - m.booked)) AS at,
           CASE WHEN j.i IS NOT NULL THEN 7 ELSE (ARRAY[0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 5, 6])[1 + floor(20 * bench.u(m.first_visit + j.j, 50))::integer] END AS depth
      FROM bench.months m, LATERAL (SELECT j, CASE WHEN j <= m.booked THEN m.first + 1 + floor((j - 0.5) * m.bookings / m.booked)::bigint END AS i FROM generate_series(1, m.visits) j) j,
      LATERAL (SELECT CASE WHEN j.i IS NOT NULL THEN bench.booking_at(j.i, m.starts, m.ends, m.first, m.bookings) END AS booked_at) s
     WHERE m.m = {m}) x;

INSERT INTO analytics_events (id, booking_id, event_type, event_data, session_id, utm_source, utm_campaign, utm_medium, gclid, is_bot, created_at)
SELECT bench.id(v.at + f.secs * v.speed * interval '1 second', v.n * 64 + f.place, 800), CASE WHEN f.idx > 7 OR f.event_type = 'booking_submitted' THEN v.booking_id END, f.event_type,
       jsonb_strip_nulls(jsonb_build_object('step', f.step, 'idx', f.idx, 'total', 7, 'partner', v.partner, 'embed', v.partner <> 'direct', 'device', v.device, 'locale', v.locale,
         'channel', k.channel, 'nav', CASE f.event_type WHEN 'step_viewed' THEN 'next' END, 'ms_on_step', CASE f.event_type WHEN 'step_completed' THEN floor(18000 * v.speed) END)),
       v.session_id::text, k.source, k.campaign, k.medium, CASE WHEN k.source = 'google' THEN 'gc-' || v.n END, v.is_bot, v.at + f.secs * v.speed * interval '1 second'
  FROM v JOIN bench.funnel f ON f.depth = v.depth AND (v.errs OR NOT f.is_error) JOIN bench.channels k ON k.n = v.channel;

INSERT INTO wizard_sessions (id, partner_id, locale, answers, device_class, last_step, booking_id, is_bot, created_at, updated_at, expires_at)
SELECT v.session_id, p.id, v.locale, '{{}}', v.device, 'zip', v.booking_id, v.is_bot, v.at, v.at, v.at + interval '24 hours'
  FROM v JOIN partners p ON p.key = v.partner WHERE v.at > {now} - interval '31 days';

INSERT INTO leads (id, kind, session_id, zip_code, issue_type, phone, urgency, status, created_at, updated_at)
SELECT bench.id(v.at, v.n, 900), bench.pick('{{out_of_area,out_of_area,no_slot,callback}}', bench.u(v.n, 55)), v.session_id, (60000 + v.n % 300)::text, 'broken_spring', NULL, 'normal', 'open', v.at, v.at
  FROM v WHERE v.booking_id IS NULL AND bench.u(v.n, 56) < 0.02;
