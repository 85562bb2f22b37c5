-- The rollups of events, exact by day and by month, over all years.
-- Days are replaced as long as all of their raw rows exist; once retention has taken some of them away
-- (report_state.raw_from), a day only grows by the rows that came after the last count.

ALTER TABLE report_state
  ADD COLUMN zone          varchar(50),
  ADD COLUMN cluster       bigint,
  ADD COLUMN last_snapshot text,
  ADD COLUMN restored_at   timestamptz NOT NULL DEFAULT '-infinity';

-- Days that have news and are not counted yet, so that a long catch-up goes in slices.
CREATE TABLE report_due_days (
  source varchar(20) NOT NULL,
  day    date NOT NULL,
  PRIMARY KEY (source, day)
);

-- A visit counts in the month of the day it began, so months are sums of days, distinct visits too.
CREATE TABLE report_events_monthly (
  month        date NOT NULL,
  event_type   varchar(50) NOT NULL,
  step         varchar(50) NOT NULL DEFAULT '',
  utm_source   varchar(100) NOT NULL DEFAULT '',
  utm_medium   varchar(100) NOT NULL DEFAULT '',
  utm_campaign varchar(100) NOT NULL DEFAULT '',
  events       bigint NOT NULL,
  sessions     bigint NOT NULL,
  PRIMARY KEY (month, event_type, step, utm_source, utm_medium, utm_campaign)
) WITH (fillfactor = 85);

CREATE TABLE funnel_monthly (
  month        date NOT NULL,
  partner      varchar(40) NOT NULL DEFAULT '',
  channel      varchar(50) NOT NULL DEFAULT '',
  device       varchar(20) NOT NULL DEFAULT '',
  locale       varchar(5) NOT NULL DEFAULT '',
  variant      varchar(100) NOT NULL DEFAULT '',
  step         varchar(50) NOT NULL,
  viewed       bigint NOT NULL,
  completed    bigint NOT NULL,
  errors       bigint NOT NULL,
  ms_histogram bigint[] NOT NULL,
  PRIMARY KEY (month, partner, channel, device, locale, variant, step)
) WITH (fillfactor = 85);

-- Events of the visits that began between two ids; of those, with p_after, the ones that snapshot did not see.
-- First by visit, then by key: two hashes instead of sorting every row for its distinct visits, which took five times as long.
CREATE FUNCTION report_events_of(first_id text, last_id text, p_after pg_snapshot)
RETURNS TABLE (event_type varchar, step varchar, utm_source varchar, utm_medium varchar, utm_campaign varchar, events bigint, sessions bigint)
LANGUAGE sql STABLE AS $$
  SELECT v.event_type, v.step, v.utm_source, v.utm_medium, v.utm_campaign, sum(v.events)::bigint, count(*)
    FROM (
      SELECT e.event_type, left(coalesce(e.event_data ->> 'step', ''), 50)::varchar AS step, coalesce(e.utm_source, '')::varchar AS utm_source,
             coalesce(e.utm_medium, '')::varchar AS utm_medium, coalesce(e.utm_campaign, '')::varchar AS utm_campaign, count(*) AS events
        FROM analytics_events e
       WHERE e.session_id >= first_id AND e.session_id < last_id AND NOT e.is_bot
         AND (p_after IS NULL OR NOT pg_visible_in_snapshot(e.tx, p_after))
       GROUP BY 1, 2, 3, 4, 5, e.session_id) v
   GROUP BY 1, 2, 3, 4, 5
$$;

-- The same, by step. What the page sent as its time is taken only where it is a number.
CREATE FUNCTION report_funnel_of(first_id text, last_id text, p_after pg_snapshot)
RETURNS TABLE (partner varchar, channel varchar, device varchar, locale varchar, variant varchar, step varchar,
               viewed bigint, completed bigint, errors bigint, ms_histogram bigint[])
