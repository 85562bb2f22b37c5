GRANT EXECUTE ON FUNCTION ensure_partitions TO PUBLIC;

CREATE OR REPLACE FUNCTION ensure_partitions(p_from timestamptz, p_months_to timestamptz, p_weeks_to timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
DECLARE
  start timestamptz;
  part text;
  made integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(7201, 1);
  FOR start IN SELECT generate_series(date_trunc('month', p_from), p_months_to, interval '1 month') LOOP
    part := 'bookings_' || to_char(start, 'YYYY_MM');
    IF to_regclass(part) IS NULL THEN
      EXECUTE format(
        'CREATE TABLE %I (LIKE bookings INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED,'
        ' CONSTRAINT %I CHECK (created_at >= %L AND created_at < %L))',
        part, part || '_month', start, start + interval '1 month');
      EXECUTE format('ALTER TABLE bookings ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        part, uuid_v7_floor(start), uuid_v7_floor(start + interval '1 month'));
      made := made + 1;
    END IF;
  END LOOP;
  FOR start IN SELECT generate_series(date_trunc('week', p_from), p_weeks_to, interval '1 week') LOOP
    part := 'analytics_events_' || to_char(start, 'IYYY') || '_w' || to_char(start, 'IW');
    IF to_regclass(part) IS NULL THEN
      EXECUTE format('CREATE TABLE %I (LIKE analytics_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part);
      EXECUTE format('ALTER TABLE analytics_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        part, start, start + interval '1 week');
      made := made + 1;
    END IF;
  END LOOP;
  RETURN made;
END $$;

DROP FUNCTION make_partition, partition_horizon, partition_plan;
ALTER TABLE report_state DROP COLUMN raw_from;
