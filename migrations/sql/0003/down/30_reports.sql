DROP FUNCTION report_refresh, report_is_complete, report_check_zone, report_event_days, report_is_frozen, report_recompute_month,
  report_add_to_day;

-- Replaces, never increments: running twice, late events and crashes cannot count anything double.
CREATE OR REPLACE FUNCTION report_recompute_day(d date, tz text) RETURNS void
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

DROP FUNCTION report_events_of, report_funnel_of;
DROP TABLE report_due_days, report_events_monthly, funnel_monthly;
ALTER TABLE report_state DROP COLUMN zone, DROP COLUMN cluster, DROP COLUMN last_snapshot, DROP COLUMN restored_at;
