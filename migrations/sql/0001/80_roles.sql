-- Rights by role, where the roles exist: a1_app writes rows but owns nothing, a1_report only reads.
-- Partitions need no rights of their own: access goes through their parent.

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'a1_app') THEN
    GRANT USAGE ON SCHEMA public TO a1_app;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO a1_app;
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO a1_app;
    REVOKE UPDATE, DELETE ON audit_log, consents FROM a1_app;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO a1_app;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO a1_app;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'a1_report') THEN
    GRANT USAGE ON SCHEMA public TO a1_report;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO a1_report;
    REVOKE SELECT ON staff FROM a1_report;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO a1_report;
  END IF;
END $$;
