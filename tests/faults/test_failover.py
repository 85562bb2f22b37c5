"""The primary is gone and the replica takes over: what was acknowledged is there, and everybody goes on by themselves."""

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psycopg
import pytest

from sandbox.stack import running_stack
from tests.chaos.clients import Answer, Crowd, Habits, Person
from tests.chaos.product import Product
from tests.faults.live import wait_for
from tests.faults.pair import Pair, running_pair

ZIPS = ["85004"]
PEOPLE = 3
PROCESSES = ("web", "dispatcher", "worker-critical", "worker-notify", "worker-sync")


@dataclass
class Bookers:
    """People who book one after the other; `accepted` holds when each got their reference."""

    env: dict[str, str]
    accepted: list[tuple[float, str]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> list[threading.Thread]:
        """Let them begin."""
        threads = [threading.Thread(target=self._book, args=(first,)) for first in range(PEOPLE)]
        for thread in threads:
            thread.start()
        return threads

    def _book(self, number: int) -> None:
        crowd = Crowd(cast("Product", SimpleNamespace(env=self.env)), ZIPS, seed=17, habits=Habits(texts=0.0))
        while not self.stop.is_set():
            person = Person(crowd, number, random.Random(number))
            visit = person.book()
            person.web.close()
            self.answers.append(visit.answer)
            if visit.reference:
                self.accepted.append((time.monotonic(), visit.reference))
            number += PEOPLE


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
        pair.wait_for_replica()
        pids = {name: stack.supervisor.pid(name) for name in PROCESSES}
        bookers = Bookers(stack.env)
        threads = bookers.start()
        wait_for(lambda: len(bookers.accepted) >= 4, 90, "bookings before the fault")
        pair.lose_primary()
        lost_at = time.monotonic()
        time.sleep(1.0)  # somebody or something has to notice first
        pair.promote()
        promoted_at = time.monotonic()
        wait_for(lambda: later(bookers, promoted_at), 90, "a booking after the promotion")
        first = later(bookers, promoted_at)[0]
        wait_for(lambda: len(later(bookers, promoted_at)) >= 4, 90, "bookings after the promotion")
        bookers.stop.set()
        for thread in threads:
            thread.join(120)
        references = {reference for _, reference in bookers.accepted}
        kept = {row[0] for row in pair.ask(pair.second, "SELECT reference FROM bookings", "a1")}
        assert references - kept == set(), "acknowledged and lost"
        assert set(bookers.answers) <= {Answer.ACCEPTED, Answer.TAKEN, Answer.NO_WINDOW}
        open_jobs = "SELECT count(*) FROM queue_jobs WHERE job_type = 'servicetitan.create_job' AND status IN ('pending', 'processing')"
        wait_for(lambda: pair.ask(pair.second, open_jobs, "a1") == [(0,)], 120, "everything delivered")
        assert {name: stack.supervisor.pid(name) for name in PROCESSES} == pids, "restarted"
    pair.bring_back()
    same = "SELECT count(*), md5(string_agg(id::text, '' ORDER BY id)) FROM bookings"
    wait_for(lambda: pair.ask(pair.first, same, "a1") == pair.ask(pair.second, same, "a1"), 60, "caught up")
    with capsys.disabled():
        before = len([at for at, _ in bookers.accepted if at < lost_at])
        print(
            f"\nfailover: {before} bookings acknowledged before the primary was lost, {len(references)} in all, 0 missing;"
        )
        print(
            f"  promotion {promoted_at - lost_at - 1.0:.2f} s, first booking {first - promoted_at:.2f} s after it"
        )


def later(bookers: Bookers, moment: float) -> list[float]:
    """Return when bookings were acknowledged after a moment."""
    return sorted(at for at, _ in bookers.accepted if at > moment)


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
