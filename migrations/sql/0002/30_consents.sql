-- The words people agreed to, kept as they were; more ways to withdraw; consent to e-mail.

CREATE TABLE consent_texts (
  version     varchar(20) NOT NULL,
  purpose     varchar(30) NOT NULL,
  locale      varchar(5) NOT NULL,
  body        text NOT NULL,
  sha256      bytea NOT NULL,
  active_from timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (version, purpose, locale, sha256)
);
CREATE TRIGGER consent_texts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON consent_texts
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE consents
  ALTER COLUMN phone_hash DROP NOT NULL,
  ADD COLUMN email_hash   bytea,
  ADD COLUMN actor        varchar(100),
  ADD COLUMN provider_ref varchar(64),
  DROP CONSTRAINT consents_method,
  ADD CONSTRAINT consents_method CHECK (method IN ('web', 'keyword', 'freeform', 'staff', 'webhook')),
  ADD CONSTRAINT consents_recipient CHECK (num_nonnulls(phone_hash, email_hash) = 1);
CREATE INDEX idx_consents_email ON consents (email_hash, created_at DESC) WHERE email_hash IS NOT NULL;
