"""P5 and P6: the submit beside the bare submit and beside pgbench, all with the same statements on the same database."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url

from bench.ready import Ready, ready_visits
from bench.script import SCRIPT, make_room
from bench.stage import Stage, stage
from bench.table import Figure, report, show
from bench.wire import Run, drive, post
from sandbox.account import Account
from sandbox.binaries import postgres_bin

CONTROLS = {"a statement each table": "?tables", "the same statements": ""}
NAMES = ("product", *CONTROLS)
TPS = re.compile(r"tps = ([0-9.]+)")
CLIENTS = 8


def main() -> int:
    """Book in turns: product, control, pgbench; first one client for the costs, then eight for the rates."""
    parser = argparse.ArgumentParser(prog="python -m bench.submit", description=__doc__)
    parser.add_argument("--requests", type=int, default=500, help="of each, a round")
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    with stage() as at, tempfile.TemporaryDirectory(prefix="a1-bench-") as folder:
        calm = {name: Run() for name in NAMES}
        busy = {name: Run() for name in NAMES}
        rates: list[float] = []
        for number in range(options.rounds + 1):
            kept = number > 0  # the first round only warms up
            for clients, total in ((2, calm), (CLIENTS, busy)):
                for name, run in book(at, options.requests, clients).items():
                    if kept:
                        total[name].add(run)
            rate = pgbench(at, Path(folder), options.requests)
            rates += [rate] if kept else []
    return tell(calm, busy, sum(rates) / len(rates))


def book(at: Stage, count: int, clients: int) -> dict[str, Run]:
    """Let product and control book as many visits each."""
    with at.owner.begin() as connection:
        visits = ready_visits(connection, at.settings, len(NAMES) * count)
    with at.owner.connect() as connection:
        connection.execute(text("ANALYZE time_slots, slot_capacity, wizard_sessions"))
    runs = {}
    for number, name in enumerate(NAMES):
        server = at.bare if name in CONTROLS else at.product
        own = visits[number * count : (number + 1) * count]
        sent = [bare_submit(visit, CONTROLS[name]) if name in CONTROLS else visit.submit() for visit in own]
        runs[name] = drive(server.port, sent, clients, server.pid)
        assert set(runs[name].statuses) == {200}, (name, runs[name].statuses)
    return runs


def bare_submit(visit: Ready, how: str) -> bytes:
    """Return the control's request for a visit."""
    return post(f"/submit/{visit.visit_id}{how}", {})


def pgbench(at: Stage, folder: Path, count: int) -> float:
    """Let eight clients of pgbench book as many visits, and return transactions a second."""
    with at.owner.begin() as connection:
        make_room(connection, [str(visit.visit_id) for visit in ready_visits(connection, at.settings, count)])
    script = folder / "submit.sql"
    script.write_text(SCRIPT)
    url = make_url(at.stack.env["DATABASE_URL"])
    program = postgres_bin(Account(os.geteuid(), os.getegid(), change=False), folder) / "pgbench"
    command = [
        str(program),
        "-n",
        "-M",
        "prepared",
        "-c",
        str(CLIENTS),
        "-j",
        "2",
        "-t",
        str(count // CLIENTS),
        "-f",
        str(script),
    ]
    place = ["-h", str(url.host), "-p", str(url.port), "-U", str(url.username), str(url.database)]
    done = subprocess.run(
        [*command, *place],
        env=os.environ | {"PGPASSWORD": str(url.password)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = TPS.search(done.stdout)
    assert found, done.stderr
    assert "number of failed transactions: 0 " in done.stdout, done.stdout
    return float(found[1])


def tell(calm: dict[str, Run], busy: dict[str, Run], rate: float) -> int:
    """Print what each cost, and the figures that were promised."""
    rows = [
        (
            clients,
            name,
            f"{run.ms_each:.2f}",
            f"{run.rate:.0f}",
            f"{run.latency_ms(0.5):.1f}",
            f"{run.latency_ms(0.99):.1f}",
        )
        for clients, runs in ((2, calm), (CLIENTS, busy))
        for name, run in runs.items()
    ]
    show(
        ("clients", "who", "CPU ms", "submits/s", "p50 ms", "p99 ms"),
        [*rows, (CLIENTS, "pgbench", "", f"{rate:.0f}", "", "")],
    )
    return report(
        *(share(calm, name) for name in CONTROLS),
        Figure(
            "P6 submit at 8 clients, of pgbench", 20, 35, 100 * busy["product"].rate / rate, " %",
            note=f"{busy['product'].rate:.0f} of {rate:.0f} a second",
        ),
    )  # fmt: skip


def share(runs: dict[str, Run], name: str) -> Figure:
    """Return what a control costs, of what the product costs."""
    product, bare = runs["product"], runs[name]
    note = f"{bare.ms_each:.2f} of {product.ms_each:.2f} CPU ms; submits/s {100 * product.rate / bare.rate:.0f} %"
    return Figure(
        f"P5 submit, of bare with {name}", 60, 80, 100 * bare.ms_each / product.ms_each, " %", note=note
    )


if __name__ == "__main__":
    sys.exit(main())
