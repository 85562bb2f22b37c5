-- Erased people: when a row lost its person, and what a restored backup needs to lose them again.
-- New columns have no default or a constant one: no row is rewritten.

ALTER TABLE customers ADD COLUMN erased_at timestamptz;
ALTER TABLE bookings ADD COLUMN erased_at timestamptz;

ALTER TABLE erasure_log ADD COLUMN phone_hashes bytea[] NOT NULL DEFAULT '{}';
CREATE INDEX idx_erasure_log_email ON erasure_log (email_hash);

-- The office looks people up by what they typed, and so does an erasure.
CREATE INDEX idx_bookings_contact_email ON bookings (contact_email);
CREATE INDEX idx_bookings_contact_phone ON bookings (contact_phone);

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'a1_app') THEN
    REVOKE UPDATE, DELETE ON erasure_log FROM a1_app;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'a1_report') THEN
    REVOKE SELECT ON erasure_log FROM a1_report;
  END IF;
END $$;
