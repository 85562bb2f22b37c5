-- What became of bookings, deliveries, messages and leads, counted by the day they were made and kept for ever:
-- one pair of small tables for every report that counts things. A topic is one way to count; «all» is its whole.

CREATE TABLE report_counts_daily (
  topic   varchar(20) NOT NULL,
  day     date NOT NULL,
  item    text NOT NULL DEFAULT '',
  outcome varchar(20) NOT NULL,
  n       bigint NOT NULL,
  PRIMARY KEY (topic, day, item, outcome)
) WITH (fillfactor = 85);

CREATE TABLE report_counts_monthly (
  topic   varchar(20) NOT NULL,
  month   date NOT NULL,
  item    text NOT NULL DEFAULT '',
  outcome varchar(20) NOT NULL,
  n       bigint NOT NULL,
  PRIMARY KEY (topic, month, item, outcome)
) WITH (fillfactor = 85);

INSERT INTO report_state (name, last_xid, refreshed_at) VALUES ('counts', '0', '-infinity');

-- Whatever changes in a booking that a report counts is written into its history in the same transaction.
-- Two steps, so that no row is rewritten: what was there before is found by the first count of all.
ALTER TABLE booking_status_history ADD COLUMN tx xid8;
ALTER TABLE booking_status_history ALTER COLUMN tx SET DEFAULT pg_current_xact_id();
CREATE INDEX idx_booking_status_history_tx ON booking_status_history (tx);

