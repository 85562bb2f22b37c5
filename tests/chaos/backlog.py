"""Ten thousand jobs are waiting when the workers come: each is rung for about once, the oldest go first, nobody grows."""

import uuid
from pathlib import Path

from tests.chaos import verdict
from tests.chaos.clients import Crowd, Habits
from tests.chaos.headline import zips
from tests.chaos.product import WORKERS, Product
from tests.chaos.verdict import Figure

ENQUEUES_A_JOB = 1.5
GROWTH_MB = 40.0
# Jobs that were older and yet began later than their neighbours by more places than this went out of order.
PLACES = 50
ADD = (
    "WITH n AS (SELECT generate_series(1, :count) AS n),"
    " message AS (INSERT INTO notifications (booking_id, type, provider, template, recipient_hash, dedupe_key)"
    " SELECT :booking, 'email', 'klaviyo', 'cancelled', :hash, :mark || n FROM n RETURNING id, dedupe_key)"
    " INSERT INTO queue_jobs (queue_name, job_type, booking_id, priority, max_attempts, payload, dedupe_key, scheduled_at, deadline_at)"
    " SELECT 'notify', 'klaviyo.send_event', :booking, 5, 20,"
    " jsonb_build_object('notification_id', id, 'version', 1000 + substr(dedupe_key, length(:mark) + 1)::integer),"
    " 'job:' || dedupe_key, now() - make_interval(secs => :count - substr(dedupe_key, length(:mark) + 1)::integer),"
    " now() + interval '1 day' FROM message"
)
WAITING = "SELECT count(*) FROM queue_jobs WHERE dedupe_key LIKE 'job:' || :mark || '%' AND status IN ('pending', 'processing')"
OUT_OF_ORDER = (
    "SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY scheduled_at, seq) AS wanted, row_number() OVER (ORDER BY started_at) AS got"
    " FROM queue_jobs WHERE dedupe_key LIKE 'job:' || :mark || '%') x WHERE abs(wanted - got) > :places"
)
RINGS = "SELECT avg(dispatch_count)::float FROM queue_jobs WHERE dedupe_key LIKE 'job:' || :mark || '%'"


def run(product: Product, jobs: int) -> list[Figure]:
    """Pile up so many e-mails with the workers away, then let them work."""
    crowd = Crowd(product, zips(product), 500, Habits(texts=0)).run(1)
    row = product.rows("SELECT id FROM bookings WHERE reference = :r", r=crowd.references[0])[0]
    for name in WORKERS:
        product.stack.supervisor.pause(name)
    mark = f"backlog-{uuid.uuid4().hex[:8]}:"
    product.rows(ADD, count=jobs, booking=row.id, hash=b"nobody", mark=mark)
    for name in WORKERS:
        product.stack.supervisor.resume(name)
    product.wait(lambda: product.one(WAITING, mark=mark) < jobs - min(500, jobs // 10), 120)
    early = memory(product)
    took = product.wait(lambda: product.one(WAITING, mark=mark) == 0, 60 + jobs / 5, every=1.0)
    grown = {name: round(memory(product)[name] - early[name], 1) for name in early}
    figures = [
        verdict.exactly("jobs left", product.one(WAITING, mark=mark), 0),
        verdict.told("jobs, jobs a second", f"{jobs}, {jobs * 0.9 / (took or 1e9):.0f}"),
        verdict.at_most("enqueues a job", round(product.one(RINGS, mark=mark), 2), ENQUEUES_A_JOB),
        verdict.exactly(
            f"more than {PLACES} places out of order", product.one(OUT_OF_ORDER, mark=mark, places=PLACES), 0
        ),
        verdict.at_most(f"memory grown {grown}", max(grown.values()), GROWTH_MB, " MB"),
    ]
    product.rows("DELETE FROM queue_jobs WHERE dedupe_key LIKE 'job:' || :mark || '%'", mark=mark)
    product.rows("DELETE FROM notifications WHERE dedupe_key LIKE :mark || '%'", mark=mark)
    return figures


def memory(product: Product) -> dict[str, float]:
    """Return how many MB dispatcher and workers hold."""
    return {name: resident(product.stack.supervisor.pid(name)) for name in ("dispatcher", *WORKERS[:2])}


def resident(pid: int) -> float:
    """Return a process's memory in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
