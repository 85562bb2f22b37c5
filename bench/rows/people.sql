-- Customers number {first} to {last} of {customers}, spread evenly over the years from {begins} to {ends}.
INSERT INTO customers (id, first_name, last_name, email, phone, sms_opt_in, sms_opt_in_date, created_at, updated_at)
SELECT bench.customer_id(c), bench.pick('{{Ana,Luis,Pat,Kim,Joe,Mia,Sam,Eva,Tom,Zoe}}', bench.u(c, 1)),
       bench.pick('{{Ruiz,Smith,Garcia,Lee,Brown,Lopez,Jones,Davis,Moore,King,Hill,Reed}}', bench.u(c, 2)), 'c' || c || '@example.com',
       '+1602' || lpad((2000000 + c % 7999999)::text, 7, '0'), bench.u(c, 3) < 0.62, CASE WHEN bench.u(c, 3) < 0.62 THEN bench.customer_at(c) END,
       bench.customer_at(c), bench.customer_at(c)
  FROM generate_series({first}, {last}) c;
