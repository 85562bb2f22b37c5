-- Reports read these small tables, never raw events. A day is the day a visit began, in the report's time zone, so that
-- distinct visits add up over days; visits of self-declared crawlers are left out.

CREATE TABLE report_state (
  name         varchar(50) PRIMARY KEY,
  last_xid     xid8 NOT NULL,
  refreshed_at timestamptz NOT NULL
);
INSERT INTO report_state VALUES ('events', '0', '-infinity');

CREATE TABLE report_events_daily (
  day          date NOT NULL,
  event_type   varchar(50) NOT NULL,
  step         varchar(50) NOT NULL DEFAULT '',
  utm_source   varchar(100) NOT NULL DEFAULT '',
  utm_medium   varchar(100) NOT NULL DEFAULT '',
  utm_campaign varchar(100) NOT NULL DEFAULT '',
  events       bigint NOT NULL,
  sessions     bigint NOT NULL,
  PRIMARY KEY (day, event_type, step, utm_source, utm_medium, utm_campaign)
);

-- ms_histogram counts completions by time on step: up to 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800 s, and above.
CREATE TABLE funnel_daily (
  day          date NOT NULL,
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
  PRIMARY KEY (day, partner, channel, device, locale, variant, step)
);

CREATE FUNCTION visit_day(session_id varchar, tz text) RETURNS date
LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN session_id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-7' THEN (uuid_v7_time(session_id::uuid) AT TIME ZONE tz)::date END
$$;

-- Replaces, never increments: running twice, late events and crashes cannot count anything double.
CREATE FUNCTION report_recompute_day(d date, tz text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  first_id text := uuid_v7_floor(d::timestamp AT TIME ZONE tz)::text;
  last_id text := uuid_v7_floor((d + 1)::timestamp AT TIME ZONE tz)::text;
BEGIN
  DELETE FROM report_events_daily WHERE day = d;
  INSERT INTO report_events_daily
  SELECT d, event_type, coalesce(event_data ->> 'step', ''), coalesce(utm_source, ''), coalesce(utm_medium, ''),
         coalesce(utm_campaign, ''), count(*), count(DISTINCT session_id)
    FROM analytics_events
   WHERE session_id >= first_id AND session_id < last_id AND NOT is_bot
   GROUP BY 2, 3, 4, 5, 6;

  DELETE FROM funnel_daily WHERE day = d;
  INSERT INTO funnel_daily
  SELECT d, coalesce(event_data ->> 'partner', ''), coalesce(event_data ->> 'channel', ''), coalesce(event_data ->> 'device', ''),
         coalesce(event_data ->> 'locale', ''), coalesce(event_data ->> 'variant', ''), event_data ->> 'step',
         count(DISTINCT session_id) FILTER (WHERE event_type = 'step_viewed'),
         count(DISTINCT session_id) FILTER (WHERE event_type = 'step_completed'),
         count(*) FILTER (WHERE event_type = 'step_error'),
         (SELECT array_agg(n ORDER BY bucket) FROM (
            SELECT bucket, count(ms) FILTER (WHERE width_bucket(ms, ARRAY[1000, 2000, 5000, 10000, 20000, 30000, 60000, 120000, 300000, 600000, 1800000]::bigint[]) = bucket) AS n
              FROM generate_series(0, 11) bucket
              LEFT JOIN unnest(array_agg((event_data ->> 'ms_on_step')::bigint) FILTER (WHERE event_type = 'step_completed' AND event_data ? 'ms_on_step')) ms ON true
             GROUP BY bucket) histogram)
    FROM analytics_events
   WHERE session_id >= first_id AND session_id < last_id AND NOT is_bot
     AND event_type IN ('step_viewed', 'step_completed', 'step_error') AND event_data ? 'step'
   GROUP BY 2, 3, 4, 5, 6, 7;
END $$;

-- Brings the rollups up to every event committed before the oldest transaction still running: a row that is invisible
-- now carries a transaction id at or above the watermark and makes its day due again. Answers the days recomputed, or
-- -1 when another refresh is at work. Run in a REPEATABLE READ transaction of its own.
CREATE FUNCTION report_refresh(tz text) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  last xid8;
  upto xid8;
  d date;
  days integer := 0;
BEGIN
  SELECT last_xid INTO last FROM report_state WHERE name = 'events' FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN -1;
  END IF;
  upto := pg_snapshot_xmin(pg_current_snapshot());
  IF last > upto THEN
    last := '0';  -- restored into a new cluster: every retained day is due
  END IF;
  FOR d IN SELECT DISTINCT visit_day(session_id, tz) FROM analytics_events WHERE tx >= last AND session_id IS NOT NULL ORDER BY 1 LOOP
    IF d IS NOT NULL THEN
      PERFORM report_recompute_day(d, tz);
      days := days + 1;
    END IF;
  END LOOP;
  UPDATE report_state SET last_xid = upto, refreshed_at = now() WHERE name = 'events';
  RETURN days;
END $$;
