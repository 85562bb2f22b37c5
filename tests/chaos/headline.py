"""Many people book while everything breaks: the run that the contract is about."""

import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass

from tests.chaos import quiet, verdict
from tests.chaos.clients import LIVELY, Crowd
from tests.chaos.crew import helpers
from tests.chaos.product import Product
from tests.chaos.schedule import BadProviders, Saboteur, planned
from tests.chaos.verdict import Figure

ZIPS_PER_ZONE = 4
TUCSON = ("85701", "85704", "85705", "85710")  # one more crew: the metro area alone has no thousand windows
SETTLED_WITHIN = 180.0


@dataclass(frozen=True)
class Size:
    """How large a run is. `pace` seconds lie between two faults."""

    bookings: int
    faults: int
    seed: int
    at_once: int = 8
    pace: float = 1.0


def serve_more(product: Product) -> None:
    """Open another city, as an operator would."""
    for command in (("areas", "add", *TUCSON), ("slots", "sync")):
        flask = [sys.executable, "-m", "flask", "--app", "wsgi", *command]
        subprocess.run(flask, env=product.stack.process_environment(), check=True, capture_output=True)


def zips(product: Product) -> list[str]:
    """Choose ZIP codes of every crew, so that there are windows for everyone."""
    rows = product.rows(
        "SELECT DISTINCT split_part(s.external_slot_id, ':', 3) AS crew, a.zip_code FROM time_slots s"
        " JOIN service_areas a ON a.id = s.service_area_id WHERE s.external_slot_id IS NOT NULL ORDER BY 1, 2"
    )
    seen: Counter[str] = Counter()
    chosen = []
    for row in rows:
        seen[row.crew] += 1
        if seen[row.crew] <= ZIPS_PER_ZONE:
            chosen.append(row.zip_code)
    return chosen


def run(product: Product, size: Size) -> list[Figure]:
    """Book under fire, wait until it is quiet, and judge. ServiceTitan's queue has a second worker."""
    serve_more(product)
    crowd = Crowd(product, zips(product), size.seed, LIVELY)
    saboteur = Saboteur(product, planned(size.seed, size.faults), size.seed)
    over = 0.9 * size.faults * size.pace
    people = threading.Thread(target=crowd.run, args=(size.bookings, size.at_once), kwargs={"over": over})
    began = time.monotonic()
    with helpers(product, queues=("critical",), each=1):
        with BadProviders(product, size.seed) as providers:
            people.start()
            saboteur.work(size.pace)
            people.join()
        lasted = time.monotonic() - began
        settled = settle(product, crowd, saboteur.last_at)
    return [
        verdict.told("people", size.bookings),
        verdict.told("faults", sum(saboteur.done.values())),
        *settled,
        verdict.told("provider calls meanwhile", providers.calls),
        verdict.told("of them spoiled", f"{100 * providers.spoiled / max(1, providers.calls):.0f} %"),
        verdict.told("changes of mind", dict(crowd.changes)),
        verdict.told("answers", dict(sorted(crowd.statuses.items()))),
        verdict.told("booked and broken for", f"{lasted:.0f} s"),
        *how_jobs_ended(product),
    ]


def settle(product: Product, crowd: Crowd, last_fault_at: float) -> list[Figure]:
    """Wait until nothing is under way any more, at most three minutes after the last fault, then judge."""
    left = max(10.0, last_fault_at + SETTLED_WITHIN - time.monotonic())
    took = quiet.wait(product, left)
    after = None if took is None else time.monotonic() - last_fault_at
    as_of = product.one(
        "SELECT clock_timestamp()"
    )  # a reminder that comes due while we judge is none of these
    figures = verdict.judge(product, crowd, after, as_of)
    if took is None:
        figures += [
            verdict.told("left over", str(tuple(row)))
            for row in product.rows(verdict.LEFT_OVER, as_of=as_of)[:10]
        ]
    return figures


def how_jobs_ended(product: Product) -> list[Figure]:
    """Say how many jobs ended how."""
    ends = {f"{row.job_type} {row.ending}": row.number for row in product.rows(verdict.ENDS)}
    enqueues = product.one(
        "SELECT round(avg(dispatch_count), 2) FROM queue_jobs WHERE booking_id IS NOT NULL"
    )
    rescues = product.one("SELECT coalesce(sum(rescue_count), 0) FROM queue_jobs")
    return [
        verdict.told("jobs ended", dict(sorted(ends.items()))),
        verdict.told("rings a job", enqueues),
        verdict.told("rescues still counted", rescues),
    ]
