"""What is left when the dust has settled, read from the database and from what the providers really got."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from app.maintenance.integrity.checks import CHECKS
from app.maintenance.integrity.looking import EVERYTHING
from tests.chaos.clients import Answer, Crowd
from tests.chaos.product import Product

LIVE = "status <> 'cancelled'"

SLOTS_WRONG = (
    "SELECT (SELECT count(*) FROM time_slots s LEFT JOIN bookings b ON b.id = s.booking_id"
    f"  WHERE s.booking_id IS NOT NULL AND (b.id IS NULL OR NOT b.{LIVE} OR b.time_slot_id <> s.id))"
    f" + (SELECT count(*) FROM bookings b WHERE {LIVE}"
    "  AND (SELECT count(*) FROM time_slots s WHERE s.booking_id = b.id) <> 1)"
    f" + (SELECT count(*) FROM (SELECT time_slot_id FROM bookings WHERE {LIVE} GROUP BY 1 HAVING count(*) > 1) twice)"
)
COUNTERS_WRONG = (
    "SELECT count(*) FROM (SELECT c.taken, c.capacity, count(s.booking_id) AS booked FROM slot_capacity c"
    " LEFT JOIN time_slots s USING (external_slot_id) GROUP BY c.external_slot_id, c.taken, c.capacity) x WHERE taken <> booked"
)
TWICE_A_VISIT = "SELECT count(*) FROM (SELECT session_id FROM bookings GROUP BY 1 HAVING count(*) > 1) twice"
# Every promise that must stand beside a booking, each as: what is missing, and how to find who misses it.
HALVES: Mapping[str, str] = {
    "submission": "NOT EXISTS (SELECT 1 FROM booking_submissions x WHERE x.booking_id = b.id AND x.session_id = b.session_id)",
    "visit": "NOT EXISTS (SELECT 1 FROM wizard_sessions x WHERE x.booking_id = b.id AND x.id = b.session_id)",
    "customer": "NOT EXISTS (SELECT 1 FROM customers x WHERE x.id = b.customer_id)",
    "manage link": "NOT EXISTS (SELECT 1 FROM manage_links x WHERE x.booking_id = b.id)",
    "history": "(SELECT to_status FROM booking_status_history x WHERE x.booking_id = b.id ORDER BY at DESC, id DESC LIMIT 1)"
    " IS DISTINCT FROM b.status OR NOT EXISTS (SELECT 1 FROM booking_status_history x WHERE x.booking_id = b.id"
    " AND from_status IS NULL AND to_status = 'pending')",
    "create job": "(SELECT count(*) FROM queue_jobs x WHERE x.booking_id = b.id AND job_type = 'servicetitan.create_job') <> 1",
    "e-mail": "(SELECT count(*) FROM notifications x WHERE x.booking_id = b.id AND type = 'email' AND template = 'confirmation') <> 1",
    "SMS": "(SELECT count(*) FROM notifications x WHERE x.booking_id = b.id AND type = 'sms' AND template = 'confirmation')"
    " <> b.contact_sms_opt_in::int",
    "consent": "b.contact_sms_opt_in AND NOT EXISTS (SELECT 1 FROM consents x WHERE x.booking_id = b.id AND action = 'opt_in')",
    "word of the cancel": "b.status = 'cancelled' AND (NOT EXISTS (SELECT 1 FROM queue_jobs x WHERE x.booking_id = b.id"
    " AND job_type = 'servicetitan.cancel_job') OR NOT EXISTS (SELECT 1 FROM notifications x WHERE x.booking_id = b.id"
    " AND template = 'cancelled' AND type = 'email'))",
    "word of the move": "EXISTS (SELECT 1 FROM analytics_events e WHERE e.booking_id = b.id AND e.event_type = 'booking_moved')"
    " AND NOT EXISTS (SELECT 1 FROM notifications x WHERE x.booking_id = b.id AND template = 'moved')",
}
MESSAGES_WITHOUT_JOB = (
    "SELECT count(*) FROM notifications n WHERE (SELECT count(*) FROM queue_jobs q"
    " WHERE q.booking_id = n.booking_id AND q.payload ->> 'notification_id' = n.id::text) <> 1"
)
# What nobody has tried yet and is to happen later, such as a reminder, is not due; a second try that waits is.
LATER = (
    "status = 'pending' AND scheduled_at > coalesce(CAST(:as_of AS timestamptz), now())"
    " AND attempts = 0 AND defer_count = 0 AND rescue_count = 0"
)
DUE_JOBS = (
    f"FROM queue_jobs WHERE status IN ('pending', 'processing') AND booking_id IS NOT NULL AND NOT ({LATER})"
)
OPEN = (
    f"SELECT (SELECT count(*) {DUE_JOBS}) + (SELECT count(*) FROM notifications WHERE status = 'pending'"
    f" AND id::text NOT IN (SELECT payload ->> 'notification_id' FROM queue_jobs WHERE {LATER} AND payload ? 'notification_id'))"
)
LEFT_OVER = (
    "SELECT job_type, status, attempts, defer_count, rescue_count, dispatch_count,"
    f" round(extract(epoch FROM scheduled_at - now())) AS due_in, error_msg {DUE_JOBS}"
)
ENDS = "SELECT job_type, coalesce(outcome, status) AS ending, count(*) AS number FROM queue_jobs WHERE booking_id IS NOT NULL GROUP BY 1, 2"


@dataclass(frozen=True)
class Figure:
    """One line of a table: what was measured, what was wanted, and whether that is met."""

    name: str
    measured: str
    wanted: str
    good: bool


def at_most(name: str, measured: float, limit: float, unit: str = "") -> Figure:
    """Make a figure that may not be above a limit."""
    return Figure(name, f"{_short(measured)}{unit}", f"≤ {_short(limit)}{unit}", measured <= limit)


def at_least(name: str, measured: float, limit: float, unit: str = "") -> Figure:
    """Make a figure that may not be below a limit."""
    return Figure(name, f"{_short(measured)}{unit}", f"≥ {_short(limit)}{unit}", measured >= limit)


def exactly(name: str, measured: object, wanted: object) -> Figure:
    """Make a figure that has one right value."""
    return Figure(name, str(measured), str(wanted), measured == wanted)


def told(name: str, measured: object) -> Figure:
    """Make a figure that only informs."""
    return Figure(name, str(measured), "", good=True)


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def lost(product: Product, crowd: Crowd) -> int:
    """Count references that people were given and that lead to no booking of theirs."""
    known = {row.reference for row in product.rows("SELECT reference FROM bookings")}
    given = [visit.reference for visit in crowd.visits if visit.answer is Answer.ACCEPTED]
    changed = sum(len(visit.other_references) for visit in crowd.visits)
    return sum(reference not in known for reference in given) + changed + len(given) - len(set(given))


def half_states(product: Product) -> dict[str, int]:
    """Count bookings without something that belongs to them."""
    found = {
        missing: int(product.one(f"SELECT count(*) FROM bookings b WHERE {rule}"))
        for missing, rule in HALVES.items()
    }
    found["message's job"] = int(product.one(MESSAGES_WITHOUT_JOB))
    return {missing: number for missing, number in found.items() if number}


LOOK = dict.fromkeys(("since", "slots_since", "jobs_since"), EVERYTHING)


def broken_invariants(product: Product) -> dict[str, int]:
    """Ask what the product asks itself every night; the queries above are another hand's word on the same."""
    return {check.name: len(found) for check in CHECKS if (found := product.rows(check.query.text, **LOOK))}


