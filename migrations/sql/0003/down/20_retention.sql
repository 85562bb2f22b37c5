DROP FUNCTION delete_old_ledger_rows, old_consents, drop_bookings_month, bookings_month_digest, drop_events_week, event_weeks,
  booking_months;

CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

DROP TABLE booking_archives;
