-- The visit before booking, what it leaves behind, the events it wrote, and the people who look at them.

CREATE TABLE wizard_sessions (
  id               uuid PRIMARY KEY DEFAULT uuid_v7(),
  partner_id       uuid NOT NULL REFERENCES partners (id),
  embed_mode       varchar(20),
  parent_origin    varchar(300),
  locale           varchar(5) NOT NULL DEFAULT 'en',
  variant          jsonb NOT NULL DEFAULT '{}',
  answers          jsonb NOT NULL DEFAULT '{}',
  first_touch      jsonb NOT NULL DEFAULT '{}',
  last_touch       jsonb NOT NULL DEFAULT '{}',
  gpc              boolean NOT NULL DEFAULT false,
  is_bot           boolean NOT NULL DEFAULT false,
  device_class     varchar(20),
  client_addr_hash bytea,
  last_step        varchar(20),
  submission_id    uuid NOT NULL DEFAULT gen_random_uuid(),
  booking_id       uuid,
  version          integer NOT NULL DEFAULT 1,
  created_at       timestamptz NOT NULL DEFAULT now(),
  updated_at       timestamptz NOT NULL DEFAULT now(),
  expires_at       timestamptz NOT NULL DEFAULT now() + interval '24 hours',
  CONSTRAINT wizard_sessions_locale CHECK (locale IN ('en', 'es'))
) WITH (fillfactor = 70);
CREATE INDEX idx_wizard_sessions_expires ON wizard_sessions (expires_at);
CREATE INDEX idx_wizard_sessions_booking ON wizard_sessions (booking_id) WHERE booking_id IS NOT NULL;

CREATE TABLE leads (
  id          uuid PRIMARY KEY DEFAULT uuid_v7(),
  kind        varchar(20) NOT NULL,
  session_id  uuid,
  zip_code    varchar(10),
  issue_type  varchar(100),
  first_name  varchar(100),
  email       varchar(255),
  phone       varchar(20),
  note        varchar(300),
  urgency     varchar(20),
  attribution jsonb NOT NULL DEFAULT '{}',
  status      varchar(20) NOT NULL DEFAULT 'open',
  due_at      timestamptz,
  handled_by  uuid,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT leads_kind CHECK (kind IN ('out_of_area', 'no_slot', 'callback', 'abandoned', 'earlier_slot')),
  CONSTRAINT leads_status CHECK (status IN ('open', 'contacted', 'closed')),
  CONSTRAINT leads_once_a_visit UNIQUE (session_id, kind, zip_code)
);
CREATE INDEX idx_leads_status ON leads (status, created_at DESC);

CREATE TABLE analytics_events (
  id           uuid NOT NULL DEFAULT uuid_v7(),
  booking_id   uuid REFERENCES bookings (id),
  event_type   varchar(50) NOT NULL,
  event_data   jsonb,
  session_id   varchar(100),
  utm_source   varchar(100),
  utm_campaign varchar(100),
  utm_medium   varchar(100),
  gclid        varchar(200),
  is_bot       boolean NOT NULL DEFAULT false,
  created_at   timestamptz NOT NULL DEFAULT now(),
  tx           xid8 NOT NULL DEFAULT pg_current_xact_id(),
  PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
CREATE INDEX idx_analytics_events_booking ON analytics_events (booking_id) WHERE booking_id IS NOT NULL;
CREATE INDEX idx_analytics_events_type ON analytics_events (event_type, created_at);
CREATE INDEX idx_analytics_events_session ON analytics_events (session_id, created_at);
CREATE INDEX idx_analytics_events_created ON analytics_events USING brin (created_at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX idx_analytics_events_tx ON analytics_events (tx);

CREATE TABLE staff (
  id            uuid PRIMARY KEY DEFAULT uuid_v7(),
  email         varchar(255) NOT NULL,
  name          varchar(100) NOT NULL,
  role          varchar(20) NOT NULL,
  password_hash varchar(200) NOT NULL,
  totp_secret   varchar(64),
  session_epoch integer NOT NULL DEFAULT 1,
  active        boolean NOT NULL DEFAULT true,
  last_seen_at  timestamptz,
  created_at    timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT staff_email UNIQUE (email),
  CONSTRAINT staff_email_normal CHECK (email = lower(btrim(email))),
  CONSTRAINT staff_role CHECK (role IN ('viewer', 'dispatcher', 'admin'))
);

CREATE TABLE audit_log (
  id           uuid PRIMARY KEY DEFAULT uuid_v7(),
  at           timestamptz NOT NULL DEFAULT now(),
  actor        varchar(100) NOT NULL,
  action       varchar(50) NOT NULL,
  object       varchar(100) NOT NULL,
  before_hash  bytea,
  after_hash   bytea,
  reason       varchar(300),
  request_id   varchar(64),
  ip_truncated inet
);
CREATE INDEX idx_audit_log_at ON audit_log (at DESC);
CREATE INDEX idx_audit_log_object ON audit_log (object, at DESC);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER consents_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON consents
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
