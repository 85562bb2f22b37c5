-- Hold, claim, release and move of an arrival window: the whole of it, so that one lock order serves all.
-- Order: advisory(client address), advisory(area, day), time_slots by id, slot_capacity by key.
-- Every function is VOLATILE: each statement inside sees what was committed before it, which is what the counts need.

-- How many more bookings the key takes for this visit: capacity, less what is taken, less live holds of others.
-- A visit that itself holds on the key waits only behind those who held before it.
CREATE FUNCTION slot_room(p_key varchar, p_visit uuid) RETURNS integer
LANGUAGE sql VOLATILE AS $$
  SELECT c.capacity - c.taken - (
    SELECT count(*)::integer FROM time_slots other
     WHERE other.external_slot_id = p_key AND other.held_by IS DISTINCT FROM p_visit
       AND other.held_until > clock_timestamp()
       AND (own.held_until IS NULL OR other.held_until < own.held_until))
  FROM slot_capacity c
  LEFT JOIN LATERAL (
    SELECT max(mine.held_until) AS held_until FROM time_slots mine
     WHERE mine.external_slot_id = p_key AND mine.held_by = p_visit AND mine.held_until > clock_timestamp()) own ON true
  WHERE c.external_slot_id = p_key
$$;

-- Windows of one area this visit can pick now, soonest first.
CREATE FUNCTION open_slots(p_area uuid, p_visit uuid, p_lead interval, p_until timestamptz)
RETURNS TABLE (id uuid, slot_date date, slot_time time, starts_at timestamptz, ends_at timestamptz, held boolean)
LANGUAGE sql VOLATILE AS $$
  SELECT s.id, s.slot_date, s.slot_time, s.starts_at, s.ends_at, s.held_by IS NOT NULL AND s.held_by = p_visit
  FROM time_slots s
  WHERE s.service_area_id = p_area AND s.available
    AND s.starts_at > clock_timestamp() + p_lead AND s.starts_at < p_until
    AND (s.held_by IS NULL OR s.held_until < clock_timestamp() OR s.held_by = p_visit)
    AND slot_room(s.external_slot_id, p_visit) > 0
  ORDER BY s.starts_at, s.id
$$;

-- One hold a visit, at most 3 live holds a client address, at most half of an area's open windows of a day
-- (the last one may be held). Answers held | addr | half | taken, or elsewhere for a window of another area.
CREATE FUNCTION hold_slot(p_slot uuid, p_area uuid, p_visit uuid, p_address bytea, p_seconds integer, p_lead interval)
RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  wanted time_slots%ROWTYPE;
  open_windows integer;
  held_windows integer;
  refusal text;
BEGIN
  PERFORM pg_advisory_xact_lock(7301, hashtext(encode(p_address, 'hex')));
  SELECT * INTO wanted FROM time_slots WHERE id = p_slot;
  IF NOT FOUND THEN
    RETURN 'taken';
  ELSIF wanted.service_area_id <> p_area THEN
    RETURN 'elsewhere';
  END IF;
  PERFORM pg_advisory_xact_lock(7302, hashtext(wanted.service_area_id::text || wanted.slot_date::text));
  PERFORM 1 FROM time_slots WHERE id = p_slot OR held_by = p_visit ORDER BY id FOR NO KEY UPDATE;
  SELECT * INTO wanted FROM time_slots WHERE id = p_slot;
  PERFORM 1 FROM slot_capacity WHERE external_slot_id = wanted.external_slot_id FOR NO KEY UPDATE;

  IF NOT wanted.available OR wanted.starts_at <= clock_timestamp() + p_lead
     OR (wanted.held_by <> p_visit AND wanted.held_until > clock_timestamp())
     OR coalesce(slot_room(wanted.external_slot_id, p_visit), 0) <= 0 THEN
    RETURN 'taken';
  END IF;

  IF (SELECT count(*) FROM time_slots
       WHERE held_addr = p_address AND held_by <> p_visit AND held_until > clock_timestamp()) >= 3 THEN
    refusal := 'addr';
  ELSE
    -- A window that is held stays an open one: only sold, closed, past and crewless windows leave the count.
    SELECT count(*), count(*) FILTER (WHERE s.held_by <> p_visit AND s.held_until > clock_timestamp())
      INTO open_windows, held_windows
      FROM time_slots s
     WHERE s.service_area_id = wanted.service_area_id AND s.slot_date = wanted.slot_date AND s.available
       AND s.starts_at > clock_timestamp() + p_lead
       AND slot_room(s.external_slot_id, coalesce(CASE WHEN s.held_until > clock_timestamp() THEN s.held_by END, p_visit)) > 0;
    IF 2 * (held_windows + 1) > greatest(open_windows, 2) THEN
      refusal := 'half';
    END IF;
  END IF;

  IF refusal IS NOT NULL THEN
    UPDATE time_slots SET held_by = NULL, held_until = NULL, held_addr = NULL, updated_at = now() WHERE held_by = p_visit;
    RETURN refusal;
  END IF;
  UPDATE time_slots SET held_by = NULL, held_until = NULL, held_addr = NULL, updated_at = now()
   WHERE held_by = p_visit AND id <> p_slot;
  UPDATE time_slots
     SET held_by = p_visit, held_until = clock_timestamp() + make_interval(secs => p_seconds), held_addr = p_address, updated_at = now()
   WHERE id = p_slot;
  RETURN 'held';
