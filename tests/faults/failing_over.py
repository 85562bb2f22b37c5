"""The story of a lost primary, told to the whole product: people book, it dies, the replica takes over, nobody is restarted."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

from sandbox.stack import Stack
from tests.chaos.clients import Answer, Crowd, Habits, Person
from tests.chaos.product import Product
from tests.faults.live import wait_for
from tests.faults.pair import Pair

ZIPS = ["85004"]
PEOPLE = 3
PROCESSES = ("web", "dispatcher", "worker-critical", "worker-notify", "worker-sync")
OPEN = "SELECT count(*) FROM queue_jobs WHERE job_type = 'servicetitan.create_job' AND status IN ('pending', 'processing')"
SAME = "SELECT count(*), md5(string_agg(id::text, '' ORDER BY id)) FROM bookings"
PATIENCE = 120.0


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

    def later(self, moment: float) -> list[float]:
        """Return when bookings were acknowledged after a moment."""
        return sorted(at for at, _ in self.accepted if at > moment)

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


def lose_and_promote(pair: Pair, stack: Stack, repoint: Callable[[], None]) -> str:
    """Lose the primary while people book, promote the replica, and say what was seen; `repoint` tells the pooler, if any."""
    pair.wait_for_replica()
    pids = {name: stack.supervisor.pid(name) for name in PROCESSES}
    bookers = Bookers(stack.env)
    threads = bookers.start()
    wait_for(lambda: len(bookers.accepted) >= 4, PATIENCE, "bookings before the fault")
    pair.lose_primary()
    lost_at = time.monotonic()
    time.sleep(1.0)  # somebody or something has to notice first
    pair.promote()
    repoint()
    promoted_at = time.monotonic()
    wait_for(lambda: len(bookers.later(promoted_at)) >= 4, PATIENCE, "bookings after the promotion")
    bookers.stop.set()
    for thread in threads:
        thread.join(PATIENCE)
    references = {reference for _, reference in bookers.accepted}
    kept = {row[0] for row in pair.ask(pair.second, "SELECT reference FROM bookings", "a1")}
    assert references - kept == set(), "acknowledged and lost"
    assert set(bookers.answers) <= {Answer.ACCEPTED, Answer.TAKEN, Answer.NO_WINDOW}
    wait_for(lambda: pair.ask(pair.second, OPEN, "a1") == [(0,)], PATIENCE, "everything delivered")
    assert {name: stack.supervisor.pid(name) for name in PROCESSES} == pids, "restarted"
    before = len([at for at, _ in bookers.accepted if at < lost_at])
    return (
        f"{before} bookings acknowledged before the primary was lost, {len(references)} in all, 0 missing;"
        f" promotion {promoted_at - lost_at - 1.0:.2f} s, first booking {bookers.later(promoted_at)[0] - promoted_at:.2f} s after it"
    )


def follow_again(pair: Pair) -> None:
    """Bring the former primary back as a replica and wait until it holds the same bookings."""
    pair.bring_back()
    wait_for(
        lambda: pair.ask(pair.first, SAME, "a1") == pair.ask(pair.second, SAME, "a1"), PATIENCE, "caught up"
    )
