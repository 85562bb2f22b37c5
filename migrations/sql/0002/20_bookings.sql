-- Where a booking stands in ServiceTitan. Columns without a default: no row is rewritten.

ALTER TABLE bookings
  ADD COLUMN servicetitan_appointment_id varchar(100),
  ADD COLUMN upstream_status             varchar(20),
  ADD COLUMN upstream_seen_at            timestamptz,
  ADD COLUMN visit_confirmed_at          timestamptz;
CREATE INDEX idx_bookings_attention ON bookings (preferred_time) WHERE needs_attention IS NOT NULL;
