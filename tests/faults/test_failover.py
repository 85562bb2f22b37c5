"""The primary is gone and the replica takes over: what was acknowledged is there, and everybody goes on by themselves."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from sandbox.stack import running_stack
from tests.faults.failing_over import follow_again, lose_and_promote
from tests.faults.live import wait_for
from tests.faults.pair import Pair, running_pair


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A primary with a replica."""
    with running_pair(tmp_path / "pair") as running:
        yield running


def test_every_acknowledged_booking_is_on_the_promoted_replica_and_nobody_is_restarted(
    pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wishes = {
        "DATABASE_URL": pair.url("a1_app"),
        "MIGRATION_DATABASE_URL": pair.url("a1_owner"),
        "REPORTING_DATABASE_URL": pair.url("a1_report"),
        "TRUSTED_PROXY_COUNT": "1",
    }
    with running_stack(tmp_path / "stack", JOB_LEASE_SECONDS="24", **wishes) as stack:
        seen = lose_and_promote(pair, stack, lambda: None)
    follow_again(pair)
    with capsys.disabled():
        print(f"\nfailover: {seen}")


@dataclass
class Writers:
    """Sessions that write one small row after the other, and remember which were acknowledged, and when."""

    address: str
    options: str = ""
    acknowledged: list[tuple[float, int, int]] = field(default_factory=list)

    def start(self, count: int = 4) -> list[threading.Thread]:
        """Let them begin; each ends when its connection does."""
        threads = [threading.Thread(target=self._write, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        return threads

    def _write(self, number: int) -> None:
        try:
            with psycopg.connect(self.address, autocommit=True, options=self.options) as connection:
                for n in range(10**9):
                    connection.execute("INSERT INTO written VALUES (%s, %s)", [number, n])
                    self.acknowledged.append((time.monotonic(), number, n))
        except psycopg.OperationalError:
            return


@pytest.mark.parametrize("waits", [True, False], ids=["synchronous", "asynchronous"])
def test_what_is_lost_with_the_primary(pair: Pair, waits: bool, capsys: pytest.CaptureFixture[str]) -> None:
    pair.ask(pair.first, "CREATE TABLE written (who integer, n integer)")
    if waits:
        pair.wait_for_replica()
    writers = Writers(pair.first.libpq("postgres", "postgres"))
    threads = writers.start()
    wait_for(lambda: len(writers.acknowledged) > 2000, 60, "enough written")
    pair.lose_primary()
    for thread in threads:
        thread.join(30)
    pair.promote()
    kept = set(pair.ask(pair.second, "SELECT who, n FROM written"))
    missing = [(at, who, n) for at, who, n in writers.acknowledged if (who, n) not in kept]
    last = max(at for at, *_ in writers.acknowledged)
    window = last - min((at for at, *_ in missing), default=last)
    with capsys.disabled():
        kind = "synchronous" if waits else "asynchronous"
        print(
            f"\nfailover, {kind}: {len(writers.acknowledged)} rows acknowledged, {len(missing)} lost, within the last {window * 1000:.1f} ms"
        )
    if waits:
        assert missing == []
    for number in range(len(threads)):
        mine = sorted(n for who, n in kept if who == number)
        assert mine == list(range(len(mine))), "what is lost are the last rows, never one in the middle"


def test_without_its_replica_a_commit_waits_and_is_not_acknowledged_until_somebody_decides(
    pair: Pair,
) -> None:
    """No limit of time ends that wait: docs/failover.md says what to type."""
    pair.ask(pair.first, "CREATE TABLE written (who integer, n integer)")
    pair.wait_for_replica()
    pair.supervisor.pause("second")
    writers = Writers(pair.first.libpq("postgres", "postgres"), "-c statement_timeout=500ms")
    threads = writers.start(1)
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    wait_for(lambda: pair.ask(pair.first, waiting), 30, "a commit waits")
    time.sleep(2.0)
    assert writers.acknowledged == []
    pair.stop_waiting()
    wait_for(lambda: len(writers.acknowledged) > 10, 30, "bookings go on")
    pair.lose_primary()
    threads[0].join(30)
