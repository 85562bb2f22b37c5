-- Partitions one at a time: attaching one holds up every writer of the tables around it (a month: customers, slots,
-- messages, jobs, events; a week: bookings), so each gets a transaction of its own that is over in a moment.
-- What is there is what is attached, not what has the right name.

-- Before this moment raw events were counted and dropped: days that began earlier cannot be counted again.
ALTER TABLE report_state ADD COLUMN raw_from timestamptz NOT NULL DEFAULT '-infinity';

-- Every month and week of a stretch, and whether rows have a place there. Weeks that retention dropped are left out.
CREATE FUNCTION partition_plan(p_from timestamptz, p_months_to timestamptz, p_weeks_to timestamptz)
RETURNS TABLE (parent text, part text, starts timestamptz, ends timestamptz, attached boolean)
LANGUAGE sql STABLE SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
  WITH wanted AS (
    SELECT 'bookings' AS parent, 'bookings_' || to_char(at, 'YYYY_MM') AS part, at AS starts, at + interval '1 month' AS ends
      FROM generate_series(date_trunc('month', p_from), p_months_to, interval '1 month') at
    UNION ALL
    SELECT 'analytics_events', 'analytics_events_' || to_char(at, 'IYYY') || '_w' || to_char(at, 'IW'), at, at + interval '1 week'
      FROM generate_series(date_trunc('week', p_from), p_weeks_to, interval '1 week') at
     WHERE at + interval '1 week' > coalesce((SELECT raw_from FROM report_state WHERE name = 'events'), '-infinity')
  )
  SELECT w.parent, w.part, w.starts, w.ends, EXISTS (
    SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = w.parent::regclass AND NOT i.inhdetachpending AND c.relname = w.part)
    FROM wanted w
$$;

-- Up to when rows have a place without a gap.
CREATE FUNCTION partition_horizon(p_at timestamptz DEFAULT now()) RETURNS TABLE (parent text, covered_until timestamptz)
LANGUAGE sql STABLE SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
  SELECT parent, coalesce(min(starts) FILTER (WHERE NOT attached), max(ends))
    FROM partition_plan(p_at, p_at + interval '25 months', p_at + interval '60 weeks') GROUP BY 1
$$;

-- Makes and attaches one month or week; answers false when it is there already.
CREATE FUNCTION make_partition(p_parent text, p_start timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
DECLARE
  wanted record;
BEGIN
  IF p_start NOT BETWEEN now() - interval '20 years' AND now() + interval '10 years' THEN
    RAISE EXCEPTION '% is too far from today', p_start USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(7201, 1);
  SELECT * INTO wanted FROM partition_plan(p_start, p_start, p_start) WHERE parent = p_parent AND starts = p_start;
  IF NOT FOUND THEN
    RAISE EXCEPTION '% has no partition that begins at %', p_parent, p_start USING ERRCODE = 'invalid_parameter_value';
  ELSIF wanted.attached THEN
    RETURN false;
  ELSIF to_regclass(wanted.part) IS NOT NULL THEN
    RAISE EXCEPTION '% exists and is not a partition of %', wanted.part, p_parent
      USING ERRCODE = 'duplicate_table', HINT = 'Attach it again, or move its rows elsewhere and drop it.';
  ELSIF p_parent = 'bookings' THEN
    EXECUTE format(
      'CREATE TABLE %I (LIKE bookings INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED,'
      ' CONSTRAINT %I CHECK (created_at >= %L AND created_at < %L))',
      wanted.part, wanted.part || '_month', wanted.starts, wanted.ends);
    -- In the order in which a booking takes them: in any other, each booking on its way would be a deadlock.
    LOCK TABLE time_slots, customers, service_areas, notifications, queue_jobs, analytics_events IN SHARE ROW EXCLUSIVE MODE;
    EXECUTE format('ALTER TABLE bookings ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
      wanted.part, uuid_v7_floor(wanted.starts), uuid_v7_floor(wanted.ends));
  ELSE
    EXECUTE format('CREATE TABLE %I (LIKE analytics_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', wanted.part);
    EXECUTE format('ALTER TABLE analytics_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
      wanted.part, wanted.starts, wanted.ends);
  END IF;
  RETURN true;
END $$;

-- All that is missing in one transaction: for a database nobody works with yet.
CREATE OR REPLACE FUNCTION ensure_partitions(p_from timestamptz, p_months_to timestamptz, p_weeks_to timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
DECLARE
  missing record;
  made integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(7201, 1);
  FOR missing IN SELECT parent, starts FROM partition_plan(p_from, p_months_to, p_weeks_to) WHERE NOT attached ORDER BY 2, 1 LOOP
    made := made + make_partition(missing.parent, missing.starts)::integer;
  END LOOP;
  RETURN made;
END $$;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'a1_app') THEN
    REVOKE EXECUTE ON FUNCTION make_partition, ensure_partitions FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION make_partition, ensure_partitions TO a1_app;
  END IF;
END $$;
