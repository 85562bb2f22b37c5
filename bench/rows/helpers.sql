-- Numbers become rows: every value is a hash of a number and a salt, so any row can be written without reading another.

CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO PUBLIC;

CREATE FUNCTION bench.u(n bigint, salt integer) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT (hashint8extended(n, salt) & 2147483647) / 2147483648.0::double precision $$;

CREATE FUNCTION bench.id(at timestamptz, n bigint, salt integer) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(hashint8extended(n, salt) & 4095), 3, '0')
    || '8' || lpad(to_hex(hashint8extended(n, salt + 7777) & 1152921504606846975), 15, '0'))::uuid $$;

-- A share of a day becomes a time of that day: most people are awake and at work, in Phoenix.
CREATE FUNCTION bench.awake(share double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT share - 0.11 * (sin(6.283185307 * (share - 0.83)) + sin(6.283185307 * 0.83)) $$;

CREATE FUNCTION bench.pick(words text[], share double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT words[1 + floor(share * cardinality(words))::integer] $$;

CREATE FUNCTION bench.speed(n bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 0.3 + 3 * bench.u(n, 7) $$;

CREATE FUNCTION bench.is_cancelled(n bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT bench.u(n, 13) < 0.12 $$;

-- Where a visit came from, the common ways first.
CREATE TABLE bench.channels (n integer PRIMARY KEY, upto double precision, channel text, source text, medium text, campaign text);
INSERT INTO bench.channels VALUES
  (1, 0.30, 'direct', NULL, NULL, NULL), (2, 0.52, 'google', 'google', 'cpc', 'springs'), (3, 0.66, 'google', 'google', 'cpc', 'openers'),
  (4, 0.78, 'organic', NULL, NULL, NULL), (5, 0.86, 'facebook', 'facebook', 'paid_social', 'tune-up'), (6, 0.92, 'bing', 'bing', 'cpc', 'springs'),
  (7, 0.96, 'newsletter', 'newsletter', 'email', 'season'), (8, 1.01, 'yelp', 'yelp', 'referral', NULL);

-- What a visit that comes as far as `depth` leaves behind, and after how many seconds.
CREATE TABLE bench.funnel (depth integer, place integer, event_type text, step text, idx integer, secs integer, is_error boolean);
INSERT INTO bench.funnel
SELECT depth, idx * 4, 'step_viewed', step, idx, (idx - 1) * 20, false
  FROM generate_series(0, 7) depth, unnest(ARRAY['zip', 'issue', 'doors', 'ownership', 'slot', 'contact', 'review', 'done']) WITH ORDINALITY s (step, idx)
 WHERE idx - 1 <= depth;
INSERT INTO bench.funnel SELECT depth, place + 1, 'step_completed', step, idx, secs + 18, false FROM bench.funnel WHERE idx - 1 < depth;
INSERT INTO bench.funnel SELECT depth, place + 2, 'step_error', step, idx, secs + 10, true FROM bench.funnel WHERE step IN ('zip', 'contact') AND event_type = 'step_viewed';
INSERT INTO bench.funnel SELECT depth, place + 2, 'slot_held', step, idx, secs, false FROM bench.funnel WHERE step = 'slot' AND event_type = 'step_completed';
INSERT INTO bench.funnel SELECT depth, place + 2, 'booking_submitted', step, idx, secs + 1, false FROM bench.funnel WHERE step = 'review' AND event_type = 'step_completed';

CREATE TABLE bench.months (m integer PRIMARY KEY, starts timestamptz, ends timestamptz, first bigint, bookings bigint, first_visit bigint, visits bigint, booked bigint);
CREATE TABLE bench.areas (n integer PRIMARY KEY, id uuid, timezone text);
CREATE TABLE bench.recent (i bigint PRIMARY KEY, booking_id uuid, visit_date date, place integer);
