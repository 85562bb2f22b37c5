"""Years of believable data on a cluster of its own, written by the database itself: seasons, sources, repeat customers, outcomes.

`python -m bench.generate --into FOLDER` makes it, and leaves it for the benches that look at it. Where the rows are there
already it only brings statistics and reports up to date.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.maintenance import rollups
from bench.scratch import migrate, scratch_cluster, superuser
from bench.table import show
from sandbox.postgres import Cluster

Took = list[tuple[str, float]]  # parts and their seconds
ROWS = Path(__file__).parent / "rows"
ZONE = "America/Phoenix"
SEASON = (1.05, 0.95, 1.0, 0.95, 1.0, 1.1, 1.2, 1.15, 1.0, 0.95, 0.95, 1.0)
GROWTH = 1.012  # a month
EVENTS_A_VISIT = 8.2  # of the funnel in helpers.sql, with a quarter of the visits booked
BOOKED = 0.24
DAYS_BACK, DAYS_AHEAD = 365, 20
WORKERS = 2
LOADING = (
    "autovacuum=off",  # it would read again what is still being written; the end does it once for all
    "max_wal_size=16GB",
    "checkpoint_timeout=30min",
    "wal_level=minimal",
    "max_wal_senders=0",
)
ANALYSED = ("bookings", "analytics_events", "time_slots", "customers", "notifications", "queue_jobs", "booking_status_history",
            "manage_links", "booking_submissions", "consents", "wizard_sessions", "leads", "slot_capacity")  # fmt: skip


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    bookings: int = 5_000_000
    events: int = 20_000_000
    slots: int = 2_000_000
    months: int = 90
    areas: int = 500

    @property
    def windows(self) -> int:
        """Return how many windows an area has a day."""
        return max(1, min(14, round(self.slots / self.areas / (DAYS_BACK + DAYS_AHEAD + 1))))

    @property
    def customers(self) -> int:
        """Return how many people that is: most come once."""
        return max(1, self.bookings * 62 // 100)


@dataclass(frozen=True)
class Month:
    """One month's share: numbers of its first booking and visit, and how many there are."""

    m: int
    starts: datetime
    ends: datetime
    first: int
    bookings: int
    first_visit: int
    visits: int

    @property
    def booked(self) -> int:
        """Return how many visits end in a booking."""
        return min(self.bookings, math.floor(self.visits * BOOKED))


def main() -> int:
    """Make the data and say how long each part took."""
    parser = argparse.ArgumentParser(prog="python -m bench.generate", description=__doc__)
    parser.add_argument("--into", type=Path, required=True, help="folder for the cluster; it stays")
    for name, value in vars(Size()).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    options = vars(parser.parse_args())
    with scratch_cluster(options.pop("into").resolve(), *LOADING) as cluster:
        migrate(cluster)
        took = [*write_rows(cluster, Size(**options)), *settle(cluster)]
    show(("part", "seconds"), [(name, f"{seconds:.1f}") for name, seconds in took])
    return 0


def write_rows(cluster: Cluster, size: Size) -> Took:
    """Write everything, part by part, unless it is there; return what each took."""
    url = superuser(cluster)
    if has_rows(url):
        return []
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    months = plan(size, midnight)
    words = settings(size, months, midnight)
    newest_first: list[dict[str, object]] = [{"m": month.m} for month in reversed(months)]
    return timed(
        ("partitions", lambda: make_partitions(url, months)),
        ("helpers", lambda: start(url, months, words)),
        ("customers", lambda: side_by_side(url, "people", chunks(size.customers, 100_000), words)),
        ("windows of bookings", lambda: side_by_side(url, "recent", [{}], words)),
        ("bookings", lambda: side_by_side(url, "month", newest_first, words)),
        ("windows", lambda: side_by_side(url, "windows", stretches(midnight), words)),
        ("events", lambda: side_by_side(url, "visits", newest_first, words)),
        ("end", lambda: run(url, (ROWS / "end.sql").read_text())),
    )


def settle(cluster: Cluster) -> Took:
    """Leave everything as it is after a quiet night; return what each part took."""
    return timed(
        ("statistics", lambda: vacuum(superuser(cluster))),
        ("rollups", lambda: roll_up(cluster.url("a1_owner"))),
    )


def has_rows(url: str) -> bool:
    """Say whether an earlier run wrote all rows; one that was cut short cannot be continued."""
    with psycopg.connect(url) as connection:
        half, whole = connection.execute(
            "SELECT to_regnamespace('bench') IS NOT NULL, EXISTS (SELECT FROM bookings)"
        ).fetchone() or (False, False)
    if half:
        raise SystemExit("An earlier run was cut short: remove the folder and begin anew.")
    return bool(whole)


def timed(*parts: tuple[str, Callable[[], object]]) -> Took:
    """Do one part after the other, saying how long each took."""
    took = []
    for name, work in parts:
        began = time.monotonic()
        work()
        took.append((name, time.monotonic() - began))
        print(f"{name}: {took[-1][1]:.1f} s", file=sys.stderr, flush=True)
    return took


