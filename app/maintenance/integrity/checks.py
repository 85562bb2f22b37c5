"""The invariants: for each a sentence, and the query that finds what breaks it.

Every query answers rows of an `id` (text) and a `booking_id` (or NULL), reads one snapshot, and looks no further back than
`:since`, nor than `:slots_since` and `:jobs_since` for what retention deletes. An id carries its time, so that these bounds
leave most partitions unread.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import TextClause, text

SMS_HOURS, EMAIL_HOURS = 4, 24  # how long a message is tried: the outbox's rules, which a test compares


class Severity(StrEnum):
    """What a broken invariant means: somebody may stand in the cold, or somebody should look."""

    PAGE = "page"
    TICKET = "ticket"


@dataclass(frozen=True)
class Check:
    """One invariant. `says` is true when the query finds nothing."""

    name: str
    says: str
    severity: Severity
    query: TextClause


LIVE = "b.status IN ('pending', 'confirmed', 'completed')"
RECENT = "b.id >= uuid_v7_floor(:since)"
# Windows, submissions and finished jobs are deleted some time after: what is older misses nothing.
WITH_SLOTS = "b.window_end > :slots_since"
WITH_JOBS = "b.id >= uuid_v7_floor(greatest(:since, :jobs_since))"
WITH_SUBMISSION = "b.id >= uuid_v7_floor(greatest(:since, :slots_since))"

# OFFSET 0: each window's booking is looked up by its id, in the one month that holds it, and no month is read whole.
BOOKED_SLOTS = (
    "SELECT s.id::text, s.booking_id FROM time_slots s LEFT JOIN LATERAL"  # noqa: S608 - our own words
    " (SELECT o.id, o.status, o.time_slot_id FROM bookings o WHERE o.id = s.booking_id OFFSET 0) b ON true"
    " WHERE s.booking_id IS NOT NULL AND s.slot_date >= CAST(:since AS date)"
    f" AND (b.id IS NULL OR NOT {LIVE} OR b.time_slot_id IS DISTINCT FROM s.id)"
)
# A visit that the office moved to a time of its own has no window here.
BOOKINGS_WITH_SLOT = (
    f"SELECT b.id::text, b.id AS booking_id FROM bookings b WHERE {RECENT} AND {LIVE} AND {WITH_SLOTS}"  # noqa: S608 - our own words
    " AND b.time_slot_id IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM time_slots s WHERE s.id = b.time_slot_id AND s.booking_id = b.id)"
)
SOLD_TWICE = (
    f"SELECT b.time_slot_id::text AS id, (array_agg(b.id))[1] AS booking_id FROM bookings b WHERE {RECENT} AND {LIVE}"  # noqa: S608 - our own words
    " AND b.time_slot_id IS NOT NULL GROUP BY b.time_slot_id HAVING count(*) > 1"
)
TWICE_A_VISIT = (
    f"SELECT b.session_id::text AS id, (array_agg(b.id))[1] AS booking_id FROM bookings b WHERE {RECENT}"  # noqa: S608 - our own words
    " AND b.session_id IS NOT NULL GROUP BY b.session_id HAVING count(*) > 1"
)
BOOKINGS_WITH_JOB = (
    f"SELECT b.id::text, b.id AS booking_id FROM bookings b WHERE {WITH_JOBS} AND {LIVE} AND b.servicetitan_job_id IS NULL"  # noqa: S608 - our own words
    " AND NOT EXISTS (SELECT 1 FROM queue_jobs q WHERE q.booking_id = b.id AND q.job_type = 'servicetitan.create_job')"
)
CALLED_OFF = (
    f"SELECT b.id::text, b.id AS booking_id FROM bookings b WHERE {WITH_JOBS} AND b.status = 'cancelled'"  # noqa: S608 - our own words
    " AND b.servicetitan_job_id IS NOT NULL AND b.upstream_status IS DISTINCT FROM 'cancelled' AND b.upstream_slot_key IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM queue_jobs q WHERE q.booking_id = b.id AND q.job_type = 'servicetitan.cancel_job')"
)
# These hold ids without foreign keys: rows outlive a month that was taken away, and only that.
ORPHANS = " UNION ALL ".join(
    f"SELECT '{table}:' || o.{key}::text AS id, o.booking_id FROM {table} o WHERE o.booking_id >= {{oldest}}"  # noqa: S608 - our own words
    " AND NOT EXISTS (SELECT 1 FROM bookings b WHERE b.id = o.booking_id AND b.id >= uuid_v7_floor(:since))"
    for table, key in (
        ("booking_status_history", "id"),
        ("manage_links", "booking_id"),
        ("wizard_sessions", "id"),
        ("inbound_texts", "id"),
    )
).format(
    oldest="(SELECT greatest(uuid_v7_floor(:since), uuid_v7_floor(to_timestamp(min(substr(c.relname, 10)), 'YYYY_MM')))"
    " FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'bookings'::regclass)"
)
SUBMISSIONS = (
    f"SELECT b.id::text, b.id AS booking_id FROM bookings b WHERE {WITH_SUBMISSION} AND b.session_id IS NOT NULL"  # noqa: S608 - our own words
    " AND NOT EXISTS (SELECT 1 FROM booking_submissions x WHERE x.session_id = b.session_id AND x.booking_id = b.id)"
)
HISTORY = (
    "SELECT b.id::text, b.id AS booking_id FROM bookings b LEFT JOIN LATERAL (SELECT h.to_status FROM booking_status_history h"  # noqa: S608 - our own words
    f" WHERE h.booking_id = b.id ORDER BY h.id DESC LIMIT 1) h ON true WHERE {RECENT} AND h.to_status IS DISTINCT FROM b.status"
)
COUNTERS = (
    "SELECT s.external_slot_id AS id, CAST(NULL AS uuid) AS booking_id FROM (SELECT external_slot_id, count(booking_id) AS booked"
    " FROM time_slots WHERE slot_date >= CAST(:since AS date) AND external_slot_id IS NOT NULL GROUP BY external_slot_id"
    " HAVING min(slot_date) > CAST(:since AS date)) s LEFT JOIN slot_capacity c USING (external_slot_id)"
    " WHERE coalesce(c.taken, 0) <> s.booked"
)
JOBS_LATE = (
    "SELECT q.id::text, q.booking_id FROM queue_jobs q WHERE q.status = 'pending' AND q.deadline_at < now() - interval '15 minutes'"
    " UNION ALL SELECT q.id::text, q.booking_id FROM queue_jobs q"
    " WHERE q.status = 'processing' AND q.lease_until < now() - interval '15 minutes'"
)
MESSAGES_LATE = (
    "SELECT n.id::text, n.booking_id FROM notifications n WHERE n.status = 'pending' AND n.due_at < now() - interval '2 hours'"  # noqa: S608 - our own words
    f" - CASE n.type WHEN 'sms' THEN interval '{SMS_HOURS} hours' ELSE interval '{EMAIL_HOURS} hours' END"
)
MESSAGES_WITH_JOB = (
    "SELECT n.id::text, n.booking_id FROM notifications n WHERE n.status = 'pending' AND NOT EXISTS (SELECT 1 FROM queue_jobs q"
    " WHERE q.booking_id = n.booking_id AND q.status IN ('pending', 'processing') AND q.payload ->> 'notification_id' = n.id::text)"
)
# From the catalogue: the name of a month and the ids it takes must be the same month, whoever attached it.
MONTHS = (
    "SELECT c.relname::text AS id, CAST(NULL AS uuid) AS booking_id FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
    " WHERE i.inhparent = 'bookings'::regclass AND (c.relname !~ '^bookings_[0-9]{4}_[0-9]{2}$' OR"
    " pg_get_expr(c.relpartbound, c.oid) <> format('FOR VALUES FROM (%L) TO (%L)',"
    " uuid_v7_floor(to_timestamp(substr(c.relname, 10), 'YYYY_MM')),"
    " uuid_v7_floor(to_timestamp(substr(c.relname, 10), 'YYYY_MM') + interval '1 month')))"
)
CUSTOMERS = (
    "SELECT c.id::text, CAST(NULL AS uuid) AS booking_id FROM customers c WHERE c.id >= uuid_v7_floor(:since)"
    " AND (c.email <> lower(btrim(c.email)) OR c.phone !~ '^\\+[1-9][0-9]{6,14}$')"
)
ERASED = (
    f"SELECT b.id::text, b.id AS booking_id FROM bookings b WHERE {RECENT} AND b.erased_at IS NOT NULL"  # noqa: S608 - our own words
    " AND (b.contact_email !~ '^erased[+].*@invalid$' OR b.address_line1 <> 'Erased' OR b.access_notes IS NOT NULL)"
)
REPORTS = (
    "SELECT name AS id, CAST(NULL AS uuid) AS booking_id FROM report_state"
    " WHERE isfinite(refreshed_at) AND refreshed_at < now() - interval '1 hour'"
)


def check(name: str, says: str, severity: Severity, query: str) -> Check:
    """Make a check of its query."""
    return Check(name, says, severity, text(query))


CHECKS: tuple[Check, ...] = (
    check(
        "booked_slots", "A sold window leads to the one live booking that has it", Severity.PAGE, BOOKED_SLOTS
    ),
    check("bookings_with_slot", "A live booking has its window", Severity.PAGE, BOOKINGS_WITH_SLOT),
    check("sold_once", "No window is sold twice", Severity.PAGE, SOLD_TWICE),
    check("visits_book_once", "No visit booked twice", Severity.TICKET, TWICE_A_VISIT),
    check(
        "bookings_with_job",
        "A live booking is known to ServiceTitan or has the job that tells it",
        Severity.PAGE,
        BOOKINGS_WITH_JOB,
    ),
    check("called_off", "A cancelled booking is called off in ServiceTitan", Severity.PAGE, CALLED_OFF),
    check("no_orphans", "Nothing belongs to a booking that does not exist", Severity.TICKET, ORPHANS),
    check("submissions", "A booking has the submission that made it", Severity.TICKET, SUBMISSIONS),
    check("last_status", "A booking's status is the last one of its history", Severity.TICKET, HISTORY),
    check("counters", "A crew's counter is the number of its sold windows", Severity.PAGE, COUNTERS),
    check("jobs_on_time", "No job is open past its deadline", Severity.PAGE, JOBS_LATE),
    check("messages_on_time", "No message is open past its time", Severity.TICKET, MESSAGES_LATE),
    check(
        "messages_with_job", "An open message has a job that will send it", Severity.TICKET, MESSAGES_WITH_JOB
    ),
    check("months", "Every month of bookings takes the ids of that month", Severity.TICKET, MONTHS),
    check("customers", "Customers' addresses and numbers are in their one form", Severity.TICKET, CUSTOMERS),
    check("erased", "Nothing came back to an erased booking", Severity.TICKET, ERASED),
    check("fresh_reports", "The reports' figures are fresh", Severity.TICKET, REPORTS),
)
BY_NAME: Mapping[str, Check] = {known.name: known for known in CHECKS}
