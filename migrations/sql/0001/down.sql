DROP TABLE analytics_events, queue_jobs, notifications, time_slots, bookings, slot_capacity, consents, manage_links,
  booking_status_history, booking_submissions, customers, service_areas, zip_codes, wizard_sessions, partners, leads,
  staff, audit_log, provider_events, provider_health, heartbeat, task_runs, erasure_log, report_state,
  report_events_daily, funnel_daily;
DROP FUNCTION ensure_partitions, report_refresh, report_recompute_day, visit_day, hold_slot, claim_slot, release_slot,
  move_slot, open_slots, slot_room, refuse_change, booking_reference, uuid_v7_floor, uuid_v7_time, uuid_v7;
DROP SEQUENCE booking_reference_seq;
