-- Ids that carry their own time. The database is the only clock that makes a booking id: one host whose clock is
-- hours off would otherwise put rows into the wrong month.

CREATE FUNCTION uuid_v7(ts timestamptz DEFAULT clock_timestamp()) RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT encode(
    set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
      PLACING substring(int8send(floor(extract(epoch FROM ts) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1),
    'hex')::uuid
$$;

CREATE FUNCTION uuid_v7_time(id uuid) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT to_timestamp((('x' || substr(id::text, 1, 8) || substr(id::text, 10, 4))::bit(48)::bigint) / 1000.0::double precision)
$$;

-- The smallest id of an instant: the bound of a month's partition. floor(), because a cast would round up over the border.
CREATE FUNCTION uuid_v7_floor(ts timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT (lpad(to_hex(floor(extract(epoch FROM ts) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

CREATE SEQUENCE booking_reference_seq;

-- Eight characters a person can read over the phone (no I, L, O, U). A four-round Feistel network is a permutation of
-- 40 bits, so two sequence numbers never share a reference and neighbours look unrelated.
CREATE FUNCTION booking_reference(n bigint) RETURNS varchar(8)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  alphabet constant text := '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  keys constant bigint[] := ARRAY[730217, 152369, 911003, 424243];
  l bigint := (n >> 20) & 1048575;
  r bigint := n & 1048575;
  k bigint;
  swap bigint;
  bits bigint;
  answer text := '';
BEGIN
  FOREACH k IN ARRAY keys LOOP
    swap := r;
    r := l # ((((r # k) * 668265 + k) >> 7) & 1048575);
    l := swap;
  END LOOP;
  bits := (l << 20) | r;
  FOR i IN 1..8 LOOP
    answer := substr(alphabet, ((bits & 31) + 1)::int, 1) || answer;
    bits := bits >> 5;
  END LOOP;
  RETURN answer;
END $$;
