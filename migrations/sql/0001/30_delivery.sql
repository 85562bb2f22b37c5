-- What must leave the house: messages, the outbox, and what providers told us.

CREATE TABLE notifications (
  id              uuid PRIMARY KEY DEFAULT uuid_v7(),
  booking_id      uuid NOT NULL REFERENCES bookings (id),
  type            varchar(20) NOT NULL,
  provider        varchar(50) NOT NULL,
  status          varchar(20) NOT NULL DEFAULT 'pending',
  external_id     varchar(100),
  sent_at         timestamptz,
  error_msg       text,
  template        varchar(50) NOT NULL,
  locale          varchar(5) NOT NULL DEFAULT 'en',
  recipient_hash  bytea,
  due_at          timestamptz NOT NULL DEFAULT now(),
  dedupe_key      varchar(200) NOT NULL,
  delivery_status varchar(20),
  delivered_at    timestamptz,
  resend_of       uuid,
  created_at      timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT notifications_type CHECK (type IN ('email', 'sms')),
  CONSTRAINT notifications_status CHECK (status IN ('pending', 'sent', 'failed')),
  CONSTRAINT notifications_dedupe_key UNIQUE (dedupe_key)
);
CREATE INDEX idx_notifications_booking ON notifications (booking_id);
CREATE INDEX idx_notifications_status ON notifications (status, created_at);
CREATE INDEX idx_notifications_created ON notifications (created_at);

CREATE TABLE queue_jobs (
  id             uuid PRIMARY KEY DEFAULT uuid_v7(),
  seq            bigint GENERATED ALWAYS AS IDENTITY,
  queue_name     varchar(50) NOT NULL,
  job_type       varchar(50) NOT NULL,
  booking_id     uuid REFERENCES bookings (id),
  status         varchar(20) NOT NULL DEFAULT 'pending',
  outcome        varchar(20),
  priority       integer NOT NULL DEFAULT 0,
  attempts       integer NOT NULL DEFAULT 0,
  max_attempts   integer NOT NULL DEFAULT 3,
  defer_count    integer NOT NULL DEFAULT 0,
  rescue_count   integer NOT NULL DEFAULT 0,
  payload        jsonb,
  provider_ref   jsonb NOT NULL DEFAULT '{}',
  error_msg      text,
  dedupe_key     varchar(200),
  request_id     varchar(64),
  lease_token    uuid,
  lease_until    timestamptz,
  dispatched_at  timestamptz,
  dispatch_count integer NOT NULL DEFAULT 0,
  deadline_at    timestamptz,
  scheduled_at   timestamptz NOT NULL DEFAULT now(),
  started_at     timestamptz,
  completed_at   timestamptz,
  created_at     timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT queue_jobs_status CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
  CONSTRAINT queue_jobs_outcome CHECK (outcome IN ('ok', 'permanent', 'exhausted', 'deadline', 'uncertain', 'cancelled', 'poison')),
  CONSTRAINT queue_jobs_lease_pair CHECK ((status = 'processing') = (lease_token IS NOT NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX idx_queue_jobs_queue ON queue_jobs (queue_name, priority DESC, scheduled_at) WHERE status = 'pending';
CREATE INDEX idx_queue_jobs_scheduled ON queue_jobs (scheduled_at) WHERE status = 'pending';
CREATE INDEX idx_queue_jobs_priority ON queue_jobs (status, priority DESC) WHERE status IN ('pending', 'processing');
CREATE INDEX idx_queue_jobs_status ON queue_jobs (status, completed_at) WHERE status IN ('completed', 'failed');
CREATE INDEX idx_queue_jobs_lease ON queue_jobs (lease_until) WHERE status = 'processing';
CREATE INDEX idx_queue_jobs_booking ON queue_jobs (booking_id, seq) WHERE booking_id IS NOT NULL;
CREATE UNIQUE INDEX queue_jobs_dedupe_key ON queue_jobs (dedupe_key) WHERE dedupe_key IS NOT NULL;

CREATE TABLE provider_events (
  provider     varchar(50) NOT NULL,
  event_id     varchar(200) NOT NULL,
  payload_hash bytea NOT NULL,
  received_at  timestamptz NOT NULL DEFAULT now(),
  result       varchar(50),
  PRIMARY KEY (provider, event_id)
);

CREATE TABLE provider_health (
  provider      varchar(50) PRIMARY KEY,
  state         varchar(20) NOT NULL DEFAULT 'closed',
  failures      integer NOT NULL DEFAULT 0,
  opened_at     timestamptz,
  next_probe_at timestamptz,
  CONSTRAINT provider_health_state CHECK (state IN ('closed', 'open', 'half_open'))
);

CREATE TABLE heartbeat (
  id      smallint PRIMARY KEY DEFAULT 1,
  beat_at timestamptz NOT NULL,
  CONSTRAINT heartbeat_one_row CHECK (id = 1)
);

CREATE TABLE task_runs (
  id          uuid PRIMARY KEY DEFAULT uuid_v7(),
  name        varchar(50) NOT NULL,
  started_at  timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  ok          boolean,
  figures     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX idx_task_runs_name ON task_runs (name, started_at DESC);

CREATE TABLE erasure_log (
  id        uuid PRIMARY KEY DEFAULT uuid_v7(),
  email_hash bytea NOT NULL,
  at        timestamptz NOT NULL DEFAULT now(),
  actor     varchar(100) NOT NULL
);