LANGUAGE sql STABLE AS $$
  SELECT v.partner, v.channel, v.device, v.locale, v.variant, v.step, count(*) FILTER (WHERE v.viewed), count(*) FILTER (WHERE v.completed),
         sum(v.errors)::bigint,
         ARRAY[sum(b0), sum(b1), sum(b2), sum(b3), sum(b4), sum(b5), sum(b6), sum(b7), sum(b8), sum(b9), sum(b10), sum(b11)]::bigint[]
    FROM (
      SELECT s.partner, s.channel, s.device, s.locale, s.variant, s.step, bool_or(event_type = 'step_viewed') AS viewed,
             bool_or(event_type = 'step_completed') AS completed, count(*) FILTER (WHERE event_type = 'step_error') AS errors,
             count(*) FILTER (WHERE bucket = 0) AS b0, count(*) FILTER (WHERE bucket = 1) AS b1, count(*) FILTER (WHERE bucket = 2) AS b2, count(*) FILTER (WHERE bucket = 3) AS b3,
             count(*) FILTER (WHERE bucket = 4) AS b4, count(*) FILTER (WHERE bucket = 5) AS b5, count(*) FILTER (WHERE bucket = 6) AS b6, count(*) FILTER (WHERE bucket = 7) AS b7,
             count(*) FILTER (WHERE bucket = 8) AS b8, count(*) FILTER (WHERE bucket = 9) AS b9, count(*) FILTER (WHERE bucket = 10) AS b10, count(*) FILTER (WHERE bucket = 11) AS b11
        FROM (
          SELECT e.session_id, e.event_type, left(coalesce(e.event_data ->> 'partner', ''), 40)::varchar AS partner,
                 left(coalesce(e.event_data ->> 'channel', ''), 50)::varchar AS channel,
                 left(coalesce(e.event_data ->> 'device', ''), 20)::varchar AS device,
                 left(coalesce(e.event_data ->> 'locale', ''), 5)::varchar AS locale,
                 left(coalesce(e.event_data ->> 'variant', ''), 100)::varchar AS variant,
                 left(e.event_data ->> 'step', 50)::varchar AS step,
                 CASE WHEN e.event_type = 'step_completed' AND jsonb_typeof(e.event_data -> 'ms_on_step') = 'number'
                   THEN width_bucket((e.event_data ->> 'ms_on_step')::double precision,
                     ARRAY[1000, 2000, 5000, 10000, 20000, 30000, 60000, 120000, 300000, 600000, 1800000]::double precision[]) END AS bucket
            FROM analytics_events e
           WHERE e.session_id >= first_id AND e.session_id < last_id AND NOT e.is_bot
             AND e.event_type IN ('step_viewed', 'step_completed', 'step_error') AND e.event_data ->> 'step' IS NOT NULL
             AND (p_after IS NULL OR NOT pg_visible_in_snapshot(e.tx, p_after))) s
       GROUP BY s.partner, s.channel, s.device, s.locale, s.variant, s.step, s.session_id) v
   GROUP BY 1, 2, 3, 4, 5, 6
$$;

-- Replaces, never increments: running twice, late events and crashes cannot count anything double.
-- Rows that stay as they were are not written again.
CREATE OR REPLACE FUNCTION report_recompute_day(d date, tz text) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  first_id text := uuid_v7_floor(d::timestamp AT TIME ZONE tz)::text;
  last_id text := uuid_v7_floor((d + 1)::timestamp AT TIME ZONE tz)::text;
BEGIN
  WITH fresh AS MATERIALIZED (SELECT * FROM report_events_of(first_id, last_id, NULL)),
  gone AS (DELETE FROM report_events_daily t WHERE t.day = d AND NOT EXISTS (
    SELECT FROM fresh f WHERE (f.event_type, f.step, f.utm_source, f.utm_medium, f.utm_campaign)
                            = (t.event_type, t.step, t.utm_source, t.utm_medium, t.utm_campaign)))
  INSERT INTO report_events_daily AS t SELECT d, f.* FROM fresh f
  ON CONFLICT (day, event_type, step, utm_source, utm_medium, utm_campaign)
  DO UPDATE SET events = excluded.events, sessions = excluded.sessions
  WHERE (t.events, t.sessions) IS DISTINCT FROM (excluded.events, excluded.sessions);

  WITH fresh AS MATERIALIZED (SELECT * FROM report_funnel_of(first_id, last_id, NULL)),
  gone AS (DELETE FROM funnel_daily t WHERE t.day = d AND NOT EXISTS (
    SELECT FROM fresh f WHERE (f.partner, f.channel, f.device, f.locale, f.variant, f.step)
                            = (t.partner, t.channel, t.device, t.locale, t.variant, t.step)))
  INSERT INTO funnel_daily AS t SELECT d, f.* FROM fresh f
  ON CONFLICT (day, partner, channel, device, locale, variant, step)
  DO UPDATE SET viewed = excluded.viewed, completed = excluded.completed, errors = excluded.errors, ms_histogram = excluded.ms_histogram
  WHERE (t.viewed, t.completed, t.errors, t.ms_histogram)
    IS DISTINCT FROM (excluded.viewed, excluded.completed, excluded.errors, excluded.ms_histogram);
END $$;

-- Adds to a day that cannot be counted again what the last count did not see. The rows it is added to are all that is
-- left of that day, so a visit that already was in them counts a second time: events are exact, visits an upper bound.
CREATE FUNCTION report_add_to_day(d date, tz text, p_after pg_snapshot) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  first_id text := uuid_v7_floor(d::timestamp AT TIME ZONE tz)::text;
  last_id text := uuid_v7_floor((d + 1)::timestamp AT TIME ZONE tz)::text;
