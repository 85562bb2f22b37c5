"""Find or add a customer by e-mail address; a stored one is linked, never changed, revealed or prefilled."""

# Parts of a WITH that has a booking in `data`; they give `owner` one row. It has none when somebody else added this address while the statement ran:
# then the same statement finds it the next time. The lock is the one that the booking's foreign key takes anyway: a person who
# is being erased at this moment is not found any more.
FIND_OR_ADD = (
    "added AS (INSERT INTO customers (first_name, last_name, email, phone, sms_opt_in, sms_opt_in_date)"
    " SELECT contact_first_name, contact_last_name, contact_email, contact_phone, contact_sms_opt_in,"
    " CASE WHEN contact_sms_opt_in THEN now() END FROM data"
    " ON CONFLICT (email) DO NOTHING RETURNING id),"
    " found AS (SELECT id FROM customers WHERE email = :email FOR KEY SHARE),"
    " owner AS (SELECT id AS customer FROM added UNION ALL SELECT id FROM found)"
)
