"""How long it takes to lose everything and have it back: a full backup, and a server that answers from it again.

`python -m bench.recovery --data FOLDER` takes a folder that bench.generate filled; `--url` a running server and a role that
may replicate and read everything. Nothing is changed there but a replication slot, which goes again.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import text

from app.maintenance.backups import checks, copies, full, receiving, restore, store, sums, trial
from app.maintenance.backups.full import Done
from app.maintenance.backups.restore import Target
from app.maintenance.backups.store import Store
from sandbox import ports
from sandbox.account import server_account
from sandbox.binaries import postgres_bin
from sandbox.home import server_home
from sandbox.postgres import open_cluster
from sandbox.supervisor import Supervisor

TUNING = ("shared_buffers=2GB", "max_wal_size=16GB", "max_locks_per_transaction=512")
DROP = text("SELECT pg_drop_replication_slot(:slot)")


@dataclass(frozen=True)
class Times:
    """Seconds of each part."""

    backup: float
    unpack: float
    recover: float
    contents: float
    structure: float


def main() -> int:
    """Measure once and print one table."""
    parser = argparse.ArgumentParser(prog="python -m bench.recovery", description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="a folder that bench.generate filled")
    source.add_argument("--url", help="a running server, as postgresql+psycopg://…")
    parser.add_argument("--bindir", default="", help="folder of PostgreSQL's programs")
    parser.add_argument(
        "--scratch", type=Path, help="where backup and copy go for the time; twice the database's size"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="a1-recovery-", dir=options.scratch) as made:
        place = Path(made)
        place.chmod(0o755)
        with (
            served(options.data, place) if options.data else given(options.url, options.bindir) as (
                url,
                programs,
            )
        ):
            kept = Store(place / "backups", place / "spool", store.new_key(), url, programs)
            for folder in (kept.base, kept.wal, kept.spool):
                folder.mkdir(parents=True)
            done = full.run(kept, place)
            with sums.connect(url).execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                connection.execute(DROP, {"slot": receiving.SLOT})
        show(done, bring_back(kept, done, place))
    return 0


@contextmanager
def served(data: Path, place: Path) -> Iterator[tuple[str, str]]:
    """Run the cluster of a folder, able to be backed up."""
    home = server_home(data, server_account(data / "postgres" / "data"), lasting=False)
    cluster = open_cluster(home / "postgres", port=ports.pick(), spare=home / "programs", careful=False)
    cluster.forget_last_run()
    supervisor, program = Supervisor(place / "log"), cluster.program()
    more = [word for setting in TUNING for word in ("-c", setting)]
    try:
        supervisor.start(replace(program, argv=[*program.argv, *more], stop_seconds=120.0), within=300.0)
        yield cluster.url("postgres"), str(cluster.bin)
    finally:
        supervisor.stop()


@contextmanager
def given(url: str, bindir: str) -> Iterator[tuple[str, str]]:
    """Take a server that runs already."""
    home = Path(tempfile.gettempdir()) / "a1-programs"
    yield url, bindir or str(postgres_bin(server_account(home), home))


def bring_back(kept: Store, done: Done, place: Path) -> Times:
    """Restore until a server answers and takes writes, then look at everything it holds."""
    with copies.folder(kept, "a1-restore-", place) as folder:
        began = time.monotonic()
        laid = restore.lay_out(kept, done.manifest, folder)
        unpacked = time.monotonic()
        with trial.running(kept, laid, Target(point=done.manifest.point)) as copy:
            answers = time.monotonic()
            with copy.engine().connect() as connection:
                checks.contents(connection, done.manifest)
            compared = time.monotonic()
            checks.structure(kept, copy)
            sound = time.monotonic()
    return Times(done.seconds, unpacked - began, answers - unpacked, compared - answers, sound - compared)


def show(done: Done, times: Times) -> None:
    """Print the table."""
    made = done.manifest
    rows = sum(table.rows for table in made.tables.values())
    cells = (
        f"{made.tables['bookings'].rows:,}",
        f"{rows:,}",
        f"{made.contained / 1e6:,.0f}",
        f"{made.size / 1e6:,.0f}",
        f"{times.backup:.0f}",
        f"{times.unpack:.1f}",
        f"{times.recover:.1f}",
        f"{times.unpack + times.recover:.1f}",
        f"{times.contents:.1f}",
        f"{times.structure:.1f}",
    )
    print(
        "| bookings | all rows | cluster, MB | backup, MB | backup and verify, s | unpack, s | recover, s | **RTO, s** | rows and ids compared, s | pg_amcheck, s |"
    )
    print("|" + "---|" * len(cells))
    print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    sys.exit(main())
