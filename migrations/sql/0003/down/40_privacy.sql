DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'a1_app') THEN
    GRANT UPDATE, DELETE ON erasure_log TO a1_app;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'a1_report') THEN
    GRANT SELECT ON erasure_log TO a1_report;
  END IF;
END $$;
DROP INDEX idx_bookings_contact_email, idx_bookings_contact_phone, idx_erasure_log_email;
ALTER TABLE erasure_log DROP COLUMN phone_hashes;
ALTER TABLE bookings DROP COLUMN erased_at;
ALTER TABLE customers DROP COLUMN erased_at;
