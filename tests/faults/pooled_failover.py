"""The same loss behind PgBouncer, which is pointed at the new primary: run by `make compat`, which names it when it is missing."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import pgbouncer, ports
from sandbox.pgbouncer import Pooler
from sandbox.stack import running_stack
from tests.faults.failing_over import follow_again, lose_and_promote
from tests.faults.pair import Pair, running_pair


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A primary with a replica, and the limits that processes cannot bring along through a pooler."""
    with running_pair(tmp_path / "pair") as running:
        pgbouncer.set_limits(running.first)
        yield running


@pytest.fixture
def pooler(pair: Pair) -> Pooler:
    """PgBouncer as deployed, in front of the primary."""
    opened = pgbouncer.open_pooler(pair.first.home.parent / "pgbouncer", pair.first, port=ports.pick())
    pair.supervisor.start(opened.program())
    return opened


def test_behind_a_pooler_one_changed_line_and_a_reload_are_enough(
    pair: Pair, pooler: Pooler, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wishes = {
        "DATABASE_URL": pooler.through(pair.first.app_url),
        "REPORTING_DATABASE_URL": pooler.through(pair.first.report_url),
        "MIGRATION_DATABASE_URL": pair.first.owner_url,
        "DB_POOLER": "pgbouncer",
        "TRUSTED_PROXY_COUNT": "1",
    }
    pid = pair.supervisor.pid("pgbouncer")

    def repoint() -> None:
        pgbouncer.open_pooler(pooler.home, pair.second, port=pooler.port)
        os.kill(pid, signal.SIGHUP)

    with running_stack(tmp_path / "stack", JOB_LEASE_SECONDS="24", **wishes) as stack:
        seen = lose_and_promote(pair, stack, repoint)
    assert pair.supervisor.pid("pgbouncer") == pid, "restarted"
    follow_again(pair)
    with capsys.disabled():
        print(f"\nfailover through PgBouncer: {seen}")
