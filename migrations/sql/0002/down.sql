ALTER TABLE consents DISABLE TRIGGER consents_append_only;
DELETE FROM consents WHERE phone_hash IS NULL;
UPDATE consents SET method = 'keyword' WHERE method = 'freeform';
ALTER TABLE consents ENABLE TRIGGER consents_append_only;
ALTER TABLE consents
  DROP CONSTRAINT consents_recipient,
  DROP CONSTRAINT consents_method,
  ADD CONSTRAINT consents_method CHECK (method IN ('web', 'keyword', 'staff', 'webhook')),
  DROP COLUMN email_hash,
  DROP COLUMN actor,
  DROP COLUMN provider_ref,
  ALTER COLUMN phone_hash SET NOT NULL;
DROP INDEX idx_bookings_attention;
ALTER TABLE bookings
  DROP COLUMN servicetitan_appointment_id,
  DROP COLUMN upstream_status,
  DROP COLUMN upstream_seen_at,
  DROP COLUMN visit_confirmed_at;
DROP INDEX idx_notifications_recipient;
DROP TABLE consent_texts, inbound_texts, sms_sends, provider_feeds;
ALTER TABLE provider_health
  DROP COLUMN recent,
  DROP COLUMN calls,
  DROP COLUMN last_ok_at,
  DROP COLUMN last_failure_at,
  DROP COLUMN last_outcome,
  DROP COLUMN last_reason;
