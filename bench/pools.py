"""How many transactions at once a database likes: the writes of a booking by pgbench, at several sizes of pool in turns.

Run it with `python -m bench.pools`. Compare rows of one run only; it takes a minute.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

import psycopg

from sandbox.postgres import Cluster, throwaway_cluster

SIZES = (2, 4, 8, 16, 50)
ROUNDS, SECONDS = 3, 2
AREA = "INSERT INTO service_areas (zip_code, city, state, timezone) VALUES ('85004', 'Phoenix', 'AZ', 'America/Phoenix')"
CUSTOMER = "INSERT INTO customers (first_name, last_name, email, phone) VALUES ('Ana', 'Ruiz', 'bench@example.com', '+16025550123')"
WEIGHT = (
    "SELECT n, (SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('bookings'))::bigint / n,"
    " (pg_total_relation_size('notifications') + pg_total_relation_size('queue_jobs')) / n,"
    " (SELECT wal_bytes FROM pg_stat_wal)::bigint / n FROM (SELECT count(*) AS n FROM bookings) counted"
)
BOOKING = """BEGIN;
SELECT uuid_v7() AS booking \\gset
INSERT INTO bookings (id, customer_id, service_area_id, issue_type, door_count, homeowner_status, preferred_time, window_end,
 address_line1, contact_first_name, contact_last_name, contact_email, contact_phone)
 SELECT :booking::uuid, c.id, a.id, 'broken_spring', 1, 'owner', now() + interval '3 days', now() + interval '3 days 2 hours',
 '12 Oak Street', 'Ana', 'Ruiz', 'bench@example.com', '+16025550123' FROM service_areas a, customers c LIMIT 1;
INSERT INTO notifications (booking_id, type, provider, template, dedupe_key)
 SELECT :booking::uuid, 'email', 'klaviyo', 'cancelled', :booking::text || n FROM generate_series(1, 2) n;
INSERT INTO queue_jobs (queue_name, job_type, booking_id, priority, max_attempts, payload, dedupe_key, deadline_at)
 SELECT 'notify', 'klaviyo.send_event', :booking::uuid, 5, 20, '{}', 'job:' || :booking::text || n, now() + interval '1 day'
 FROM generate_series(1, 3) n;
COMMIT;
"""


def main() -> int:
    """Measure each size several times, interleaved, and print one table."""
    rates: dict[int, list[float]] = defaultdict(list)
    with (
        tempfile.TemporaryDirectory(prefix="a1-bench-") as folder,
        throwaway_cluster(Path(folder) / "cluster", fsync=True) as cluster,
    ):
        prepare(cluster)
        for _ in range(ROUNDS):
            for size in SIZES:
                rates[size].append(run(cluster, size))
        weight = weigh(cluster)
    best = max(median(found) for found in rates.values())
    print(f"{os.cpu_count()} cores, {ROUNDS} rounds of {SECONDS} s, load {os.getloadavg()[0]:.0f}\n")
    print("| at once | bookings/s, middle | of the best | each round |")
    print("|---|---|---|---|")
    for size, found in rates.items():
        each = ", ".join(f"{rate:.0f}" for rate in found)
        print(f"| {size} | {median(found):.0f} | {median(found) / best:.0%} | {each} |")
    print(f"\n{weight}")
    return 0


def weigh(cluster: Cluster) -> str:
    """Say what one booking weighs with its messages and jobs: on disk, indexes included, and in WAL."""
    with psycopg.connect(cluster.libpq("postgres")) as admin:
        row = admin.execute(WEIGHT).fetchone()
    assert row
    return "{} bookings; bytes each: {} in bookings, {} in notifications and queue_jobs, {} of WAL".format(
        *row
    )


def prepare(cluster: Cluster) -> None:
    """Make the schema, one customer and one area."""
    names = {
        "DATABASE_URL": cluster.app_url, "MIGRATION_DATABASE_URL": cluster.owner_url, "APP_ENV": "local",
        "SECRET_KEY": "bench", "PRIVACY_HASH_KEY": "bench too", "PUBLIC_BASE_URL": "http://127.0.0.1",
    }  # fmt: skip
    upgrade = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
    subprocess.run(upgrade, env=os.environ | names, check=True, capture_output=True)
    with psycopg.connect(cluster.libpq("a1_owner")) as owner:
        owner.execute(AREA)
        owner.execute(CUSTOMER)


def run(cluster: Cluster, size: int) -> float:
    """Return transactions a second."""
    script = cluster.home / "booking.sql"
    script.write_text(BOOKING)
    words = [
        str(cluster.bin / "pgbench"),
        "--no-vacuum",
        "--protocol=extended",
        f"--client={size}",
        f"--time={SECONDS}",
        f"--file={script}",
    ]
    done = subprocess.run([*words, cluster.libpq("a1_app")], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return float(re.findall(r"tps = ([\d.]+)", done.stdout)[0])


if __name__ == "__main__":
    sys.exit(main())
