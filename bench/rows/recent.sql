-- Which window each booking of the last year has: the days' windows are dealt out in a fixed order, each once.
INSERT INTO bench.recent
SELECT i, bench.id(at, i, 100), visit_date, ((place * {stride}) % {a_day})::integer
  FROM (
    SELECT i, at, bench.visit_date(i, at) AS visit_date,
           row_number() OVER (PARTITION BY bench.visit_date(i, at) ORDER BY bench.u(i, 40)) AS place
      FROM (SELECT n.i, bench.booking_at(n.i, m.starts, m.ends, m.first, m.bookings) AS at
              FROM bench.months m, generate_series(m.first + 1, m.first + m.bookings) n (i) WHERE m.ends > {now} - interval '13 months') numbered) dated
 WHERE visit_date BETWEEN {first_day} AND {last_day} AND place <= {a_day};
CREATE INDEX ON bench.recent (visit_date);
ANALYZE bench.recent;
