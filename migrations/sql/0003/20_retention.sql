-- What must not stay for ever, and what must not go too early. The application may delete rows by itself; what needs
-- more (dropping a partition, shortening a ledger) goes through these functions, which look before they do it.

CREATE TABLE booking_archives (
  month       date PRIMARY KEY,
  file        varchar(200) NOT NULL,
  rows        bigint NOT NULL,
  sha256      varchar(64) NOT NULL,
  digest      varchar(60) NOT NULL,
  archived_at timestamptz NOT NULL DEFAULT now(),
  dropped_at  timestamptz,
  CONSTRAINT booking_archives_month CHECK (extract(day FROM month) = 1),
  CONSTRAINT booking_archives_sha256 CHECK (sha256 ~ '^[0-9a-f]{64}$')
);

-- Weeks of events that exist, by their first day.
CREATE FUNCTION event_weeks() RETURNS TABLE (week date, ends timestamptz)
LANGUAGE sql STABLE SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
  SELECT starts, starts + interval '1 week' FROM (
    SELECT to_date(replace(right(c.relname, 8), '_w', ''), 'IYYYIW') AS starts
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'analytics_events'::regclass AND c.relname ~ '^analytics_events_[0-9]{4}_w[0-9]{2}$') weeks
   ORDER BY 1
$$;

-- Months of bookings that exist, by their first day.
CREATE FUNCTION booking_months() RETURNS TABLE (month date, ends timestamptz)
LANGUAGE sql STABLE SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
  SELECT starts, starts + interval '1 month' FROM (
    SELECT to_date(right(c.relname, 7), 'YYYY_MM') AS starts FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'bookings'::regclass AND c.relname ~ '^bookings_[0-9]{4}_[0-9]{2}$') months
   ORDER BY 1
$$;

-- Drops a week of raw events that is wholly older than p_keep; answers how many rows it had.
-- Days that began before the end of the week can never be counted again in full after this (report_state.raw_from), so
-- all events of their visits, also those of later weeks, must be in the rollups before: 26 hours are the longest day and
-- the hour by which an event may be older than its visit.
CREATE FUNCTION drop_events_week(p_week date, p_keep interval) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
DECLARE
  part text := 'analytics_events_' || to_char(p_week, 'IYYY') || '_w' || to_char(p_week, 'IW');
  ends timestamptz := p_week + 7;
  gone bigint;
BEGIN
  IF p_keep < interval '7 days' THEN
    RAISE EXCEPTION 'events are kept for seven days at least' USING ERRCODE = 'invalid_parameter_value';
  ELSIF ends > now() - p_keep THEN
    RAISE EXCEPTION 'week % is not yet older than %', p_week, p_keep USING ERRCODE = 'object_not_in_prerequisite_state';
  ELSIF NOT EXISTS (SELECT FROM event_weeks() w WHERE w.week = p_week) THEN
    RAISE EXCEPTION 'there is no week of events that begins on %', p_week USING ERRCODE = 'invalid_parameter_value';
  ELSIF EXISTS (SELECT FROM event_weeks() w WHERE w.week < p_week) THEN
    RAISE EXCEPTION 'an older week than % is still there', p_week USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  PERFORM 1 FROM report_state WHERE name = 'events' FOR UPDATE;  -- no count goes on beside us
  EXECUTE format('LOCK TABLE %I IN SHARE MODE', part);  -- waits for writers of this week, and none can begin
  IF NOT report_is_complete(ends + interval '26 hours') THEN
    RAISE EXCEPTION 'the reports have not yet counted all events of week %', p_week USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  EXECUTE format('SELECT count(*) FROM %I', part) INTO gone;
  LOCK TABLE bookings, analytics_events IN ACCESS EXCLUSIVE MODE;  -- in the order in which a booking takes them
  EXECUTE format('ALTER TABLE analytics_events DETACH PARTITION %I', part);
  EXECUTE format('DROP TABLE %I', part);
  UPDATE report_state SET raw_from = greatest(raw_from, ends) WHERE name = 'events';
  RETURN gone;
END $$;

-- How many bookings a month has, and a figure that changes with any of them.
CREATE FUNCTION bookings_month_digest(p_month date) RETURNS TABLE (rows bigint, digest text)
LANGUAGE sql STABLE SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
  SELECT count(*), coalesce(sum(hashtextextended(b.id || b.status || b.version || b.preferred_time || b.updated_at, 0)::numeric), 0)::text
    FROM bookings b
   WHERE b.id >= uuid_v7_floor(p_month::timestamptz) AND b.id < uuid_v7_floor(p_month + interval '1 month')