def plan(size: Size, midnight: datetime) -> list[Month]:
    """Share bookings and visits out over the months, with seasons and growth; the last month ends today at midnight."""
    first = midnight.year * 12 + midnight.month - size.months
    starts = [datetime(n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in range(first, first + size.months + 1)]
    ends = [min(after, midnight) for after in starts[1:]]
    weights = [
        SEASON[begin.month - 1] * GROWTH**n * ((end - begin) / timedelta(days=30))
        for n, (begin, end) in enumerate(zip(starts, ends, strict=False))
    ]
    bookings = shares(size.bookings, weights)
    visits = shares(round(size.events / EVENTS_A_VISIT), weights)
    return [
        Month(n, starts[n], ends[n], sum(bookings[:n]), bookings[n], sum(visits[:n]), visits[n])
        for n in range(size.months)
        if ends[n] > starts[n]
    ]


def shares(whole: int, weights: Sequence[float]) -> list[int]:
    """Split a number by weights into numbers that add up to it."""
    total, given, answer = sum(weights), 0, []
    passed = 0.0
    for weight in weights:
        passed += weight
        answer.append(round(whole * passed / total) - given)
        given += answer[-1]
    return answer


def settings(size: Size, months: list[Month], midnight: datetime) -> dict[str, object]:
    """Return what the files of SQL leave open."""
    a_day = size.areas * size.windows
    return {
        "begins": moment(months[0].starts),
        "ends": moment(midnight),
        "now": moment(midnight),
        "customers": size.customers,
        "areas": size.areas,
        "windows": size.windows,
        "a_day": a_day,
        "stride": next(n for n in range(7919, 9000) if math.gcd(n, a_day) == 1),
        "first_day": day(midnight - timedelta(days=DAYS_BACK)),
        "last_day": day(midnight + timedelta(days=DAYS_AHEAD)),
    }


def moment(at: datetime) -> str:
    """Return a moment as SQL."""
    return f"'{at.isoformat()}'::timestamptz"


def day(at: datetime) -> str:
    """Return a day as SQL."""
    return f"'{at.date()}'::date"


def chunks(whole: int, each: int) -> list[dict[str, object]]:
    """Split 1..whole."""
    return [{"first": n, "last": min(n + each - 1, whole)} for n in range(1, whole + 1, each)]


def stretches(midnight: datetime, each: int = 20) -> list[dict[str, object]]:
    """Split the days that have windows."""
    return [
        {
            "first_day": day(midnight + timedelta(days=n)),
            "last_day": day(midnight + timedelta(days=min(n + each - 1, DAYS_AHEAD))),
        }
        for n in range(-DAYS_BACK, DAYS_AHEAD + 1, each)
    ]


def make_partitions(url: str, months: list[Month]) -> None:
    """Make every month and week since the beginning, and those to come."""
    since = moment(months[0].starts - timedelta(days=1))
    run(url, f"SELECT ensure_partitions({since}, now() + interval '14 months', now() + interval '12 weeks')")


def start(url: str, months: list[Month], words: dict[str, object]) -> None:
    """Make the helpers and write the plan down where they find it."""
    run(url, (ROWS / "helpers.sql").read_text())
    run(url, (ROWS / "numbers.sql").read_text().format(**words))
    values = ", ".join(
        f"({m.m}, {moment(m.starts)}, {moment(m.ends)}, {m.first}, {m.bookings}, {m.first_visit}, {m.visits}, {m.booked})"
        for m in months
    )
    run(url, f"INSERT INTO bench.months VALUES {values}")


def side_by_side(url: str, name: str, pieces: list[dict[str, object]], words: dict[str, object]) -> None:
    """Run a file of SQL for each piece, a few at a time."""
    source = (ROWS / f"{name}.sql").read_text()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda piece: run(url, source.format(**words | piece)), pieces))


def run(url: str, script: str) -> None:
    """Run a script in one transaction. Its rows are right by making, so foreign keys need not be looked up one by one."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "SET session_replication_role = replica; SET jit = off; SET work_mem = '256MB'; SET timezone = 'UTC'"
        )
        connection.execute(script.encode())


def vacuum(url: str) -> None:
    """Leave the tables as they are after a quiet night."""

    def one(table: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"VACUUM (ANALYZE, PARALLEL 0) {table}".encode())

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(one, ANALYSED))


def roll_up(url: str) -> None:
    """Fill the tables that reports read, as the product does.

    A plan for every day anew would take five times as long: each looks at all weeks there are, and here those are 400.
    """
    engine = create_engine(url, connect_args={"options": "-c plan_cache_mode=force_generic_plan"})

    def transact(work: Callable[[Session], int]) -> int:
        with Session(engine) as session, session.begin():
            return work(session)

    rollups.bring_up_to_date(transact, ZONE)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()


if __name__ == "__main__":
    sys.exit(main())
