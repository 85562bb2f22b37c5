-- The windows of the days {first_day} to {last_day}: those of bookings that stand are sold.
INSERT INTO time_slots (id, service_area_id, slot_date, slot_time, starts_at, ends_at, available, booking_id, external_slot_id, created_at, updated_at)
SELECT bench.slot_id(s.day, s.place), s.area_id, s.day, s.at, s.starts_at, s.starts_at + interval '2 hours', r.i IS NULL, r.booking_id,
       'bench:zone' || s.area / 10 || ':' || s.day || ':' || s.at, s.starts_at - interval '21 days', s.starts_at - interval '21 days'
  FROM (
    SELECT day::date AS day, place, place / {windows} AS area, a.id AS area_id, (time '08:00' + (place % {windows}) * interval '1 hour')::time AS at,
           (day::date + time '08:00' + (place % {windows}) * interval '1 hour') AT TIME ZONE a.timezone AS starts_at
      FROM generate_series({first_day}::timestamp, {last_day}::timestamp, interval '1 day') day, generate_series(0, {a_day} - 1) place
      JOIN bench.areas a ON a.n = place / {windows}) s
  LEFT JOIN bench.recent r ON r.visit_date = s.day AND r.place = s.place AND NOT bench.is_cancelled(r.i);
