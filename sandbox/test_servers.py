"""Throw-away PostgreSQL and Valkey around one command: `python -m sandbox.test_servers -- pytest …`."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sandbox import pgbouncer
from sandbox.postgres import throwaway_cluster
from sandbox.valkey import throwaway_valkey


def run(command: list[str]) -> int:
    """Run the command with TEST_… addresses in its environment and give its exit code."""
    with tempfile.TemporaryDirectory(prefix="a1-garage-test-") as folder:
        top = Path(folder)
        with running_databases(top) as databases, throwaway_valkey(top / "valkey") as doorbell:
            addresses = databases | {"TEST_REDIS_URL": doorbell.url}
            return _wait_for(subprocess.Popen(command, env=os.environ | addresses))


@contextmanager
def running_databases(folder: Path) -> Iterator[dict[str, str]]:
    """Run a cluster in `folder`, with a pooler in front of everybody but the owner where one is wanted."""
    with ExitStack() as servers:
        cluster = servers.enter_context(throwaway_cluster(folder / "postgres"))
        app, report, kind = cluster.app_url, cluster.report_url, "direct"
        if pgbouncer.is_wanted():
            pooler = servers.enter_context(pgbouncer.throwaway_pooler(folder / "pooler", cluster))
            app, report, kind = pooler.through(app), pooler.through(report), "pgbouncer"
        yield {
            "TEST_DATABASE_URL": cluster.owner_url,
            "TEST_APP_DATABASE_URL": app,
            "TEST_REPORT_DATABASE_URL": report,
            "TEST_DB_POOLER": kind,
        }


def _wait_for(process: subprocess.Popen[bytes]) -> int:
    """Pass on a wish to stop and keep the servers until the command is done with them."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: process.terminate())
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # the terminal told the command as well


def main(arguments: list[str]) -> int:
    """Run what stands after `--`; a bare `pytest` means this Python's."""
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    if not command:
        print("Usage: python -m sandbox.test_servers -- COMMAND…", file=sys.stderr)
        return 2
    if command[0] == "pytest":
        command = [sys.executable, "-m", *command]
    return run(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