-- One day of one source. The funnel's sums come from its own rollup, so that a page without a filter need not add up every
-- combination of partner, channel, device, locale and variant: that took 200 ms over seven years. Ids carry the time, so the primary keys find the day and only its partitions are read.
-- «wait» counts by the time from booking to visit: up to 4, 12, 24, 48, 72, 120, 168, 336, 504 hours, and above.
-- «t00» to «t11» count deliveries by the time they took: up to 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800 s, and above.
CREATE FUNCTION report_counts_of(p_source text, d date, first_id uuid, last_id uuid)
RETURNS TABLE (topic varchar, item text, outcome varchar, n bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  IF p_source = 'funnel' THEN
    RETURN QUERY
    WITH f AS MATERIALIZED (SELECT * FROM funnel_daily WHERE day = d)
    SELECT 'step'::varchar, step::text, counted.outcome::varchar, sum(counted.n)::bigint
      FROM f, LATERAL (VALUES ('viewed', viewed), ('completed', completed), ('errors', errors),
        ('h00', ms_histogram[1]), ('h01', ms_histogram[2]), ('h02', ms_histogram[3]), ('h03', ms_histogram[4]), ('h04', ms_histogram[5]), ('h05', ms_histogram[6]),
        ('h06', ms_histogram[7]), ('h07', ms_histogram[8]), ('h08', ms_histogram[9]), ('h09', ms_histogram[10]), ('h10', ms_histogram[11]), ('h11', ms_histogram[12])) counted (outcome, n)
     GROUP BY step, counted.outcome HAVING sum(counted.n) > 0
    UNION ALL SELECT 'channel', channel, step, sum(viewed)::bigint FROM f WHERE step IN ('zip', 'slot', 'contact', 'done') GROUP BY channel, step
    UNION ALL SELECT 'partner', partner, step, sum(viewed)::bigint FROM f WHERE step IN ('zip', 'slot', 'contact', 'done') GROUP BY partner, step
    UNION ALL SELECT 'device', device, step, sum(viewed)::bigint FROM f WHERE step IN ('zip', 'slot', 'contact', 'done') GROUP BY device, step
    UNION ALL SELECT 'locale', locale, step, sum(viewed)::bigint FROM f WHERE step IN ('zip', 'slot', 'contact', 'done') GROUP BY locale, step
    UNION ALL
    SELECT 'campaign', jsonb_build_array(utm_source, utm_medium, utm_campaign)::text,
           CASE event_type WHEN 'step_viewed' THEN 'visits' ELSE 'booked' END, sum(sessions)::bigint
      FROM report_events_daily
     WHERE day = d AND (event_type = 'booking_submitted' OR (event_type = 'step_viewed' AND step = 'zip'))
     GROUP BY utm_source, utm_medium, utm_campaign, event_type;
  ELSIF p_source = 'bookings' THEN
    RETURN QUERY
    WITH b AS MATERIALIZED (
      SELECT coalesce(booking_source, '') AS source, issue_type, status,
             lpad(width_bucket((extract(epoch FROM preferred_time - created_at) / 3600)::double precision,
               ARRAY[4, 12, 24, 48, 72, 120, 168, 336, 504]::double precision[])::text, 2, '0') AS wait
        FROM bookings WHERE id >= first_id AND id < last_id)
    SELECT 'booking'::varchar, ''::text, 'all'::varchar, count(*) FROM b HAVING count(*) > 0
    UNION ALL SELECT 'booking', '', b.status, count(*) FROM b GROUP BY b.status
    UNION ALL SELECT 'source', b.source, b.status, count(*) FROM b GROUP BY b.source, b.status
    UNION ALL SELECT 'issue', b.issue_type, b.status, count(*) FROM b GROUP BY b.issue_type, b.status
    UNION ALL SELECT 'wait', b.wait, b.status, count(*) FROM b GROUP BY b.wait, b.status;
  ELSIF p_source = 'jobs' THEN
    RETURN QUERY
    WITH j AS MATERIALIZED (
      SELECT job_type, attempts,
             CASE WHEN q.outcome = 'cancelled' THEN 'cancelled' WHEN status = 'completed' THEN 'done' WHEN status = 'failed' THEN 'failed'
               ELSE 'waiting' END AS became,
             CASE WHEN status = 'completed' AND q.outcome = 'ok'
               THEN 't' || lpad(width_bucket(extract(epoch FROM completed_at - created_at)::double precision,
                 ARRAY[1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800]::double precision[])::text, 2, '0') END AS took
        FROM queue_jobs q WHERE id >= first_id AND id < last_id)
    SELECT 'delivery'::varchar, job_type::text, 'all'::varchar, count(*) FROM j GROUP BY job_type
    UNION ALL SELECT 'delivery', job_type, became, count(*) FROM j GROUP BY job_type, became
    UNION ALL SELECT 'delivery', job_type, 'retried', count(*) FROM j WHERE attempts > 1 GROUP BY job_type
    UNION ALL SELECT 'delivery', job_type, took, count(*) FROM j WHERE took IS NOT NULL GROUP BY job_type, took;
  ELSIF p_source = 'messages' THEN
    RETURN QUERY
    WITH m AS MATERIALIZED (
      SELECT template || ' (' || type || ')' AS name, delivery_status,
             CASE WHEN status = 'failed' AND error_msg LIKE 'skipped: %' THEN 'skipped' WHEN status = 'pending' THEN 'waiting' ELSE status END AS became
        FROM notifications WHERE id >= first_id AND id < last_id)
    SELECT 'message'::varchar, name, 'all'::varchar, count(*) FROM m GROUP BY name
    UNION ALL SELECT 'message', name, became, count(*) FROM m GROUP BY name, became
    UNION ALL SELECT 'message', name, 'arrived', count(*) FROM m WHERE delivery_status = 'delivered' GROUP BY name
    UNION ALL SELECT 'message', name, 'refused', count(*) FROM m WHERE delivery_status IN ('undelivered', 'failed', 'bounced') GROUP BY name;
  ELSIF p_source = 'leads' THEN
    RETURN QUERY
    WITH l AS MATERIALIZED (
      SELECT zip_code, kind, phone IS NOT NULL OR email IS NOT NULL AS reachable
        FROM leads WHERE id >= first_id AND id < last_id AND zip_code IS NOT NULL)
    SELECT 'lead'::varchar, ''::text, 'all'::varchar, count(*) FROM l HAVING count(*) > 0
    UNION ALL SELECT 'demand', zip_code, kind, count(*) FROM l GROUP BY zip_code, kind
    UNION ALL SELECT 'demand', zip_code, 'reachable', count(*) FROM l WHERE reachable GROUP BY zip_code;
  END IF;
END $$;

CREATE FUNCTION report_topics(p_source text) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE p_source WHEN 'bookings' THEN ARRAY['booking', 'source', 'issue', 'wait'] WHEN 'jobs' THEN ARRAY['delivery']
    WHEN 'messages' THEN ARRAY['message'] WHEN 'leads' THEN ARRAY['lead', 'demand'] WHEN 'funnel' THEN ARRAY['step', 'campaign', 'channel', 'partner', 'device', 'locale'] END
$$;

-- Replaces a day of a source, unless there are fewer rows than were counted before: then retention has begun to take
-- them, and what was counted stays.
CREATE FUNCTION report_recount_day(p_source text, d date, tz text) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  topics text[] := report_topics(p_source);
  first_id uuid := uuid_v7_floor(d::timestamp AT TIME ZONE tz);
  last_id uuid := uuid_v7_floor((d + 1)::timestamp AT TIME ZONE tz);
BEGIN
  WITH fresh AS MATERIALIZED (SELECT * FROM report_counts_of(p_source, d, first_id, last_id)),
  whole AS (
    SELECT coalesce((SELECT sum(n) FROM fresh WHERE outcome = 'all'), 0)
        >= coalesce((SELECT sum(n) FROM report_counts_daily WHERE topic = ANY(topics) AND day = d AND outcome = 'all'), 0) AS is_there),
  gone AS (DELETE FROM report_counts_daily t USING whole WHERE whole.is_there AND t.topic = ANY(topics) AND t.day = d
    AND NOT EXISTS (SELECT FROM fresh f WHERE (f.topic, f.item, f.outcome) = (t.topic, t.item, t.outcome)))
  INSERT INTO report_counts_daily AS t SELECT f.topic, d, f.item, f.outcome, f.n FROM fresh f, whole WHERE whole.is_there
  ON CONFLICT (topic, day, item, outcome) DO UPDATE SET n = excluded.n WHERE t.n <> excluded.n;
END $$;

CREATE FUNCTION report_recount_month(topics text[], m date) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  WITH fresh AS MATERIALIZED (
    SELECT topic, item, outcome, sum(n)::bigint AS n FROM report_counts_daily
     WHERE topic = ANY(topics) AND day >= m AND day < (m + interval '1 month')::date GROUP BY 1, 2, 3),
  gone AS (DELETE FROM report_counts_monthly t WHERE t.topic = ANY(topics) AND t.month = m
    AND NOT EXISTS (SELECT FROM fresh f WHERE (f.topic, f.item, f.outcome) = (t.topic, t.item, t.outcome)))
  INSERT INTO report_counts_monthly AS t SELECT f.topic, m, f.item, f.outcome, f.n FROM fresh f
  ON CONFLICT (topic, month, item, outcome) DO UPDATE SET n = excluded.n WHERE t.n <> excluded.n;
END $$;

-- The oldest day of which a source still has rows.
CREATE FUNCTION report_first_day(p_source text, tz text) RETURNS date
LANGUAGE sql STABLE AS $$
  SELECT (uuid_v7_time(CASE p_source
    WHEN 'bookings' THEN (SELECT id FROM bookings ORDER BY id LIMIT 1)
    WHEN 'jobs' THEN (SELECT id FROM queue_jobs ORDER BY id LIMIT 1)
    WHEN 'messages' THEN (SELECT id FROM notifications ORDER BY id LIMIT 1)
    WHEN 'leads' THEN (SELECT id FROM leads ORDER BY id LIMIT 1) END) AT TIME ZONE tz)::date
$$;

-- Makes every day due of which there are rows.
CREATE FUNCTION report_recount_all(tz text) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO report_due_days
  SELECT source, generate_series(report_first_day(source, tz), (now() AT TIME ZONE tz)::date + 1, interval '1 day')::date
    FROM unnest(ARRAY['bookings', 'jobs', 'messages', 'leads']) source ON CONFLICT DO NOTHING
$$;

-- Brings the counts up to date, as report_refresh() does for events. Bookings are exact by the transaction ids of their
-- history. The others change while they wait, or soon after they were made: their last four days are counted again each
-- time, and the days on which something still waited or had been given up.
CREATE FUNCTION report_refresh_counts(tz text, p_for interval DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SET jit = off AS $$
#variable_conflict use_column
DECLARE
  state report_state%ROWTYPE;
  here bigint := (SELECT system_identifier FROM pg_control_system());
  seen pg_snapshot := pg_current_snapshot();
  began timestamptz := clock_timestamp();
  today date := (now() AT TIME ZONE tz)::date;
  touched text[] := '{}';
  due record;
  days integer := 0;
BEGIN
  SELECT * INTO state FROM report_state WHERE name = 'counts' FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN -1;
  END IF;
  PERFORM report_check_zone(state.zone, tz);
  IF state.cluster IS DISTINCT FROM here OR state.last_xid > pg_snapshot_xmin(seen) THEN
    PERFORM report_recount_all(tz);
    IF state.cluster IS NOT NULL THEN
      state.restored_at := now() - interval '1 hour';
    END IF;
  ELSE
    INSERT INTO report_due_days
    SELECT DISTINCT 'bookings', (uuid_v7_time(booking_id) AT TIME ZONE tz)::date FROM booking_status_history
     WHERE tx >= state.last_xid AND id >= uuid_v7_floor(greatest(state.restored_at, '1970-01-01'))
       AND (state.last_snapshot IS NULL OR NOT pg_visible_in_snapshot(tx, state.last_snapshot::pg_snapshot)) ON CONFLICT DO NOTHING;
    INSERT INTO report_due_days
    SELECT source, generate_series(least((nullif(state.refreshed_at, '-infinity') AT TIME ZONE tz)::date, today) - 3, today, interval '1 day')::date
      FROM unnest(ARRAY['jobs', 'messages', 'leads']) source ON CONFLICT DO NOTHING;
    INSERT INTO report_due_days
    SELECT DISTINCT CASE topic WHEN 'delivery' THEN 'jobs' ELSE 'messages' END, day FROM report_counts_daily
     WHERE n > 0 AND ((topic = 'delivery' AND outcome IN ('waiting', 'failed') AND day >= report_first_day('jobs', tz))
        OR (topic = 'message' AND outcome = 'waiting' AND day >= report_first_day('messages', tz))) ON CONFLICT DO NOTHING;
  END IF;
  FOR due IN SELECT source, day FROM report_due_days WHERE source <> 'events' ORDER BY day DESC LOOP
    EXIT WHEN days > 0 AND clock_timestamp() - began > p_for;
    PERFORM report_recount_day(due.source, due.day, tz);
    DELETE FROM report_due_days WHERE source = due.source AND day = due.day;
    touched := touched || (due.source || ' ' || date_trunc('month', due.day)::date);
    days := days + 1;
  END LOOP;
  PERFORM report_recount_month(report_topics(split_part(entry, ' ', 1)), split_part(entry, ' ', 2)::date)
    FROM (SELECT DISTINCT unnest(touched) AS entry) months;
  UPDATE report_state SET last_xid = pg_snapshot_xmin(seen), last_snapshot = seen::text, zone = tz, cluster = here,
         restored_at = state.restored_at,
         refreshed_at = CASE WHEN EXISTS (SELECT FROM report_due_days WHERE source <> 'events') THEN refreshed_at ELSE now() END
   WHERE name = 'counts';
  RETURN days;
END $$;

-- Counts everything again of which there are rows, in days of tz. Where that is another zone than before, what can be
-- counted in full is taken out first; what cannot keeps the midnight it was counted by.
CREATE FUNCTION report_rebuild(tz text) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  events report_state%ROWTYPE;
  counts report_state%ROWTYPE;
BEGIN
  SELECT * INTO events FROM report_state WHERE name = 'events' FOR UPDATE;
  SELECT * INTO counts FROM report_state WHERE name = 'counts' FOR UPDATE;
  INSERT INTO report_due_days SELECT 'events', day FROM report_event_days(tz, events.raw_from) day ON CONFLICT DO NOTHING;
  PERFORM report_recount_all(tz);
  IF events.zone <> tz THEN
    DELETE FROM report_events_daily WHERE day > (SELECT min(day) FROM report_due_days WHERE source = 'events');
    DELETE FROM funnel_daily WHERE day > (SELECT min(day) FROM report_due_days WHERE source = 'events');
  END IF;
  IF counts.zone <> tz THEN
    DELETE FROM report_counts_daily WHERE topic = ANY(report_topics('bookings'))
       AND day > (SELECT min(day) FROM report_due_days WHERE source = 'bookings');
  END IF;
  UPDATE report_state SET zone = tz WHERE name IN ('events', 'counts');
END $$;

-- What was counted by days before is there by months as well.
DO $$
BEGIN
  PERFORM report_recount_day('funnel', day, 'UTC') FROM (SELECT DISTINCT day FROM funnel_daily) days;
  PERFORM report_recompute_month(month), report_recount_month(report_topics('funnel'), month)
     FROM (SELECT DISTINCT date_trunc('month', day)::date AS month FROM funnel_daily) months;
END $$;

-- One line a month over all years: a view over the rollups, kept ready, for the report that compares months and years.
CREATE MATERIALIZED VIEW report_months AS
  SELECT month, coalesce(sum(n) FILTER (WHERE topic = 'step' AND item = 'zip' AND outcome = 'viewed'), 0)::bigint AS visits,
         coalesce(sum(n) FILTER (WHERE topic = 'booking' AND outcome = 'all'), 0)::bigint AS booked,
         coalesce(sum(n) FILTER (WHERE topic = 'booking' AND outcome = 'completed'), 0)::bigint AS completed,
         coalesce(sum(n) FILTER (WHERE topic = 'booking' AND outcome = 'cancelled'), 0)::bigint AS cancelled,
         coalesce(sum(n) FILTER (WHERE topic = 'lead' AND outcome = 'all'), 0)::bigint AS leads,
         coalesce(sum(n) FILTER (WHERE topic = 'delivery' AND outcome = 'failed'), 0)::bigint AS given_up
    FROM report_counts_monthly WHERE topic IN ('step', 'booking', 'lead', 'delivery') GROUP BY month;
CREATE UNIQUE INDEX report_months_key ON report_months (month);

CREATE TABLE report_views (
  view         varchar(50) PRIMARY KEY,
  refreshed_at timestamptz NOT NULL
);

-- Fills the views anew beside their readers, where they are older than p_age; answers how many. The application's role
-- owns no view, so this runs as their owner.
CREATE FUNCTION report_refresh_views(p_age interval) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT pg_try_advisory_xact_lock(7203, 1) OR EXISTS (
      SELECT FROM report_views WHERE view = 'report_months' AND refreshed_at > now() - p_age) THEN
    RETURN 0;
  END IF;
  REFRESH MATERIALIZED VIEW CONCURRENTLY report_months;
  INSERT INTO report_views VALUES ('report_months', now()) ON CONFLICT (view) DO UPDATE SET refreshed_at = excluded.refreshed_at;
  RETURN 1;
END $$;

-- Reports read figures about nobody: their role sees the rollups, the names of partners and places, and the clock of
-- the replica. It cannot read bookings, customers, events, messages or anything else that holds a person.
REVOKE EXECUTE ON FUNCTION report_refresh_views FROM PUBLIC;
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'a1_app') THEN
    GRANT EXECUTE ON FUNCTION report_refresh_views TO a1_app;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'a1_report') THEN
    ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM a1_report;
    REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM a1_report;
    GRANT SELECT ON report_state, report_views, report_events_daily, report_events_monthly, funnel_daily, funnel_monthly,
      report_counts_daily, report_counts_monthly, report_months, heartbeat, partners, zip_codes TO a1_report;
  END IF;
END $$;
