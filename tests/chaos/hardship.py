"""Long outages, poisoned jobs, rolling restarts, and a backlog of thousands."""

import threading
import time
import uuid
from pathlib import Path

from tests.chaos import quiet, verdict
from tests.chaos.clients import LIVELY, Answer, Crowd, Habits
from tests.chaos.crew import crew
from tests.chaos.headline import zips
from tests.chaos.product import WORKERS, Product
from tests.chaos.proxy import Mode
from tests.chaos.verdict import Figure

OUTAGE_MINUTES, LEAP_MINUTES, LONGEST_DRAIN = 360, 10, 90
BREATH = 1.5  # seconds in which dispatcher and workers act between two leaps
LEAP = (
    "UPDATE queue_jobs SET scheduled_at = scheduled_at - make_interval(mins => :minutes),"
    " deadline_at = deadline_at - make_interval(mins => :minutes), lease_until = lease_until - make_interval(mins => :minutes),"
    " dispatched_at = dispatched_at - make_interval(mins => :minutes) WHERE status IN ('pending', 'processing') AND booking_id IS NOT NULL"
)
LEAP_NOTES = (
    "UPDATE notifications SET due_at = due_at - make_interval(mins => :minutes) WHERE status = 'pending'"
)
LEAP_CIRCUIT = "UPDATE provider_health SET next_probe_at = next_probe_at - make_interval(mins => :minutes)"
PROVIDERS_LIMIT = 60.0  # calls a second
UNREADABLE = "payload - 'notification_id' || jsonb_build_object('was', payload -> 'notification_id')"
READABLE_AGAIN = "payload || jsonb_build_object('notification_id', payload -> 'was')"
HUGE = "payload || jsonb_build_object('x', repeat('x', 10000000))"
ENDLESS = "payload || jsonb_build_object('version', repeat('9', 5000))"


