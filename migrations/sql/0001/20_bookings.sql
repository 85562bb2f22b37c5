-- Customers, areas, bookings, slots: what a visit becomes.

CREATE TABLE customers (
  id              uuid PRIMARY KEY DEFAULT uuid_v7(),
  first_name      varchar(100) NOT NULL,
  last_name       varchar(100) NOT NULL,
  email           varchar(255) NOT NULL,
  phone           varchar(20)  NOT NULL,
  sms_opt_in      boolean NOT NULL DEFAULT false,
  sms_opt_in_date timestamptz,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT idx_customers_email UNIQUE (email),
  CONSTRAINT customers_email_normal CHECK (email = lower(btrim(email)) AND position('@' IN email) > 1),
  CONSTRAINT customers_phone_e164 CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'),
  CONSTRAINT customers_opt_in_dated CHECK (NOT sms_opt_in OR sms_opt_in_date IS NOT NULL)
);
CREATE INDEX idx_customers_phone ON customers (phone);

CREATE TABLE service_areas (
  id         uuid PRIMARY KEY DEFAULT uuid_v7(),
  zip_code   varchar(10) NOT NULL,
  city       varchar(100) NOT NULL,
  state      varchar(2) NOT NULL,
  timezone   varchar(50) NOT NULL,
  active     boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT idx_service_areas_zip UNIQUE (zip_code)
);
CREATE INDEX idx_service_areas_active ON service_areas (active);

CREATE TABLE zip_codes (
  zip_code varchar(5) PRIMARY KEY,
  type     varchar(10) NOT NULL,
  city     varchar(100) NOT NULL,
  state    varchar(2) NOT NULL,
  timezone varchar(50),
  lat      double precision,
  long     double precision,
  CONSTRAINT zip_codes_type CHECK (type IN ('STANDARD', 'PO BOX', 'UNIQUE', 'MILITARY'))
);

CREATE TABLE partners (
  id         uuid PRIMARY KEY DEFAULT uuid_v7(),
  key        varchar(40) NOT NULL,
  name       varchar(100) NOT NULL,
  origins    text[] NOT NULL DEFAULT '{}',
  hue        smallint,
  phone      varchar(20),
  locale     varchar(5),
  active     boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT partners_key UNIQUE (key),
  CONSTRAINT partners_key_shape CHECK (key = 'direct' OR key ~ '^pk_[A-Za-z0-9]{16}$'),
  CONSTRAINT partners_hue_range CHECK (hue BETWEEN 0 AND 359),
  CONSTRAINT partners_locale_known CHECK (locale IN ('en', 'es')),
  CONSTRAINT partners_origins_exact CHECK (
    cardinality(origins) = 0 OR array_to_string(origins, ' ') ~ '^https?://[a-z0-9.-]+(:[0-9]{1,5})?( https?://[a-z0-9.-]+(:[0-9]{1,5})?)*$')
);
INSERT INTO partners (key, name) VALUES ('direct', 'Our own pages');

CREATE TABLE bookings (
  id                  uuid NOT NULL DEFAULT uuid_v7(),
  customer_id         uuid NOT NULL REFERENCES customers (id),
  service_area_id     uuid NOT NULL REFERENCES service_areas (id),
  issue_type          varchar(100) NOT NULL,
  issue_note          varchar(200),
  door_count          integer NOT NULL,
  homeowner_status    varchar(20) NOT NULL,
  owner_permission    varchar(10),
  door_age            integer,
  preferred_time      timestamptz NOT NULL,
  window_end          timestamptz NOT NULL,
  time_slot_id        uuid,
  address_line1       varchar(255) NOT NULL,
  address_line2       varchar(255),
  access_notes        varchar(300),
  status              varchar(20) NOT NULL DEFAULT 'pending',
  servicetitan_job_id varchar(100),
  booking_source      varchar(50),
  reference           varchar(8) NOT NULL DEFAULT booking_reference(nextval('booking_reference_seq')),
  contact_first_name  varchar(100) NOT NULL DEFAULT '',
  contact_last_name   varchar(100) NOT NULL DEFAULT '',
  contact_email       varchar(255) NOT NULL DEFAULT '',
  contact_phone       varchar(20) NOT NULL DEFAULT '',
  contact_sms_opt_in  boolean NOT NULL DEFAULT false,
  attribution         jsonb NOT NULL DEFAULT '{}',
  partner_id          uuid,
  locale              varchar(5) NOT NULL DEFAULT 'en',
  fee_cents           integer,
  fee_text_version    varchar(20),
  needs_attention     text,
  version             integer NOT NULL DEFAULT 1,
  session_id          uuid,
  upstream_slot_key   varchar(100),
  upstream_since      timestamptz,
  created_at          timestamptz GENERATED ALWAYS AS (uuid_v7_time(id)) STORED,
  updated_at          timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT bookings_pkey PRIMARY KEY (id),
  CONSTRAINT bookings_door_count CHECK (door_count BETWEEN 1 AND 50),
  CONSTRAINT bookings_door_age CHECK (door_age BETWEEN 0 AND 150),
  CONSTRAINT bookings_homeowner_status CHECK (homeowner_status IN ('owner', 'renter')),
  CONSTRAINT bookings_owner_permission CHECK (owner_permission IN ('yes', 'no', 'unknown')),
  CONSTRAINT bookings_status CHECK (status IN ('pending', 'confirmed', 'completed', 'cancelled')),
  CONSTRAINT bookings_window_order CHECK (window_end > preferred_time)
) PARTITION BY RANGE (id);
CREATE INDEX idx_bookings_customer ON bookings (customer_id, created_at DESC);
CREATE INDEX idx_bookings_status ON bookings (status, created_at DESC);
CREATE INDEX idx_bookings_created ON bookings (created_at);
CREATE INDEX idx_bookings_preferred_time ON bookings (preferred_time);
CREATE INDEX idx_bookings_reference ON bookings (reference);
CREATE INDEX idx_bookings_servicetitan ON bookings (servicetitan_job_id) WHERE servicetitan_job_id IS NOT NULL;
CREATE INDEX idx_bookings_upstream ON bookings (upstream_slot_key) WHERE upstream_slot_key IS NOT NULL;