def duplicates(product: Product) -> dict[str, int]:
    """Count what happened at a provider more often than once, by provider and kind."""
    found: Counter[str] = Counter()
    texts: Counter[str] = Counter()
    for effect in product.effects(kind="all"):
        if (effect["provider"], effect["kind"]) == ("twilio", "message"):
            texts[notification_of(effect)] += effect["count"]
        elif effect["count"] > 1 and effect["kind"] in ONCE:
            found[f"{effect['provider']} {effect['kind']}"] += effect["count"] - 1
    found["twilio message"] = sum(number - 1 for number in texts.values())
    return {what: number for what, number in found.items() if number}


ONCE = {"job", "cancel", "event", "message", "customer", "location"}


def notification_of(effect: Mapping[str, object]) -> str:
    """Return which message of ours a text was, by the address its status is to be reported to."""
    data = effect["data"]
    callback = str(data.get("callback")) if isinstance(data, dict) else ""
    return (parse_qs(urlsplit(callback).query).get("n") or [str(effect["id"])])[0]


def trucks(product: Product) -> int:
    """Count bookings whose visit at ServiceTitan is not what the booking says: none, one too many, or not called off."""
    made: dict[str, Counter[str]] = {}
    for effect in product.effects("servicetitan"):
        made.setdefault(str(effect["key"]), Counter())[effect["kind"]] += effect["count"]
    wrong = 0
    for row in product.rows("SELECT id, status, servicetitan_job_id, needs_attention FROM bookings"):
        counts = made.get(str(row.id), Counter())
        alive = counts["job"] - counts["cancel"]
        wrong += alive != (0 if row.status == "cancelled" else 1)
    return wrong


