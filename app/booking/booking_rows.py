"""All rows of a new booking in one statement: a round trip each would cost more than the writing itself."""

from sqlalchemy import text

from app.booking import consent, customers
from app.notifications import queue

COLUMNS = (
    "id, service_area_id, issue_type, issue_note, door_count, homeowner_status, owner_permission, door_age, preferred_time,"
    " window_end, time_slot_id, address_line1, address_line2, access_notes, booking_source, contact_first_name, contact_last_name,"
    " contact_email, contact_phone, contact_sms_opt_in, attribution, partner_id, locale, fee_cents, fee_text_version, session_id"
)
# One document instead of a parameter for each column: a statement that is too long or has too many is taken apart anew each time.
DATA = "data AS (SELECT * FROM jsonb_populate_record(NULL::bookings, CAST(:booking AS jsonb)))"
BOOKING = "booking AS (INSERT INTO bookings (customer_id, {0}) SELECT customer, {0} FROM owner, data RETURNING id, customer_id, reference)"
TRACES = (
    "submission AS (INSERT INTO booking_submissions (submission_id, session_id, request_hash, booking_id)"
    " SELECT :submission_id, :visit_id, :request_hash, id FROM booking),"
    " history AS (INSERT INTO booking_status_history (booking_id, to_status, actor) SELECT id, 'pending', 'visitor' FROM booking),"
    " link AS (INSERT INTO manage_links (token_hash, nonce, booking_id) SELECT :token_hash, :nonce, id FROM booking)"
)
# From now on the visit shows its booking, for 30 days.
VISIT = (
    "visit AS (UPDATE wizard_sessions w SET booking_id = booking.id, answers = CAST(:kept_answers AS jsonb), last_step = :last_step,"
    " updated_at = clock_timestamp(), expires_at = now() + interval '30 days' FROM booking"
    " WHERE w.id = :left_visit)"
)
IF_BOOKED = " WHERE EXISTS (SELECT FROM booking)"
PARTS = (
    DATA,
    customers.FIND_OR_ADD,
    BOOKING.format(COLUMNS),
    TRACES,
    consent.WORDS,
    consent.CONSENTS.format(consent.FACTS),
    queue.MESSAGES.format(only_if=IF_BOOKED),
    f"job AS ({queue.JOBS})",
    VISIT,
)
ADD = text(f"WITH {', '.join(PARTS)} SELECT reference FROM booking")  # noqa: S608 - our own words