CREATE TABLE booking_submissions (
  submission_id uuid PRIMARY KEY,
  session_id    uuid NOT NULL,
  request_hash  bytea NOT NULL,
  booking_id    uuid NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT booking_submissions_visit UNIQUE (session_id)
);

CREATE TABLE booking_status_history (
  id          uuid PRIMARY KEY DEFAULT uuid_v7(),
  booking_id  uuid NOT NULL,
  from_status varchar(20),
  to_status   varchar(20) NOT NULL,
  actor       varchar(100) NOT NULL,
  reason      varchar(300),
  at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_booking_status_history_booking ON booking_status_history (booking_id, at);

CREATE TABLE manage_links (
  token_hash bytea PRIMARY KEY,
  nonce      bytea NOT NULL,
  booking_id uuid NOT NULL,
  revoked_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_manage_links_booking ON manage_links (booking_id);

CREATE TABLE slot_capacity (
  external_slot_id varchar(100) PRIMARY KEY,
  capacity         integer NOT NULL,
  taken            integer NOT NULL DEFAULT 0,
  snapshot_at      timestamptz,
  CONSTRAINT slot_capacity_not_negative CHECK (capacity >= 0 AND taken >= 0)
);

CREATE TABLE time_slots (
  id               uuid PRIMARY KEY DEFAULT uuid_v7(),
  service_area_id  uuid NOT NULL REFERENCES service_areas (id),
  slot_date        date NOT NULL,
  slot_time        time NOT NULL,
  starts_at        timestamptz NOT NULL,
  ends_at          timestamptz NOT NULL,
  available        boolean NOT NULL DEFAULT true,
  booking_id       uuid REFERENCES bookings (id) DEFERRABLE INITIALLY DEFERRED,
  external_slot_id varchar(100),
  snapshot_at      timestamptz,
  held_by          uuid,
  held_until       timestamptz,
  held_addr        bytea,
  closed_reason    varchar(20),
  created_at       timestamptz NOT NULL DEFAULT now(),
  updated_at       timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT idx_time_slots_area_date UNIQUE (service_area_id, slot_date, slot_time),
  CONSTRAINT time_slots_booked_not_available CHECK (booking_id IS NULL OR NOT available),
  CONSTRAINT time_slots_hold_pair CHECK ((held_by IS NULL) = (held_until IS NULL)),
  CONSTRAINT time_slots_closed_reason CHECK (closed_reason IN ('staff', 'withdrawn')),
  CONSTRAINT time_slots_window_order CHECK (ends_at > starts_at)
) WITH (fillfactor = 85);
CREATE INDEX idx_time_slots_available ON time_slots (service_area_id, slot_date, slot_time) WHERE available;
CREATE INDEX idx_time_slots_date ON time_slots (slot_date);
CREATE UNIQUE INDEX time_slots_booking_key ON time_slots (booking_id) WHERE booking_id IS NOT NULL;
CREATE INDEX idx_time_slots_external ON time_slots (external_slot_id) WHERE external_slot_id IS NOT NULL;
CREATE INDEX idx_time_slots_held_by ON time_slots (held_by) WHERE held_by IS NOT NULL;
CREATE INDEX idx_time_slots_held_addr ON time_slots (held_addr) WHERE held_addr IS NOT NULL;

CREATE TABLE consents (
  id              uuid PRIMARY KEY DEFAULT uuid_v7(),
  customer_id     uuid,
  booking_id      uuid,
  phone_hash      bytea NOT NULL,
  channel         varchar(20) NOT NULL,
  purpose         varchar(30) NOT NULL,
  action          varchar(20) NOT NULL,
  text_version    varchar(20),
  text_sha256     bytea,
  locale          varchar(5),
  page            varchar(200),
  partner         varchar(40),
  ip_truncated    inet,
  user_agent_hash bytea,
  method          varchar(20) NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT consents_channel CHECK (channel IN ('email', 'sms')),
  CONSTRAINT consents_action CHECK (action IN ('opt_in', 'opt_out')),
  CONSTRAINT consents_method CHECK (method IN ('web', 'keyword', 'staff', 'webhook'))
);
CREATE INDEX idx_consents_phone ON consents (phone_hash, created_at DESC);
CREATE INDEX idx_consents_booking ON consents (booking_id) WHERE booking_id IS NOT NULL;
