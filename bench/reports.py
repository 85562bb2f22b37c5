"""Every staff report over years of data: its time in SQL, its figures against the raw rows, and what a booking's lookup reads.

`python -m bench.reports --data FOLDER` takes what `bench.generate` made.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.orm import Session

from app.booking import promise
from app.staff.days import Span
from app.staff.reports import REPORTS
from app.staff.reports.base import Ask, Report
from app.staff.reports.views import read_contents
from bench.generate import ZONE
from bench.scratch import scratch_cluster
from bench.table import show

FLOOR_MS = 50.0
RANGES = {"7 days": 7, "30 days": 30, "1 year": 365, "7 years": 7 * 365 + 2}
TRIES = 5
COMMONEST = {"channel": "google", "partner": "direct", "device": "mobile", "locale": "en"}
BRUTE = text(
    "SELECT event_data ->> 'step' AS step, count(DISTINCT session_id) FILTER (WHERE event_type = 'step_viewed') AS viewed,"
    " count(DISTINCT session_id) FILTER (WHERE event_type = 'step_completed') AS completed,"
    " count(*) FILTER (WHERE event_type = 'step_error') AS errors FROM analytics_events"
    " WHERE session_id ~ '^[0-9a-f-]{36}$' AND NOT is_bot AND created_at >= CAST(:first AS date) - 1"
    " AND (uuid_v7_time(CAST(session_id AS uuid)) AT TIME ZONE :zone)::date BETWEEN :first AND :last GROUP BY 1"
)
ROLLED = text(
    "SELECT step, sum(viewed)::bigint AS viewed, sum(completed)::bigint AS completed, sum(errors)::bigint AS errors"
    " FROM funnel_daily WHERE day BETWEEN :first AND :last GROUP BY 1"
)
SIZES = (
    "bookings",
    "analytics_events",
    "time_slots",
    "customers",
    "notifications",
    "booking_status_history",
    "funnel_daily",
    "report_counts_daily",
)


def main() -> int:
    """Time each report over each range, and print what is too slow or wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.reports", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder that bench.generate filled")
    options = parser.parse_args()
    with scratch_cluster(options.data.resolve()) as cluster:
        engine, owner = create_engine(cluster.url("a1_report")), create_engine(cluster.url("a1_owner"))
        try:
            times = time_all(engine)
            with owner.connect() as connection:
                show(("table", "rows"), [(name, size_of(connection, name)) for name in SIZES])
                is_equal = funnel_is_right(connection)
                partitions = partitions_of_a_lookup(connection)
        finally:
            engine.dispose()
            owner.dispose()
    rows = [
        (name, *(f"{times[name, days]:.1f}" for days in RANGES))
        for name in dict.fromkeys(name for name, _ in times)
    ]
    show(("report, ms in SQL", *RANGES), rows)
    slowest = max(times.values())
    show(
        ("promise", "floor", "seen"),
        [
            ("slowest report", f"≤ {FLOOR_MS:.0f} ms", f"{slowest:.1f} ms"),
            ("funnel of the last 4 weeks, against raw rows", "equal", "equal" if is_equal else "different"),
            ("partitions read for a booking by id", "1", partitions),
        ],
    )
    return 0 if slowest <= FLOOR_MS and is_equal and partitions == 1 else 1


def size_of(connection: Connection, table: str) -> str:
    """Return how many rows a table has."""
    return f"{connection.execute(text(f'SELECT count(*) FROM {table}')).scalar_one():,}"


def time_all(engine: Engine) -> dict[tuple[str, str], float]:
    """Return for each report and range the middle of a few times, as it comes and narrowed by all its filters."""
    last = date.today() - timedelta(days=1)  # noqa: DTZ011 - a day more or less is the same work
    return {
        (name, title): time_one(
            engine, report, Ask(Span(last - timedelta(days=days - 1), last, ZONE), choice)
        )
        for report in REPORTS
        for name, choice in asked(report).items()
        for title, days in RANGES.items()
    }


def asked(report: Report) -> dict[str, dict[str, str]]:
    """Return the ways in which a report can be asked for, each with its filters' values."""
    narrowed = {name: COMMONEST[name] for name in report.filters}
    return {report.name: {}} | ({f"{report.name}, narrowed": narrowed} if narrowed else {})


def time_one(engine: Engine, report: Report, ask: Ask) -> float:
    """Return the milliseconds a report's page spends in SQL, planning and fetching included."""
    seen = []
    for _ in range(TRIES):
        with Session(engine) as session, stopwatch(engine) as spent:
            read_contents(session, report, ask)
        seen.append(sum(spent) * 1000)
    return sorted(seen)[TRIES // 2]


@contextmanager
def stopwatch(engine: Engine) -> Iterator[list[float]]:
    """Collect how long each statement takes."""
    spent: list[float] = []
    began = 0.0

    def before(*_: Any) -> None:  # Any: SQLAlchemy's event
        nonlocal began
        began = time.perf_counter()

    def after(*_: Any) -> None:  # Any: as above
        spent.append(time.perf_counter() - began)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    try:
        yield spent
    finally:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)


def funnel_is_right(connection: Connection) -> bool:
    """Count the last four weeks from the raw rows and compare."""
    days = (
        connection.execute(text("SELECT max(day) - 28 AS first, max(day) - 1 AS last FROM funnel_daily"))
        .mappings()
        .one()
    )
    raw = {tuple(row) for row in connection.execute(BRUTE, {**days, "zone": ZONE}) if row[0] is not None}
    rolled = {tuple(row) for row in connection.execute(ROLLED, dict(days))}
    return raw == rolled and len(raw) > 1


def partitions_of_a_lookup(connection: Connection) -> int:
    """Return how many partitions the done page reads for a booking in the middle of the years."""
    middle = text(
        "SELECT id FROM bookings WHERE id >= uuid_v7_floor(now() - interval '3 years') ORDER BY id LIMIT 1"
    )
    booking = connection.execute(middle).scalar_one()
    explained = text(f"EXPLAIN (ANALYZE, COSTS OFF) {promise.FIND.text}")
    lines = connection.execute(explained, {"id": booking, "move_job": "none"}).scalars().all()
    print("\n".join(lines), file=sys.stderr)
    return sum(" on bookings_" in line and "never executed" not in line for line in lines)


if __name__ == "__main__":
    sys.exit(main())
