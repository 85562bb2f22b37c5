DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'a1_report') THEN
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO a1_report;
    REVOKE SELECT ON staff, inbound_texts FROM a1_report;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO a1_report;
  END IF;
END $$;

DROP FUNCTION report_refresh_views, report_rebuild, report_refresh_counts, report_recount_all, report_first_day, report_recount_month,
  report_recount_day, report_topics, report_counts_of;
DROP MATERIALIZED VIEW report_months;
DROP TABLE report_views, report_counts_monthly, report_counts_daily;
DELETE FROM report_state WHERE name = 'counts';
DROP INDEX idx_booking_status_history_tx;
ALTER TABLE booking_status_history DROP COLUMN tx;
