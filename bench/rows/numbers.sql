-- What number has which id and moment, for this many rows over these years.

CREATE FUNCTION bench.customer_at(c bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT {begins} + ({ends} - {begins}) * ((c - 0.5) / {customers}) $$;
CREATE FUNCTION bench.customer_id(c bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT bench.id({begins} + ({ends} - {begins}) * ((c - 0.5) / {customers}), c, 10) $$;
-- Of a hundred bookings 62 are somebody's first; the others come from anyone who has booked before.
CREATE FUNCTION bench.customer_of(i bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN i * 62 / 100 > (i - 1) * 62 / 100 THEN i * 62 / 100 ELSE 1 + floor(bench.u(i, 60) * (i * 62 / 100))::bigint END $$;
CREATE FUNCTION bench.booking_at(i bigint, starts timestamptz, ends timestamptz, first bigint, n bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT starts + (floor(d.day) + bench.awake(d.day - floor(d.day))) * interval '1 day'
    FROM (SELECT (i - first - 0.5) / n * extract(epoch FROM ends - starts)::double precision / 86400 AS day) d $$;
CREATE FUNCTION bench.visit_date(i bigint, at timestamptz) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (at AT TIME ZONE 'America/Phoenix')::date + 1 + floor(9 * bench.u(i, 41) ^ 2)::integer $$;
CREATE FUNCTION bench.slot_id(day date, place integer) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT bench.id(((day - 21)::timestamp AT TIME ZONE 'UTC'), place, 910) $$;
CREATE FUNCTION bench.channel(n bigint) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN s < 0.30 THEN 1 WHEN s < 0.52 THEN 2 WHEN s < 0.66 THEN 3 WHEN s < 0.78 THEN 4 WHEN s < 0.86 THEN 5 WHEN s < 0.92 THEN 6
    WHEN s < 0.96 THEN 7 ELSE 8 END FROM (SELECT bench.u(n, 42) AS s) x $$;

INSERT INTO partners (key, name, origins) SELECT 'pk_benchpartner000' || n, 'Partner ' || n, ARRAY['https://partner' || n || '.example'] FROM generate_series(1, 3) n;
INSERT INTO bench.areas SELECT n, bench.id({begins}, n, 11), (ARRAY['America/Phoenix', 'America/Phoenix', 'America/Phoenix', 'America/Phoenix', 'America/Denver'])[1 + n % 5]
  FROM generate_series(0, {areas} - 1) n;
INSERT INTO service_areas (id, zip_code, city, state, timezone, created_at)
SELECT id, (10000 + n)::text, 'Town ' || n, 'AZ', timezone, {begins} FROM bench.areas;
