-- Limits of time for each role: what a process brings along by itself when it connects directly, and what a pooler in
-- transaction mode takes from here. Run it as a superuser after the roles exist; running it again changes nothing.

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'a1_worker') THEN
    CREATE ROLE a1_worker;
  END IF;
END $$;

-- Workers and dispatchers may do what the web may, with more patience. Give it LOGIN and a password of its own.
GRANT a1_app TO a1_worker;

-- web: a1-web
ALTER ROLE a1_app SET statement_timeout = '5s';
ALTER ROLE a1_app SET lock_timeout = '2s';
ALTER ROLE a1_app SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE a1_app SET timezone = 'UTC';

-- workers and dispatcher: a1-worker, a1-dispatcher
ALTER ROLE a1_worker SET statement_timeout = '15s';
ALTER ROLE a1_worker SET lock_timeout = '2s';
ALTER ROLE a1_worker SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE a1_worker SET timezone = 'UTC';

-- reports: a1-report
ALTER ROLE a1_report SET statement_timeout = '10s';
ALTER ROLE a1_report SET lock_timeout = '2s';
ALTER ROLE a1_report SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE a1_report SET timezone = 'UTC';

-- migrations: a1-migrate. They may run long, and never stand in a queue that others wait behind.
ALTER ROLE a1_owner SET lock_timeout = '2s';
ALTER ROLE a1_owner SET timezone = 'UTC';
