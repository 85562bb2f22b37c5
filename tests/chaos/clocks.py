"""Workers that stand still beyond their lease, and workers whose clock is wrong: only the database's time counts."""

import os
import signal
import time
from pathlib import Path

from tests.chaos import quiet, verdict
from tests.chaos.clients import Crowd, Habits
from tests.chaos.crew import crew
from tests.chaos.headline import zips
from tests.chaos.product import Product
from tests.chaos.verdict import Figure

SKEW = Path(__file__).parent / "skew"
JOBS = "/jpm/v2/tenant/*/jobs"
SKEWED_BY = 3600
JOBS_OF_A_BOOKING = 3
TAKEN_OVER_WITHIN = 180.0
ON_THE_WIRE = (
    "SELECT q.id FROM queue_jobs q WHERE q.job_type = 'servicetitan.create_job' AND q.status = 'processing'"
    " AND q.provider_ref @> '{\"create_sent\": true}'"
)


def frozen_worker(product: Product, times: int) -> list[Figure]:
    """Freeze a worker in mid-call until another has done its job, then let it go on."""
    fenced, thawed = words_in_log(product, "job_fenced"), 0
    crowd = Crowd(product, zips(product), 300, Habits(texts=0))
    with crew(product, queues=("critical",), each=1) as workers:
        for number in range(times * 2):
            if thawed == times:
                break
            product.order_fault("servicetitan", "latency", JOBS, method="POST", latency_ms=600)
            crowd.seed = 300 + number
            crowd.run(1)
            thawed += freeze_and_thaw(product, next(iter(workers.alive.values())).pid)
    quiet.wait(product, 180)
    return [
        verdict.at_least("workers frozen in mid-call and thawed after their job was done", thawed, times),
        verdict.exactly("writes refused to them", words_in_log(product, "job_fenced") - fenced, thawed),
        verdict.exactly("jobs not delivered", quiet.undelivered(product, crowd), 0),
        *verdict.standing(product),
    ]


def freeze_and_thaw(product: Product, pid: int) -> bool:
    """Freeze this worker while its call is on the wire; the product's own worker takes over."""
    if product.wait(lambda: product.rows(ON_THE_WIRE), 60, every=0.02) is None:
        return False
    os.kill(pid, signal.SIGSTOP)
    job_id = product.one(ON_THE_WIRE)
    try:
        if job_id is None:  # it was faster than we
            return False
        product.stack.supervisor.resume("worker-critical")
        done = product.wait(
            lambda: product.one("SELECT status FROM queue_jobs WHERE id = :id", id=job_id) == "completed",
            TAKEN_OVER_WITHIN,
        )
        product.stack.supervisor.pause("worker-critical")
    finally:
        os.kill(pid, signal.SIGCONT)
    time.sleep(1)
    return done is not None


def words_in_log(product: Product, words: str) -> int:
    """Count lines with these words in what the test's own workers said."""
    log = product.stack.supervisor.log_of("crew")
    return log.read_text(errors="replace").count(words) if log.exists() else 0


def wrong_clock(product: Product, jobs: int) -> list[Figure]:
    """Let workers work whose clock is an hour fast, and then an hour slow."""
    figures = []
    for direction in (1, -1):
        env = {"PYTHONPATH": str(SKEW), "A1_SKEW": str(direction * SKEWED_BY)}
        crowd = Crowd(product, zips(product), 310 + direction, Habits(texts=1))
        before = words_in_log(product, "job_completed")
        with crew(product, env):
            crowd.run(-(-jobs // JOBS_OF_A_BOOKING), 2)
            took = quiet.wait(product, 240)
        done = words_in_log(product, "job_completed") - before
        name = f"clock {direction:+d} h"
        figures += [
            verdict.at_least(f"{name}: jobs done", done, jobs),
            verdict.told(f"{name}: delivered after", f"{took or -1:.0f} s"),
            verdict.exactly(f"{name}: jobs run more than once", run_twice(product, crowd), 0),
            verdict.exactly(f"{name}: jobs not delivered", quiet.undelivered(product, crowd), 0),
        ]
    return [*figures, *verdict.standing(product)]


def run_twice(product: Product, crowd: Crowd) -> int:
    """Count jobs of these people that were tried or rescued more often than once."""
    return int(
        product.one(
            "SELECT count(*) FROM queue_jobs q JOIN bookings b ON b.id = q.booking_id WHERE b.reference = ANY(:references)"
            " AND (q.attempts > 1 OR q.rescue_count > 0)",
            references=crowd.references,
        )
    )