$$;

-- Drops a month of bookings that is wholly older than p_keep and whose archive holds it as it is now.
-- DETACH itself refuses while any slot, message, job or event still points into the month.
CREATE FUNCTION drop_bookings_month(p_month date, p_keep interval) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
DECLARE
  part text := 'bookings_' || to_char(p_month, 'YYYY_MM');
  first_id uuid := uuid_v7_floor(p_month::timestamptz);
  last_id uuid := uuid_v7_floor(p_month + interval '1 month');
  kept booking_archives%ROWTYPE;
  present record;
BEGIN
  IF p_keep < interval '1 year' THEN
    RAISE EXCEPTION 'bookings are kept for a year at least' USING ERRCODE = 'invalid_parameter_value';
  ELSIF extract(day FROM p_month) <> 1 OR NOT EXISTS (
      SELECT FROM partition_plan(p_month, p_month, p_month) WHERE parent = 'bookings' AND attached) THEN
    RAISE EXCEPTION 'there is no month of bookings that begins on %', p_month USING ERRCODE = 'invalid_parameter_value';
  ELSIF p_month + interval '1 month' > now() - p_keep THEN
    RAISE EXCEPTION 'month % is not yet older than %', p_month, p_keep USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  SELECT * INTO kept FROM booking_archives WHERE month = p_month FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'month % is not in the archive', p_month USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  EXECUTE format('LOCK TABLE %I IN SHARE MODE', part);
  SELECT * INTO present FROM bookings_month_digest(p_month);
  IF (present.rows, present.digest) IS DISTINCT FROM (kept.rows, kept.digest::text) THEN
    RAISE EXCEPTION 'month % has changed since it was archived', p_month USING ERRCODE = 'object_not_in_prerequisite_state';
  ELSIF EXISTS (SELECT FROM bookings WHERE id >= first_id AND id < last_id AND window_end > now() - p_keep) THEN
    RAISE EXCEPTION 'month % has visits that are not yet older than %', p_month, p_keep
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  -- In the order in which a booking takes them: in any other, each booking on its way would be a deadlock.
  LOCK TABLE time_slots, customers, service_areas, bookings, notifications, queue_jobs, analytics_events IN ACCESS EXCLUSIVE MODE;
  EXECUTE format('ALTER TABLE bookings DETACH PARTITION %I', part);
  EXECUTE format('DROP TABLE %I', part);
  UPDATE booking_archives SET dropped_at = clock_timestamp() WHERE month = p_month;
  RETURN present.rows;
END $$;

-- The ledgers stay append-only for everybody; this is the one way out, and only at their far end.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('a1.ledger_retention', true) = 'on' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

-- Deletes a batch of ledger rows older than p_keep. A word that stops us is never forgotten, nor the word that lifted it.
CREATE FUNCTION delete_old_ledger_rows(p_ledger text, p_keep interval, p_batch integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  gone bigint;
BEGIN
  IF p_keep < interval '1 year' THEN
    RAISE EXCEPTION 'ledgers are kept for a year at least' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM set_config('a1.ledger_retention', 'on', true);
  IF p_ledger = 'audit_log' THEN
    DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log WHERE at < now() - p_keep LIMIT p_batch);
  ELSIF p_ledger = 'consents' THEN
    DELETE FROM consents WHERE id IN (SELECT id FROM old_consents(p_keep) id LIMIT p_batch);
  ELSE
    RAISE EXCEPTION '% is not a ledger', p_ledger USING ERRCODE = 'invalid_parameter_value';
  END IF;
  GET DIAGNOSTICS gone = ROW_COUNT;
  PERFORM set_config('a1.ledger_retention', 'off', true);
  RETURN gone;
END $$;

-- Consents whose proof nobody needs any more: older than p_keep, and nobody who said yes there has ever said stop.
CREATE FUNCTION old_consents(p_keep interval) RETURNS SETOF uuid
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT c.id FROM consents c
   WHERE c.created_at < now() - p_keep AND c.action = 'opt_in'
     AND NOT EXISTS (SELECT FROM consents o WHERE o.action = 'opt_out' AND o.channel = c.channel
           AND (o.phone_hash = c.phone_hash OR o.email_hash = c.email_hash))
$$;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'a1_app') THEN
    REVOKE EXECUTE ON FUNCTION drop_events_week, drop_bookings_month, delete_old_ledger_rows FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION drop_events_week, drop_bookings_month, delete_old_ledger_rows TO a1_app;
    REVOKE DELETE ON booking_archives FROM a1_app;
  END IF;
END $$;