BEGIN
  INSERT INTO report_events_daily AS t SELECT d, f.* FROM report_events_of(first_id, last_id, p_after) f
  ON CONFLICT (day, event_type, step, utm_source, utm_medium, utm_campaign)
  DO UPDATE SET events = t.events + excluded.events, sessions = t.sessions + excluded.sessions;

  INSERT INTO funnel_daily AS t SELECT d, f.* FROM report_funnel_of(first_id, last_id, p_after) f
  ON CONFLICT (day, partner, channel, device, locale, variant, step)
  DO UPDATE SET viewed = t.viewed + excluded.viewed, completed = t.completed + excluded.completed, errors = t.errors + excluded.errors,
    ms_histogram = (SELECT array_agg(a + b ORDER BY place) FROM unnest(t.ms_histogram, excluded.ms_histogram) WITH ORDINALITY AS both_of (a, b, place));
END $$;

CREATE FUNCTION report_recompute_month(m date) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  after date := (m + interval '1 month')::date;
BEGIN
  WITH fresh AS MATERIALIZED (
    SELECT event_type, step, utm_source, utm_medium, utm_campaign, sum(events)::bigint AS events, sum(sessions)::bigint AS sessions
      FROM report_events_daily WHERE day >= m AND day < after GROUP BY 1, 2, 3, 4, 5),
  gone AS (DELETE FROM report_events_monthly t WHERE t.month = m AND NOT EXISTS (
    SELECT FROM fresh f WHERE (f.event_type, f.step, f.utm_source, f.utm_medium, f.utm_campaign)
                            = (t.event_type, t.step, t.utm_source, t.utm_medium, t.utm_campaign)))
  INSERT INTO report_events_monthly AS t SELECT m, f.* FROM fresh f
  ON CONFLICT (month, event_type, step, utm_source, utm_medium, utm_campaign)
  DO UPDATE SET events = excluded.events, sessions = excluded.sessions
  WHERE (t.events, t.sessions) IS DISTINCT FROM (excluded.events, excluded.sessions);

  WITH fresh AS MATERIALIZED (
    SELECT partner, channel, device, locale, variant, step, sum(viewed)::bigint AS viewed, sum(completed)::bigint AS completed,
           sum(errors)::bigint AS errors,
           ARRAY[sum(ms_histogram[1]), sum(ms_histogram[2]), sum(ms_histogram[3]), sum(ms_histogram[4]), sum(ms_histogram[5]),
                 sum(ms_histogram[6]), sum(ms_histogram[7]), sum(ms_histogram[8]), sum(ms_histogram[9]), sum(ms_histogram[10]),
                 sum(ms_histogram[11]), sum(ms_histogram[12])]::bigint[] AS ms_histogram
      FROM funnel_daily WHERE day >= m AND day < after GROUP BY 1, 2, 3, 4, 5, 6),
  gone AS (DELETE FROM funnel_monthly t WHERE t.month = m AND NOT EXISTS (
    SELECT FROM fresh f WHERE (f.partner, f.channel, f.device, f.locale, f.variant, f.step)
                            = (t.partner, t.channel, t.device, t.locale, t.variant, t.step)))
  INSERT INTO funnel_monthly AS t SELECT m, f.* FROM fresh f
  ON CONFLICT (month, partner, channel, device, locale, variant, step)
  DO UPDATE SET viewed = excluded.viewed, completed = excluded.completed, errors = excluded.errors, ms_histogram = excluded.ms_histogram
  WHERE (t.viewed, t.completed, t.errors, t.ms_histogram)
    IS DISTINCT FROM (excluded.viewed, excluded.completed, excluded.errors, excluded.ms_histogram);
END $$;

