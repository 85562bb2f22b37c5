"""The statements that put fixed words in place of a person's, one or more for each table that can hold any.

Each answers how many rows it changed. All may run twice: the second time writes the same.
"""

from sqlalchemy import TextClause, text

ORDERED = ("servicetitan.create_job", "servicetitan.move_job", "servicetitan.cancel_job")
# Keys of a touch that tell one browser from another, or what it looked at before. The UTM words are the campaign's.
IDENTIFYING = (
    "gclid", "gbraid", "wbraid", "fbclid", "msclkid", "ttclid", "landing_path", "referrer_origin",
)  # fmt: skip
PAYLOAD_IDS = "'notification_id', 'version', 'inbound_text_id', 'customer_id', 'task_run_id'"
JOB_IDS = "'customer_id', 'location_id', 'create_sent', 'looked', 'sent'"
TOUCHLESS = (
    "coalesce((SELECT jsonb_object_agg(key, CASE WHEN jsonb_typeof(value) = 'object'"
    " THEN value - CAST(:identifying AS text[]) ELSE value END) FROM jsonb_each({column})"
    " WHERE key IN ('first', 'last', 'gpc')), '{{}}')"
)
KEPT_KEYS = (
    "coalesce((SELECT jsonb_object_agg(key, value) FROM jsonb_each({column}) WHERE key IN ({keys})), '{{}}')"
)


def counted(statement: str) -> TextClause:
    """Let a change answer the number of its rows."""
    return text(f"WITH changed AS ({statement} RETURNING 1) SELECT count(*) FROM changed")  # noqa: S608 - our own words


CUSTOMERS = counted(
    "UPDATE customers SET first_name = 'Erased', last_name = '', email = 'erased+' || id || '@invalid', phone = :erased_phone,"
    " sms_opt_in = false, sms_opt_in_date = NULL, updated_at = now(), erased_at = now() WHERE id = ANY(CAST(:customers AS uuid[]))"
)
BOOKINGS = counted(
    "UPDATE bookings SET contact_first_name = 'Erased', contact_last_name = '', contact_email = 'erased+' || customer_id || '@invalid',"  # noqa: S608 - our own words
    " contact_phone = :erased_phone, contact_sms_opt_in = false, address_line1 = 'Erased', address_line2 = NULL, access_notes = NULL,"
    f" issue_note = NULL, needs_attention = NULL, attribution = {TOUCHLESS.format(column='attribution')},"
    " updated_at = now(), erased_at = now() WHERE id = ANY(CAST(:bookings AS uuid[])) AND erased_at IS NULL"
)
HISTORY = counted(
    "UPDATE booking_status_history SET reason = NULL WHERE booking_id = ANY(CAST(:bookings AS uuid[])) AND reason IS NOT NULL"
)
LINKS = counted(
    "UPDATE manage_links SET revoked_at = now() WHERE booking_id = ANY(CAST(:bookings AS uuid[])) AND revoked_at IS NULL"
)
# The hash of what was submitted has no key: names and addresses can be tried against it.
SUBMISSIONS = counted(
    r"UPDATE booking_submissions SET request_hash = '\x' WHERE booking_id = ANY(CAST(:bookings AS uuid[]))"
)
NOTIFICATIONS = counted(
    "UPDATE notifications SET status = CASE status WHEN 'pending' THEN 'failed' ELSE status END, recipient_hash = NULL,"
    " error_msg = CASE WHEN status = 'pending' OR error_msg LIKE 'skipped: %' THEN 'skipped: erased'"
    " WHEN error_msg IS NOT NULL THEN 'erased' END WHERE booking_id = ANY(CAST(:bookings AS uuid[]))"
)
SENT_TEXTS = counted(
    "DELETE FROM sms_sends WHERE notification_id IN"
    " (SELECT id FROM notifications WHERE booking_id = ANY(CAST(:bookings AS uuid[])))"
)
# What was to be done for the person is not needed any more, but for what calls their visit off.
JOBS_OPEN = counted(
    "UPDATE queue_jobs SET status = 'completed', outcome = 'cancelled', completed_at = clock_timestamp()"
    " WHERE booking_id = ANY(CAST(:bookings AS uuid[])) AND status = 'pending' AND job_type <> ALL(:ordered)"
)
JOBS = counted(
    f"UPDATE queue_jobs SET payload = {KEPT_KEYS.format(column='payload', keys=PAYLOAD_IDS)},"  # noqa: S608 - our own words
    f" provider_ref = CASE WHEN job_type = ANY(:ordered) THEN {KEPT_KEYS.format(column='provider_ref', keys=JOB_IDS)} ELSE '{{}}' END,"
    " error_msg = CASE WHEN error_msg IS NOT NULL THEN 'erased' END WHERE booking_id = ANY(CAST(:bookings AS uuid[]))"
)
EVENTS = counted(
    "UPDATE analytics_events SET gclid = NULL WHERE gclid IS NOT NULL AND (booking_id = ANY(CAST(:bookings AS uuid[]))"
    " OR session_id IN (SELECT unnest(CAST(:visits AS uuid[]))::text"
    " UNION SELECT session_id::text FROM bookings WHERE id = ANY(CAST(:bookings AS uuid[])) AND session_id IS NOT NULL))"
)
VISITS = counted(
    "UPDATE wizard_sessions SET answers = '{}', first_touch = first_touch - CAST(:identifying AS text[]),"
    " last_touch = last_touch - CAST(:identifying AS text[]), client_addr_hash = NULL, version = version + 1,"
    " expires_at = least(expires_at, now()), updated_at = now() WHERE id = ANY(CAST(:visits AS uuid[]))"
    " AND (answers <> '{}' OR client_addr_hash IS NOT NULL OR expires_at > now())"
)
LEADS = counted(
    "UPDATE leads SET first_name = NULL, note = NULL, email = CASE WHEN email IS NOT NULL THEN 'erased+' || id || '@invalid' END,"  # noqa: S608 - our own words
    " phone = CASE WHEN phone IS NOT NULL THEN :erased_phone END,"
    f" attribution = {TOUCHLESS.format(column='attribution')},"
    " status = 'closed', updated_at = now() WHERE id = ANY(CAST(:leads AS uuid[]))"
)
TEXTS = counted(
    r"UPDATE inbound_texts SET body = '', phone_hash = '\x', handled_at = coalesce(handled_at, now())"
    " WHERE id = ANY(CAST(:texts AS uuid[])) AND body <> ''"
)
WIPES: tuple[tuple[str, TextClause], ...] = (
    ("visits", VISITS),
    ("bookings", BOOKINGS),
    ("customers", CUSTOMERS),
    ("status changes", HISTORY),
    ("manage links", LINKS),
    ("submissions", SUBMISSIONS),
    ("limiter rows", SENT_TEXTS),
    ("messages", NOTIFICATIONS),
    ("open jobs", JOBS_OPEN),
    ("jobs", JOBS),
    ("events", EVENTS),
    ("leads", LEADS),
    ("inbound texts", TEXTS),
)
