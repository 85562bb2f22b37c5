-- The ledger's words can be read and added by the application, never changed.

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'a1_app') THEN
    REVOKE UPDATE, DELETE ON consent_texts FROM a1_app;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'a1_report') THEN
    REVOKE SELECT ON inbound_texts FROM a1_report;
  END IF;
END $$;