def long_outage(product: Product, people: int, breath: float = BREATH) -> list[Figure]:
    """Let every provider refuse for six hours, ten minutes at a leap, and come back."""
    for name in WORKERS:
        product.stack.supervisor.pause(name)
    crowd = Crowd(product, zips(product), 400, Habits(texts=0.5)).run(people, 4)
    product.provider_proxy.set(Mode.REFUSE)
    for name in WORKERS:
        product.stack.supervisor.resume(name)
    for _ in range(OUTAGE_MINUTES // LEAP_MINUTES):
        time.sleep(breath)
        leap(product)
    buried, spent = dead_letters(product, crowd), most_attempts(product, crowd)
    before, began, leaps = len(product.effects()), time.monotonic(), 0
    product.provider_proxy.set(Mode.PASS)
    while quiet.wait(product, breath * 4) is None and leaps < LONGEST_DRAIN // LEAP_MINUTES:
        leaps += 1
        leap(product)
    took = time.monotonic() - began
    return [
        verdict.exactly("bookings accepted meanwhile", crowd.count(Answer.ACCEPTED), people),
        verdict.exactly("dead letters inside their deadline", buried.get("inside", 0), 0),
        verdict.told("dead letters at their deadline, by type", buried.get("late", {})),
        verdict.at_most("most attempts of a job", spent, 20),
        verdict.at_most("drained after, at most", (leaps + 1) * LEAP_MINUTES, LONGEST_DRAIN, " min"),
        verdict.at_most(
            "effects a second while draining",
            (len(product.effects()) - before) / max(1, took),
            PROVIDERS_LIMIT,
        ),
        *verdict.standing(product),
    ]


def leap(product: Product) -> None:
    """Let ten minutes have passed for everything that waits."""
    for sql in (LEAP, LEAP_NOTES, LEAP_CIRCUIT):
        product.rows(sql, minutes=LEAP_MINUTES)


def dead_letters(product: Product, crowd: Crowd) -> dict[str, object]:
    """Count jobs given up before their deadline, and by type those given up at it."""
    rows = product.rows(
        "SELECT q.job_type, q.outcome, count(*) AS number FROM queue_jobs q JOIN bookings b ON b.id = q.booking_id"
        " WHERE b.reference = ANY(:references) AND q.status = 'failed' GROUP BY 1, 2",
        references=crowd.references,
    )
    late = {row.job_type: row.number for row in rows if row.outcome == "deadline"}
    return {"inside": sum(row.number for row in rows if row.outcome != "deadline"), "late": late}


def most_attempts(product: Product, crowd: Crowd) -> int:
    """Return the largest number of attempts that a job used up."""
    return int(
        product.one(
            "SELECT max(q.attempts) FROM queue_jobs q JOIN bookings b ON b.id = q.booking_id WHERE b.reference = ANY(:references)",
            references=crowd.references,
        )
    )


def poison(product: Product, folder: Path, normal: int) -> list[Figure]:
    """Put jobs among the others that kill their worker each time, cannot be read, or are huge."""
    notes = folder / "notes"
    notes.mkdir(parents=True)
    for name in WORKERS:
        product.stack.supervisor.pause(name)
    crowd = Crowd(product, zips(product), 410, Habits(texts=0)).run(normal // 2 + 2, 4)
    for name in WORKERS:
        product.stack.supervisor.resume(name)
    emails = mails_of(product, crowd)
    killer, unreadable, huge, endless = emails[:4]
    let_kill(product, killer, notes)
    change_payload(product, unreadable, UNREADABLE)
    change_payload(product, huge, HUGE)
    change_payload(product, endless, ENDLESS)
    product.rows("UPDATE queue_jobs SET scheduled_at = now() WHERE id = ANY(:ids)", ids=emails)
    with crew(product, {"A1_KILL_AT": "after_claim", "A1_KILL_NOTES": str(notes)}):
        ended = product.wait(lambda: outcome(product, killer) == "poison", 180)
        hurry_retries(product, [unreadable, endless])
        quiet.wait(product, 240)
    change_payload(product, unreadable, READABLE_AGAIN)
    tries = product.one("SELECT attempts FROM queue_jobs WHERE id = :id", id=killer)
    others = [job for job in emails if job not in {killer, unreadable, endless}]
    return [
        verdict.exactly("outcome of a job that kills its worker", outcome(product, killer), "poison"),
        verdict.told("buried after", f"{ended or -1:.0f} s"),
        verdict.exactly("workers it killed", tries, 3),
        verdict.exactly("outcome of a job that cannot be read", outcome(product, unreadable), "exhausted"),
        verdict.exactly("outcome of a job with a senseless number", outcome(product, endless), "exhausted"),
        verdict.exactly("outcome of a job of 10 MB", outcome(product, huge), "ok"),
        verdict.exactly("others not delivered", sum(outcome(product, job) != "ok" for job in others), 0),
        *verdict.standing(product),
    ]


def let_kill(product: Product, killer: uuid.UUID, notes: Path) -> None:
    """Mark this job so that it kills whoever takes it, and every other one that waits so that it never does."""
    for job_id in (row.id for row in product.rows("SELECT id FROM queue_jobs WHERE status = 'pending'")):
        if job_id != killer:
            (notes / f"{job_id}.after_claim").touch()
    (notes / f"{killer}.poison").touch()


def change_payload(product: Product, job_id: uuid.UUID, into: str) -> None:
    """Write another payload into a job: `into` is an SQL expression over the present one."""
    product.rows(f"UPDATE queue_jobs SET payload = {into} WHERE id = :id", id=job_id)


def mails_of(product: Product, crowd: Crowd) -> list[uuid.UUID]:
    """Return the e-mail jobs of these people."""
    rows = product.rows(
        "SELECT q.id FROM queue_jobs q JOIN bookings b ON b.id = q.booking_id WHERE b.reference = ANY(:references)"
        " AND q.job_type = 'klaviyo.send_event' AND q.payload ? 'notification_id'"
        " AND q.dedupe_key LIKE '%confirmation%' ORDER BY q.seq",
        references=crowd.references,
    )
    return [row.id for row in rows]


def outcome(product: Product, job_id: uuid.UUID) -> object:
    """Return how a job ended."""
    return product.one("SELECT outcome FROM queue_jobs WHERE id = :id", id=job_id)


def hurry_retries(product: Product, jobs: list[uuid.UUID]) -> None:
    """Let the pauses between the tries of these jobs have passed, until they are given up."""

    def all_ended() -> bool:
        product.rows(
            "UPDATE queue_jobs SET scheduled_at = now() WHERE id = ANY(:ids) AND status = 'pending'", ids=jobs
        )
        return all(outcome(product, job) for job in jobs)

    product.wait(all_ended, 180, every=0.5)


def rolling_restart(product: Product, people: int, pause: float) -> list[Figure]:
    """Restart every process in turn, in order, while people book."""
    crowd = Crowd(product, zips(product), 420, LIVELY)
    booking = threading.Thread(target=crowd.run, args=(people, 6), kwargs={"over": pause * 6})
    booking.start()
    for name in ("web", "dispatcher", *WORKERS, "web"):
        time.sleep(pause)
        product.stack.supervisor.pause(name)
        product.stack.supervisor.resume(name)
    booking.join()
    took = quiet.wait(product, 180)
    return [
        verdict.exactly("people without an answer", crowd.count(Answer.UNANSWERED), 0),
        verdict.exactly("accepted bookings lost", verdict.lost(product, crowd), 0),
        verdict.exactly("HTTP 500 and 502", crowd.statuses[500] + crowd.statuses[502], 0),
        verdict.told("answers", dict(sorted(crowd.statuses.items()))),
        verdict.told("delivered after", f"{took or -1:.0f} s"),
        *verdict.standing(product),
    ]
