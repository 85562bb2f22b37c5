-- The circuit's memory of the last twenty calls, where the export feeds were read to, and what SMS cost us.

ALTER TABLE provider_health
  ADD COLUMN recent          integer NOT NULL DEFAULT 0,
  ADD COLUMN calls           smallint NOT NULL DEFAULT 0,
  ADD COLUMN last_ok_at      timestamptz,
  ADD COLUMN last_failure_at timestamptz,
  ADD COLUMN last_outcome    varchar(20),
  ADD COLUMN last_reason     varchar(200);

CREATE TABLE provider_feeds (
  feed          varchar(50) PRIMARY KEY,
  continue_from text,
  polled_at     timestamptz
);

CREATE TABLE sms_sends (
  notification_id uuid PRIMARY KEY,
  phone_hash      bytea NOT NULL,
  prefix_hash     bytea NOT NULL,
  address_hash    bytea,
  sent_at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_sms_sends_phone ON sms_sends (phone_hash, sent_at);
CREATE INDEX idx_sms_sends_prefix ON sms_sends (prefix_hash, sent_at);
CREATE INDEX idx_sms_sends_address ON sms_sends (address_hash, sent_at) WHERE address_hash IS NOT NULL;
CREATE INDEX idx_sms_sends_sent ON sms_sends (sent_at);

CREATE TABLE inbound_texts (
  id           uuid PRIMARY KEY DEFAULT uuid_v7(),
  provider_sid varchar(64) NOT NULL,
  phone_hash   bytea NOT NULL,
  booking_id   uuid,
  meaning      varchar(20) NOT NULL,
  body         varchar(1600) NOT NULL,
  handled_by   uuid,
  handled_at   timestamptz,
  received_at  timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT inbound_texts_sid UNIQUE (provider_sid),
  CONSTRAINT inbound_texts_meaning CHECK (meaning IN ('stop', 'start', 'help', 'confirm', 'other'))
);
CREATE INDEX idx_inbound_texts_received ON inbound_texts (received_at DESC);
CREATE INDEX idx_inbound_texts_booking ON inbound_texts (booking_id) WHERE booking_id IS NOT NULL;
CREATE INDEX idx_notifications_recipient ON notifications (recipient_hash, created_at DESC) WHERE recipient_hash IS NOT NULL;