def wrong_times(product: Product) -> int:
    """Count live bookings whose visit at ServiceTitan stands at another time."""
    there: dict[str, tuple[str, str]] = {}
    for effect in product.effects("servicetitan", "all"):
        if effect["kind"] in {"job", "reschedule"} and effect["key"]:
            booking = str(effect["key"]).partition(":")[0]
            there[booking] = max(
                there.get(booking, ("", "")),
                (effect["data"].get("repeated_at", effect["at"]), effect["data"]["start"]),
            )
    rows = product.rows(
        "SELECT id, to_char(preferred_time AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI') AS at FROM bookings"
        f" WHERE {LIVE} AND servicetitan_job_id IS NOT NULL"
    )
    return sum(not there[str(row.id)][1].startswith(row.at) for row in rows if str(row.id) in there)


def refused_though_free(product: Product, crowd: Crowd) -> int:
    """Count people who were told that a window is taken which nobody has, and those who got no answer at all."""
    taken = {
        str(row.id)
        for row in product.rows(
            "SELECT s.id FROM time_slots s LEFT JOIN slot_capacity c USING (external_slot_id)"
            " WHERE s.booking_id IS NOT NULL OR c.taken >= c.capacity OR s.held_until > now()"
            " OR EXISTS (SELECT 1 FROM bookings b WHERE b.time_slot_id = s.id)"
        )
    }
    told_taken = [visit.slot_id for visit in crowd.visits if visit.answer is Answer.TAKEN]
    return sum(slot not in taken for slot in told_taken) + crowd.count(Answer.UNANSWERED)


def standing(product: Product) -> list[Figure]:
    """Judge what must hold at any time in which nothing is under way, whoever booked."""
    return [
        exactly("visits that booked twice", product.one(TWICE_A_VISIT), 0),
        exactly("windows sold twice or to nobody", product.one(SLOTS_WRONG), 0),
        exactly("counters that differ from what is booked", product.one(COUNTERS_WRONG), 0),
        exactly("half states", half_states(product) or 0, 0),
        exactly("invariants broken", broken_invariants(product) or 0, 0),
        exactly("duplicate provider effects", duplicates(product) or 0, 0),
        exactly("visits wrong at ServiceTitan", trucks(product), 0),
        exactly("visits there at another time", wrong_times(product), 0),
    ]


def still_open(product: Product, as_of: datetime | None = None) -> int:
    """Count jobs and messages that are not terminal though they were due at that moment; now, if none is given."""
    return int(product.one(OPEN, as_of=as_of))


def judge(product: Product, crowd: Crowd, terminal_after: float | None, as_of: datetime) -> list[Figure]:
    """Put the verdict together: of what was due when it had become quiet, or should have."""
    accepted = crowd.count(Answer.ACCEPTED)
    refused = refused_though_free(product, crowd)
    total_jobs = int(product.one("SELECT count(*) FROM queue_jobs WHERE booking_id IS NOT NULL"))
    return [
        told("bookings accepted", accepted),
        told("how submits ended", dict(Counter(str(visit.answer) for visit in crowd.visits))),
        at_least(
            "of the submits on free windows accepted", 100 * accepted / max(1, accepted + refused), 99, " %"
        ),
        exactly("accepted bookings lost", lost(product, crowd), 0),
        *standing(product),
        told("jobs", total_jobs),
        exactly("jobs and messages not terminal", still_open(product, as_of), 0),
        told("all terminal after", "never" if terminal_after is None else f"{terminal_after:.0f} s"),
        exactly("answers HTTP 500", crowd.statuses[500], 0),
        exactly("tracebacks shown", crowd.tracebacks, 0),
        exactly("odd answers", [v.odd for v in crowd.visits if v.odd] or 0, 0),
    ]


def table(title: str, figures: list[Figure]) -> str:
    """Write figures as a Markdown table."""
    lines = [f"### {title}", "", "| figure | measured | wanted | |", "|---|---|---|---|"]
    lines += [
        f"| {f.name} | {f.measured} | {f.wanted} | {'met' if f.good and f.wanted else '' if f.good else '**MISSED**'} |"
        for f in figures
    ]
    return "\n".join([*lines, ""])