END $$;

-- Sells the window to this visit and mints the booking's id, or answers no row: then the caller rolls back.
-- The foreign key from the slot is deferred, so that a loser never inserts a booking.
CREATE FUNCTION claim_slot(p_slot uuid, p_area uuid, p_visit uuid, p_lead interval)
RETURNS TABLE (booking_id uuid, service_area_id uuid, starts_at timestamptz, ends_at timestamptz, external_slot_id varchar)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  room integer;
  slot_key varchar;
BEGIN
  SELECT s.external_slot_id INTO slot_key FROM time_slots s
   WHERE s.id = p_slot AND s.service_area_id = p_area AND s.available AND s.starts_at > clock_timestamp() + p_lead
     AND (s.held_by IS NULL OR s.held_by = p_visit OR s.held_until < clock_timestamp())
     FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  PERFORM 1 FROM slot_capacity c WHERE c.external_slot_id = slot_key FOR NO KEY UPDATE;
  room := slot_room(slot_key, p_visit);
  IF room IS NULL OR room <= 0 THEN
    RETURN;
  END IF;
  UPDATE slot_capacity c SET taken = c.taken + 1 WHERE c.external_slot_id = slot_key;
  RETURN QUERY
    UPDATE time_slots s
       SET available = false, booking_id = uuid_v7(), held_by = NULL, held_until = NULL, held_addr = NULL, updated_at = now()
     WHERE s.id = p_slot
    RETURNING s.booking_id, s.service_area_id, s.starts_at, s.ends_at, s.external_slot_id;
END $$;

-- Gives back the window of a booking. Answers false when it held none.
CREATE FUNCTION release_slot(p_booking uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  slot_key varchar;
BEGIN
  SELECT external_slot_id INTO slot_key FROM time_slots WHERE booking_id = p_booking FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM 1 FROM slot_capacity WHERE external_slot_id = slot_key FOR NO KEY UPDATE;
  UPDATE time_slots SET booking_id = NULL, available = (closed_reason IS NULL), updated_at = now() WHERE booking_id = p_booking;
  UPDATE slot_capacity SET taken = greatest(taken - 1, 0) WHERE external_slot_id = slot_key;
  RETURN true;
END $$;

-- Moves a booking to another window of its own area: both rows and both counters are locked in order before either is
-- read, then release, then claim. Answers no row when the new window is gone: then the caller rolls back.
CREATE FUNCTION move_slot(p_booking uuid, p_slot uuid, p_lead interval)
RETURNS TABLE (starts_at timestamptz, ends_at timestamptz, external_slot_id varchar)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  home uuid;
  slot_key varchar;
BEGIN
  PERFORM 1 FROM time_slots s WHERE s.id = p_slot OR s.booking_id = p_booking ORDER BY s.id FOR NO KEY UPDATE;
  PERFORM 1 FROM slot_capacity c
   WHERE c.external_slot_id IN (SELECT s.external_slot_id FROM time_slots s WHERE s.id = p_slot OR s.booking_id = p_booking)
   ORDER BY c.external_slot_id FOR NO KEY UPDATE;
  SELECT b.service_area_id INTO home FROM bookings b WHERE b.id = p_booking;
  PERFORM release_slot(p_booking);
  SELECT s.external_slot_id INTO slot_key FROM time_slots s
   WHERE s.id = p_slot AND s.service_area_id = home AND s.available AND s.starts_at > clock_timestamp() + p_lead
     AND (s.held_by IS NULL OR s.held_until < clock_timestamp());
  IF NOT FOUND OR coalesce(slot_room(slot_key, NULL), 0) <= 0 THEN
    RETURN;
  END IF;
  UPDATE slot_capacity c SET taken = c.taken + 1 WHERE c.external_slot_id = slot_key;
  RETURN QUERY
    UPDATE time_slots s
       SET available = false, booking_id = p_booking, held_by = NULL, held_until = NULL, held_addr = NULL, updated_at = now()
     WHERE s.id = p_slot
    RETURNING s.starts_at, s.ends_at, s.external_slot_id;
END $$;
