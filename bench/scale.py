"""P20: the same step and the same submit on years of data and on empty tables, in turns on one cluster."""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import text

from bench.ready import ready_visits
from bench.scratch import EMPTY, FULL, add_database, scratch_cluster
from bench.stage import Stage, stage
from bench.table import Figure, report, show
from bench.wire import Run, drive
from sandbox.postgres import Cluster

CLIENTS = 2
# A dispatcher that starts at night begins to delete, and these years have to last.
KEEP = {f"RETENTION_{what}_DAYS": "36500" for what in ("EVENTS", "JOBS", "MESSAGES", "SLOTS", "LEADS")} | {
    "RETENTION_RECORDS_YEARS": "100"
}


class Pair(NamedTuple):
    """What a step and a submit cost."""

    step: Run
    submit: Run


def main() -> int:
    """Measure both databases in turns."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder that bench.generate filled")
    parser.add_argument("--requests", type=int, default=400, help="of each kind, a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with scratch_cluster(options.data.resolve()) as cluster:
        add_database(cluster, EMPTY)
        with stage(**wishes(cluster, FULL)) as full, stage(**wishes(cluster, EMPTY)) as empty:
            stages = {"years of data": full, "empty tables": empty}
            total = {name: Pair(Run(), Run()) for name in stages}
            for number in range(options.rounds + 1):
                for name, at in stages.items():
                    seen = measure(at, options.requests)
                    if number:  # the first round only warms up
                        total[name].step.add(seen.step)
                        total[name].submit.add(seen.submit)
    return tell(total)


def wishes(cluster: Cluster, database: str) -> dict[str, str]:
    """Return the settings that put the product on this database, and leave there what is there."""
    return KEEP | {
        "DATABASE_URL": cluster.url("a1_app", database),
        "MIGRATION_DATABASE_URL": cluster.url("a1_owner", database),
        "REPORTING_DATABASE_URL": cluster.url("a1_report", database),
    }


def measure(at: Stage, count: int) -> Pair:
    """Send steps and submits."""
    with at.owner.begin() as connection:
        visits = ready_visits(connection, at.settings, count)
        connection.execute(text("ANALYZE wizard_sessions"))
    steps = [
        request
        for visit in visits[: count // 2]
        for request in (visit.post("ownership", homeowner_status="owner"), visit.get("slot"))
    ]
    step = drive(at.product.port, steps, CLIENTS, at.product.pid)
    submit = drive(at.product.port, [visit.submit() for visit in visits], CLIENTS, at.product.pid)
    assert set(step.statuses) == set(submit.statuses) == {200}, (step.statuses, submit.statuses)
    return Pair(step, submit)


def tell(total: dict[str, Pair]) -> int:
    """Print both and their ratio."""
    rows = [
        (
            kind,
            name,
            f"{run.rate:.0f}",
            f"{run.ms_each:.2f}",
            f"{run.latency_ms(0.5):.2f}",
            f"{run.latency_ms(0.99):.1f}",
        )
        for kind in Pair._fields
        for name, pair in total.items()
        for run in (getattr(pair, kind),)
    ]
    show(("kind", "tables", "requests/s", "web CPU ms", "p50 ms", "p99 ms"), rows)
    figures = []
    for kind in Pair._fields:
        full, empty = (
            getattr(total[name], kind).latency_ms(0.5) for name in ("years of data", "empty tables")
        )
        note = f"median {full:.2f} against {empty:.2f} ms"
        figures.append(
            Figure(f"P20 {kind}, years of data against empty", 90, 97, 100 * empty / full, " %", note=note)
        )
    return report(*figures)


if __name__ == "__main__":
    sys.exit(main())