-- Whether retention may have taken rows of this day. An event can be a little older than its visit's id.
CREATE FUNCTION report_is_frozen(d date, tz text, raw_from timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT d::timestamp AT TIME ZONE tz < raw_from + interval '1 hour'
$$;

-- Days with raw rows that can still be counted in full, found by one look into the index for each day.
CREATE FUNCTION report_event_days(tz text, raw_from timestamptz) RETURNS SETOF date
LANGUAGE sql STABLE AS $$
  SELECT d FROM (
    SELECT generate_series(visit_day(first_id, tz), (clock_timestamp() AT TIME ZONE tz)::date + 1, interval '1 day')::date AS d
      FROM (SELECT session_id AS first_id FROM analytics_events
             WHERE visit_day(session_id, tz) IS NOT NULL ORDER BY session_id LIMIT 1) earliest) days
   WHERE NOT report_is_frozen(d, tz, raw_from) AND EXISTS (
     SELECT FROM analytics_events WHERE session_id >= uuid_v7_floor(d::timestamp AT TIME ZONE tz)::text
        AND session_id < uuid_v7_floor((d + 1)::timestamp AT TIME ZONE tz)::text)
$$;

CREATE FUNCTION report_check_zone(known text, wanted text) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF known <> wanted THEN
    RAISE EXCEPTION 'the reports count days of %, not of %: set REPORT_TIMEZONE back, or run «reports rebuild»', known, wanted
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
END $$;

-- Whether every event of before p_until is in the rollups; the question of whoever wants to drop raw rows.
CREATE FUNCTION report_is_complete(p_until timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT coalesce(s.cluster = (SELECT system_identifier FROM pg_control_system()), false)
     AND NOT EXISTS (SELECT FROM report_due_days WHERE source = 'events' AND day <= (p_until AT TIME ZONE s.zone)::date)
     AND NOT EXISTS (SELECT FROM analytics_events WHERE tx >= s.last_xid AND created_at >= s.restored_at AND session_id IS NOT NULL
       AND NOT pg_visible_in_snapshot(tx, s.last_snapshot::pg_snapshot)
       AND (created_at < p_until OR session_id < uuid_v7_floor(p_until)::text))
    FROM report_state s WHERE s.name = 'events'
$$;

-- Brings the rollups up to every event committed before the oldest transaction still running: a row that is invisible
-- now carries a transaction id at or above the watermark and makes its day due again. Answers the days recomputed, or
-- -1 when another refresh is at work; after p_for it stops between two days, and the next call goes on.
-- Run in a REPEATABLE READ transaction of its own.
DROP FUNCTION report_refresh(text);
CREATE FUNCTION report_refresh(tz text, p_for interval DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SET jit = off SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
  state report_state%ROWTYPE;
  here bigint := (SELECT system_identifier FROM pg_control_system());
  seen pg_snapshot := pg_current_snapshot();
  began timestamptz := clock_timestamp();
  months date[] := '{}';
  d date;
  days integer := 0;
BEGIN
  SELECT * INTO state FROM report_state WHERE name = 'events' FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN -1;
  END IF;
  PERFORM report_check_zone(state.zone, tz);
  IF state.cluster IS DISTINCT FROM here OR state.last_xid > pg_snapshot_xmin(seen) THEN
    -- The first count of all, or the rows came here by a dump: their transaction ids mean nothing in this cluster.
    INSERT INTO report_due_days SELECT 'events', day FROM report_event_days(tz, state.raw_from) day ON CONFLICT DO NOTHING;
    -- From now on such rows are told apart by their age; an hour is longer than any transaction that is still open.
    IF state.cluster IS NOT NULL THEN
      state.restored_at := now() - interval '1 hour';
    END IF;
  ELSE
    FOR d IN SELECT DISTINCT visit_day(session_id, tz) FROM analytics_events
              WHERE tx >= state.last_xid AND created_at >= state.restored_at AND session_id IS NOT NULL
                AND (state.last_snapshot IS NULL OR NOT pg_visible_in_snapshot(tx, state.last_snapshot::pg_snapshot)) LOOP
      IF d IS NULL THEN
        CONTINUE;
      ELSIF report_is_frozen(d, tz, state.raw_from) THEN
        PERFORM report_add_to_day(d, tz, state.last_snapshot::pg_snapshot);
        PERFORM report_recount_day('funnel', d, tz);
        months := months || date_trunc('month', d)::date;
      ELSE
        INSERT INTO report_due_days VALUES ('events', d) ON CONFLICT DO NOTHING;
      END IF;
    END LOOP;
  END IF;
  FOR d IN SELECT day FROM report_due_days WHERE source = 'events' ORDER BY day DESC LOOP
    EXIT WHEN days > 0 AND clock_timestamp() - began > p_for;
    PERFORM report_recompute_day(d, tz);
    PERFORM report_recount_day('funnel', d, tz);
    DELETE FROM report_due_days WHERE source = 'events' AND day = d;
    months := months || date_trunc('month', d)::date;
    days := days + 1;
  END LOOP;
  FOR d IN SELECT DISTINCT unnest(months) LOOP
    PERFORM report_recompute_month(d);
    PERFORM report_recount_month(report_topics('funnel'), d);
  END LOOP;
  UPDATE report_state SET last_xid = pg_snapshot_xmin(seen), last_snapshot = seen::text, zone = tz, cluster = here,
         restored_at = state.restored_at,
         refreshed_at = CASE WHEN EXISTS (SELECT FROM report_due_days WHERE source = 'events') THEN refreshed_at ELSE now() END
   WHERE name = 'events';
  RETURN days;
END $$;
